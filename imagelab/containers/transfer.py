"""One idea: files go into a container and out of it by one rule, which is that of `cp -a`.

A folder copied to a place where nothing is takes that name; to a folder, it goes into it, unless its name ends in `/.`,
which means what is in it. Paths in the container are resolved inside it; links are copied as links.

Follows moby's archive/copy.go, which both sides of `docker cp` use.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from ..compression import pieces_of
from ..digest import Digest
from ..entry import Entry, Gone, order
from ..errors import Conflict, NotFound
from ..layer import TAR, Layer, pack
from ..rooted import Root
from ..rootfs import scan
from ..tree import Changes, Tree
from ..writable import PRIVILEGED

Stream = str | os.PathLike[str] | BinaryIO


def copy_out(tree: Tree, path: str, to: Stream) -> None:
    """Copy what is at a path of a container's merged files to this machine, or as a tar to a stream.

    Raises NotFound for a path or a directory that is not there, and Conflict where a file is in a folder's way.
    """
    place, entries = _taken(tree, path)
    if not isinstance(to, str | os.PathLike):
        name = posixpath.basename(place) if not path.endswith("/.") else ""
        pack(
            Changes({posixpath.join(name, below) if below else name: entry for below, entry in entries.items()}),
            to.write,
        )
        return
    wanted = os.fspath(to)
    target = Path(wanted)
    is_folder = entries[""].kind == "dir"
    name = _landing(
        wanted,
        "dir" if target.is_dir() else "file" if target.exists() else "",
        is_folder,
        path,
        posixpath.basename(place),
    )
    parent = target if name else target.parent
    if not parent.is_dir():
        raise NotFound(f"no such directory: {str(parent)!r}")
    _write(Root(parent.resolve()), name or target.name, entries, lambda entry: None)


def copy_in(root: Root, source: Stream, path: str, *, archive: bool) -> None:
    """Copy a file or folder of this machine, or what a stream's tar holds, into a container's root folder.

    Raises NotFound for a source or a directory that is not there, and Conflict where a file is in a folder's way.
    """
    with ExitStack() as opened:
        if isinstance(source, str | os.PathLike):
            wanted = os.fspath(source)
            entries = _from_disk(Path(wanted))
            kind = root.kind(path)
            name = _landing(path, kind, entries[""].kind == "dir", wanted, Path(wanted).resolve().name)
            target = posixpath.join(path, name) if name else path.rstrip("/")
        else:
            entries = _from_tar(source, opened)
            target = path
            if root.kind(path) != "dir":
                raise NotFound(f"no such directory in the container: {path!r}")
        if root.kind(posixpath.dirname("/" + target.strip("/")) or "/") != "dir":
            raise NotFound(f"no such directory in the container: {posixpath.dirname(target)!r}")
        _write(root, target, entries, lambda entry: _owner(entry, archive))


def _owner(entry: Entry, archive: bool) -> tuple[int, int] | None:
    """Whose a file becomes: root's, or with --archive whose it was; an ordinary user cannot set that on disk."""
    return None if not PRIVILEGED else (entry.uid, entry.gid) if archive else (0, 0)


def _landing(wanted: str, found: str, is_folder: bool, source: str, name: str) -> str:
    """The name under which a source goes into its destination, or "" when it takes the destination's own name."""
    if found == "dir":
        return "" if is_folder and source.endswith("/.") else name
    if found and is_folder:
        raise Conflict(f"cannot copy a directory to {wanted!r}, which is a file")
    if wanted.endswith("/") and not is_folder:
        raise NotFound(f"no such directory: {wanted!r}")
    return ""


def _taken(tree: Tree, path: str) -> tuple[str, Mapping[str, Entry]]:
    """Where a path of a tree really is, and what is there and below, by paths relative to it; "" is itself."""
    follow = path.endswith(("/", "/."))
    place = tree.resolve(path) if follow else tree.place(path.strip("/"))
    if place not in tree:
        raise NotFound(f"no such file or directory in the container: {path!r}")
    above = f"{place}/" if place else ""
    below = {p[len(above) :]: entry for p, entry in tree.items() if p and p.startswith(above)}
    return place, {"": tree[place], **below}


def _from_disk(path: Path) -> Mapping[str, Entry]:
    if not os.path.lexists(path):
        raise NotFound(f"lstat {path}: no such file or directory")
    if path.is_dir():
        return {"": Entry.dir(path.stat().st_mode & 0o7777), **scan(path).entries}
    return {"": scan(path.parent, [(path.name, os.lstat(path))]).entries[path.name]}


def _from_tar(stream: BinaryIO, opened: ExitStack) -> Mapping[str, Entry]:
    spool = opened.enter_context(tempfile.NamedTemporaryFile(prefix="imagelab-cp-"))  # noqa: SIM115
    for piece in pieces_of(stream):
        spool.write(piece)
    spool.flush()
    layer = Layer(Digest(""), Digest(""), 0, TAR, lambda: open(spool.name, "rb"))  # noqa: SIM115
    return dict(Tree().apply(layer.changes()))


def _write(
    root: Root, target: str, entries: Mapping[str, Entry], owned: Callable[[Entry], tuple[int, int] | None]
) -> None:
    written: dict[int, str] = {}
    for below in sorted(entries, key=order):
        entry, path = entries[below], posixpath.join(target, below) if below else target
        if entry.kind == "file" and (first := written.setdefault(id(entry), path)) != path:
            root.link(path, first)  # two names of one file stay that
        else:
            with suppress(Gone) if below else nullcontext():  # a file deeper down that went away is left out
                root.write(path, entry, owned(entry))
