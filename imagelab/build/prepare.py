"""Before a build: the Dockerfile is read whole, and the context is found.

A context comes as a folder, as a tar, or as a mapping; the Dockerfile lies in it, or somewhere else. What comes out is
the same for all: a checked Dockerfile and a Context.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from ..errors import LabError, NotFound
from ..filesystem.entry import Entry
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes, Tree
from ..oci import tar
from ..oci.compression import compression_of
from ..oci.layer import changes_of
from ..store.store import Store
from .context import Context, StatIndex
from .dockerfile import MAX_BYTES, Dockerfile, parse

Source = Mapping[str, "bytes | str | Entry"] | str | os.PathLike[str] | BinaryIO


def prepare(
    store: Store, context: Source, dockerfile: str | os.PathLike[str] | bytes | None
) -> tuple[Dockerfile, Context]:
    """The Dockerfile (a path, or its text as bytes) and the context of a build.

    A stream that is no tar is itself the Dockerfile, with nothing in the context. Raises LabError for either that is
    not there or not usable.
    """
    if isinstance(context, str | os.PathLike) and os.path.isdir(context):
        return _from_folder(store, Path(context), dockerfile)
    if isinstance(context, Mapping):
        tree, name = Tree().apply(Changes.of(context)), "the context"
    else:
        tree, name = _from_tar(context), "the context"
    wanted = "Dockerfile" if dockerfile is None or isinstance(dockerfile, bytes) else os.fspath(dockerfile)
    file = parse(dockerfile if isinstance(dockerfile, bytes) else _read(tree, wanted, name), wanted)
    ignore = next((tree[path].read() for path in (f"{wanted}.dockerignore", ".dockerignore") if path in tree), None)
    return file, Context.of_tree(tree, name, ignore)


def _from_folder(
    store: Store, folder: Path, dockerfile: str | os.PathLike[str] | bytes | None
) -> tuple[Dockerfile, Context]:
    path = folder / "Dockerfile" if dockerfile is None or isinstance(dockerfile, bytes) else Path(dockerfile)
    try:
        data = dockerfile if isinstance(dockerfile, bytes) else _start_of(path)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"unable to read the Dockerfile: there is no {str(path)!r}") from None
    shown = os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path)
    file = parse(data, shown)
    ignores = (path.with_name(path.name + ".dockerignore"), folder / ".dockerignore")
    ignore = next((_start_of(found) for found in ignores if found.is_file()), None)
    if ignore and len(ignore) > MAX_BYTES:
        raise LabError(f".dockerignore: more than {MAX_BYTES:,} bytes are too many")
    name = hashlib.sha256(os.path.realpath(folder).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    index = StatIndex(store.home / "cache" / "build" / f"stat-{name}")
    return file, Context.of_folder(folder, ignore=ignore, portable=store.epoch is not None, index=index)


def _start_of(path: Path) -> bytes:
    """A file of text, whole, or a byte more than is allowed."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _from_tar(source: str | os.PathLike[str] | BinaryIO) -> Tree:
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        try:
            with open(path, "rb") as file:
                head = file.read(tar.BLOCK)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"unable to prepare context: path {path!r} not found") from None
        if not compression_of(head) and not tar.is_header(head):
            raise LabError(f"unable to prepare context: context must be a directory or a tar: {path!r} is neither")
        return Tree().apply(changes_of(lambda: open(path, "rb"), f"the context {path!r}"))
    spool = tempfile.NamedTemporaryFile(prefix="imagelab-context-")  # noqa: SIM115 - lives as long as the tree
    for piece in pieces_of(source):
        spool.write(piece)
    spool.flush()
    spool.seek(0)
    head = spool.read(tar.BLOCK)
    if not compression_of(head) and not tar.is_header(head):
        spool.seek(0)
        return Tree().apply(Changes.of({"Dockerfile": spool.read(MAX_BYTES + 1)}))
    return Tree().apply(changes_of(lambda: open(spool.name, "rb"), "the context's tar"))


def _read(tree: Tree, path: str, name: str) -> bytes:
    try:
        return tree.find(path).read()
    except LabError:
        raise NotFound(f"unable to read the Dockerfile: there is no {path!r} in {name}") from None
