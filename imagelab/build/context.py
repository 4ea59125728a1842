"""The build context: the files that a build can copy from, without those that .dockerignore excludes.

It is read from a folder, a tar, or a mapping; `prepare` finds the Dockerfile in it and reads both. A `Context` is a
tree, and a sum for each path: docker's cache compares names, modes, owners, sizes, links and contents, never times.

Implements moby's builder/remotecontext (tarsum without mtime) and patternmatcher (.dockerignore).
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO, Literal

from e2b_dockerfile_utils import PatternMatcher

from ..errors import LabError, NotFound
from ..filesystem.entry import Entry
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes, Tree
from ..golang.match import go_match
from ..host.disk import LeaveOut, scan, walk
from ..host.file_sums import StatIndex
from ..oci import tar
from ..oci.compression import compression_of
from ..oci.digest import Digest
from ..oci.layer import changes_of
from ..store.store import Store
from .dockerfile import MAX_BYTES, Dockerfile, parse

Source = Mapping[str, "bytes | str | Entry"] | str | os.PathLike[str] | BinaryIO
PathOrText = str | os.PathLike[str] | bytes | None  # a Dockerfile: its path, or its text as bytes


class Context:
    """Files to copy from, and their sums.

    The tree is read at first use. `stamp` stands for all of it: an equal stamp means equal files, and a step of the
    same stamp is not compared file by file. "" is no stamp.
    """

    def __init__(
        self, read: Callable[[], Tree], name: str, *, place: str = "", stamp: str = "", index: StatIndex | None = None
    ) -> None:
        self._read = read
        self.name = name  # for messages
        self.place = place or name  # tells the cache's records of one context from another's
        self.stamp = stamp
        self.skipped: tuple[str, ...] = ()  # sockets
        self.ignore: tuple[str, ...] = ()  # the lines of .dockerignore
        self._index = index
        self._sums: dict[str, str] = {}

    @classmethod
    def of_folder(cls, folder: Path, *, ignore: bytes | None, portable: bool, index: StatIndex) -> Context:
        """The files of a folder that `ignore` (the text of a .dockerignore) does not exclude, with 0:0 as owner.

        Raises LabError for a folder that cannot be read, or a malformed pattern.
        """
        if not folder.is_dir():
            raise LabError(f"unable to prepare context: path {str(folder)!r} is not a folder")
        skipped: list[str] = []
        try:
            files = list(walk(folder, skipped=skipped, leave_out=_excluder(ignore) if ignore else None))
        except PermissionError as error:
            raise LabError(
                f"unable to prepare context: no permission to read {error.filename!r}; .dockerignore can leave it out"
            ) from None

        def read() -> Tree:
            return Tree().apply(scan(folder, files, portable=portable, owner=(0, 0), content=index.summed))

        name = f"the context {str(folder)!r}"
        context = cls(read, name, place=os.path.realpath(folder), stamp=index.watch(files), index=index)
        context.skipped, context.ignore = tuple(skipped), _lines(ignore)
        return context

    @classmethod
    def of_tree(cls, tree: Tree, name: str, ignore: bytes | None = None) -> Context:
        """The files of a tree that `ignore` does not exclude; raises LabError for a malformed pattern."""
        if ignore:
            leave_out = _excluder(ignore)
            tree = Tree().apply(Changes({path: entry for path, entry in tree.items() if not leave_out(path)}))
        context = cls(lambda: tree, name)
        context.ignore = _lines(ignore)
        return context

    @cached_property
    def tree(self) -> Tree:
        """The files."""
        return self._read()

    def save_sums(self) -> None:
        """Remember the sums of a folder's files, so that the next build need not read unchanged files again."""
        if self._index:
            self._index.save()

    def sums(self, paths: Iterable[str]) -> dict[str, str]:
        """What the cache compares of each path: attributes without the time, and the digest of the content."""
        return {path: self._sum(path) for path in paths}

    def _sum(self, path: str) -> str:
        if path not in self._sums:
            entry = self.tree[path]
            digest = ""
            if entry.kind == "file":
                saved = self._index.get(path) if self._index else None
                digest = saved or Digest.of_pieces(entry.chunks()).hex  # which puts it into the index
            text = f"{entry.kind} {entry.mode:o} {entry.uid}:{entry.gid} {entry.size} {digest}{entry.link}"
            if entry.xattrs or entry.device != (0, 0):
                text += f" {entry.device} {sorted(entry.xattrs.items())}"
            self._sums[path] = text
        return self._sums[path]


def prepare(store: Store, source: Source, dockerfile: PathOrText) -> tuple[Dockerfile, Context]:
    """The parsed Dockerfile (by default the context's file of that name) and the context of a build.

    A stream that is not a tar is itself the Dockerfile, and the context is empty. Raises LabError for a context or
    Dockerfile that cannot be read, and DockerfileError as `parse` does.
    """
    if isinstance(source, str | os.PathLike) and os.path.isdir(source):
        return _from_folder(store, Path(source), dockerfile)
    tree = Tree().apply(Changes.of(source) if isinstance(source, Mapping) else _from_tar(source))
    path = "Dockerfile" if dockerfile is None or isinstance(dockerfile, bytes) else os.fspath(dockerfile)
    try:
        text = dockerfile if isinstance(dockerfile, bytes) else tree.find(path).read()
    except LabError:
        raise NotFound(f"unable to read the Dockerfile: there is no {path!r} in the context") from None
    ignore = next((tree[name].read() for name in (f"{path}.dockerignore", ".dockerignore") if name in tree), None)
    return parse(text, path), Context.of_tree(tree, "the context", ignore)


def _from_folder(store: Store, folder: Path, dockerfile: PathOrText) -> tuple[Dockerfile, Context]:
    path = folder / "Dockerfile" if dockerfile is None or isinstance(dockerfile, bytes) else Path(dockerfile)
    try:
        text = dockerfile if isinstance(dockerfile, bytes) else _read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"unable to read the Dockerfile: there is no {str(path)!r}") from None
    parsed = parse(text, os.path.relpath(path, folder) if path.is_relative_to(folder) else str(path))
    ignore_files = (path.with_name(path.name + ".dockerignore"), folder / ".dockerignore")
    ignore = next((_read(file) for file in ignore_files if file.is_file()), None)
    if ignore and len(ignore) > MAX_BYTES:
        raise LabError(f".dockerignore: more than {MAX_BYTES:,} bytes")
    name = hashlib.sha256(os.path.realpath(folder).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    index = StatIndex(store.home / "cache" / "build" / f"stat-{name}")
    return parsed, Context.of_folder(folder, ignore=ignore, portable=store.epoch is not None, index=index)


def _read(path: Path) -> bytes:
    """A text file, up to a byte more than is allowed."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _from_tar(source: str | os.PathLike[str] | BinaryIO) -> Changes:
    """The files of a tar, or a stream that is not a tar as the only file, called Dockerfile."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        try:
            with open(path, "rb") as file:
                is_tar = _is_tar(file)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"unable to prepare context: path {path!r} not found") from None
        if not is_tar:
            raise LabError(f"unable to prepare context: context must be a directory or a tar: {path!r} is neither")
        return changes_of(lambda: open(path, "rb"), f"the context {path!r}")
    spool = tempfile.NamedTemporaryFile(prefix="imagelab-context-")  # noqa: SIM115 - entries read it later
    for piece in pieces_of(source):
        spool.write(piece)
    spool.flush()
    spool.seek(0)
    if _is_tar(spool):
        return changes_of(lambda: open(spool.name, "rb"), "the context's tar")
    spool.seek(0)
    return Changes.of({"Dockerfile": spool.read(MAX_BYTES + 1)})


def _is_tar(file: IO[bytes]) -> bool:
    """Whether a file begins as a tar does, or as something compressed."""
    head = file.read(tar.BLOCK)
    return bool(compression_of(head)) or tar.is_header(head)


def _excluder(ignore: bytes) -> LeaveOut:
    """What a .dockerignore leaves out; raises LabError for a malformed pattern in it."""
    try:
        matcher = PatternMatcher(list(_lines(ignore)))
    except ValueError as error:
        raise LabError(f".dockerignore: {error}") from None

    def leave_out(path: str) -> Literal["", "skip", "look inside"]:
        if not matcher.matches(path):
            return ""
        return "look inside" if matcher.may_match_under(path) else "skip"

    return leave_out


def _lines(ignore: bytes | None) -> tuple[str, ...]:
    return tuple((ignore or b"").decode("utf-8-sig", "replace").splitlines())


def matching(tree: Tree, pattern: str) -> list[str]:
    """The paths of a tree that a COPY source names: the path itself, or all that match it (Go's path.Match).

    Links are followed in the directories before the first wildcard; a returned path may itself be a link.
    Raises NotFound for a path without wildcards that is not there, and ValueError for a malformed pattern.
    """
    if not is_pattern(pattern) and ("\\" not in pattern or pattern in tree):
        tree.resolve(pattern)
        return [pattern]
    parts = [part for part in pattern.split("/") if part]
    start = next(number for number, part in enumerate(parts) if is_pattern(part) or "\\" in part)
    rules = [go_match(part) for part in parts[start:]]
    try:
        paths = [tree.resolve("/".join(parts[:start]))]
    except NotFound:
        return []
    for rule in rules:
        paths = [c for path in paths for c in tree.children(path) if rule.fullmatch(c.rpartition("/")[2])]
    return paths


def is_pattern(path: str) -> bool:
    """Whether a COPY source has a wildcard: `*`, `?` or `[` without a backslash before it."""
    return bool(re.search(r"[*?\[]", re.sub(r"\\.?", "", path, flags=re.DOTALL)))
