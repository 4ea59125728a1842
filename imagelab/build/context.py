"""The build context: the files a build can see, less those in .dockerignore, each by the sum of its content.

A `Context` is a tree without what `.dockerignore` excludes, and a sum for each path in it: docker's cache compares
names, modes, owners, sizes, links and contents, never times. Contents that were summed before are not read again: a
small index remembers sums by what `stat` says, except for what was written just now.

Implements moby's builder/remotecontext (tarsum without mtime) and patternmatcher (.dockerignore).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Literal

from e2b_dockerfile_utils import PatternMatcher

from ..errors import LabError, NotFound
from ..filesystem.entry import Content, Entry
from ..filesystem.tree import Changes, Tree
from ..golang.match import go_match
from ..host.atomic import write_atomically
from ..host.disk import Found, LeaveOut, scan, walk
from ..oci.digest import Digest


class Context:
    """The files that a build may copy from, and their sums.

    The tree is read when something asks for it. Where it is the same as long as the `stamp` is, a step that bears
    the same stamp need not ask; "" is no stamp.
    """

    def __init__(
        self, read: Callable[[], Tree], name: str, *, place: str = "", stamp: str = "", index: StatIndex | None = None
    ) -> None:
        self._read = read
        self.name = name
        self.place = place or name
        self.stamp = stamp
        self.skipped: tuple[str, ...] = ()
        self._index = index
        self._sums: dict[str, str] = {}

    @classmethod
    def of_folder(cls, folder: Path, *, ignore: bytes | None, portable: bool, index: StatIndex) -> Context:
        """A folder, less what `ignore` (the text of a .dockerignore) excludes; owners become 0:0, as COPY makes them.

        Raises LabError for a folder or an ignore file that is not usable.
        """
        if not folder.is_dir():
            raise LabError(f"unable to prepare context: path {str(folder)!r} is not a folder")
        skipped: list[str] = []
        try:
            found = list(walk(folder, skipped=skipped, leave_out=_excluder(ignore) if ignore else None))
        except PermissionError as error:
            raise LabError(
                f"unable to prepare context: no permission to read {error.filename!r}; .dockerignore can leave it out"
            ) from None

        def read() -> Tree:
            return Tree().apply(scan(folder, found, portable=portable, owner=(0, 0), content=index.summed))

        name = f"the context {str(folder)!r}"
        context = cls(read, name, place=os.path.realpath(folder), stamp=index.watch(found), index=index)
        context.skipped = tuple(skipped)
        return context

    @classmethod
    def of_tree(cls, tree: Tree, name: str, ignore: bytes | None = None) -> Context:
        """Files that are in no folder: a mapping's, or a tar's."""
        if ignore:
            leave_out = _excluder(ignore)
            kept = {path: entry for path, entry in tree.items() if not leave_out(path)}
            tree = Tree().apply(Changes(kept))
        return cls(lambda: tree, name)

    @cached_property
    def tree(self) -> Tree:
        """What the context holds."""
        return self._read()

    def finish(self) -> None:
        """Remember the sums, so that the next build need not read unchanged files again."""
        if self._index:
            self._index.save()

    def sums(self, paths: Iterable[str]) -> dict[str, str]:
        """For each path what the cache compares: everything about the entry but its time."""
        return {path: self._sum(path) for path in paths}

    def _sum(self, path: str) -> str:
        if path not in self._sums:
            entry = self.tree[path]
            content = ""
            if entry.kind == "file":
                known = self._index.get(path) if self._index else None
                content = known or Digest.of_pieces(entry.chunks()).hex  # reading it through puts it into the index
            self._sums[path] = sum_of(entry, content)
        return self._sums[path]


def sum_of(entry: Entry, content: str) -> str:
    """One entry's sum: its attributes without the time, and the digest of its content."""
    told = f"{entry.kind} {entry.mode:o} {entry.uid}:{entry.gid} {entry.size} {content}{entry.link}"
    if entry.xattrs or entry.device != (0, 0):
        told += f" {entry.device} {sorted(entry.xattrs.items())}"
    return told


class StatIndex:
    """Content digests by path, believed while size, times, inode and mode are what they were.

    A file is remembered only if it had been at rest for a while when it was summed: one written just now could be
    written again within the same tick of the disk's clock, and look the same.
    """

    AT_REST = 2_000_000_000  # nanoseconds; the slowest clock in use, FAT's, ticks every two seconds

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: dict[str, str] = {}
        self._young: set[str] = set()
        self._new: dict[str, str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as probe:  # the clock of the disk, which may not be time.time()
            self._began = os.fstat(probe.fileno()).st_mtime_ns

    @cached_property
    def _old(self) -> dict[str, str]:
        """What was known before: for each path its stat and its digest, in one line."""
        with suppress(OSError, ValueError):
            known = json.loads(self._path.read_bytes())
            if isinstance(known, dict) and set(map(type, known.values())) <= {str}:
                return known
        return {}

    def watch(self, found: Iterable[Found]) -> str:
        """Note what `stat` says of a folder now, before it is read; returns one stamp for all of it.

        The same stamp later means that nothing was touched; where something is not at rest, there is none.
        """
        for path, info in found:
            mtime, ctime = info.st_mtime_ns, info.st_ctime_ns
            self._told[path] = f"{mtime} {ctime} {info.st_size} {info.st_ino} {info.st_mode}"
            if max(mtime, ctime) >= self._began - self.AT_REST:
                self._young.add(path)
        if self._young:
            return ""
        told = "\0".join(chain.from_iterable(self._told.items()))
        return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()

    def summed(self, path: str, read: Content) -> Content:
        """The same content, which is remembered by its digest when somebody reads it through."""

        def content() -> Iterator[bytes]:
            hashed = hashlib.sha256()
            for piece in read():
                hashed.update(piece)
                yield piece
            self._new[path] = hashed.hexdigest()

        return content

    def get(self, path: str) -> str | None:
        """The digest of a file's content, if it was read before and cannot have changed since."""
        if path in self._new:
            return self._new[path]
        stat, _, digest = self._old.get(path, "").rpartition(" ")
        return digest if stat and stat == self._told.get(path) else None

    def save(self) -> None:
        """Write what is new; an index that cannot be written is only slower next time."""
        told = self._told
        if at_rest := {path: f"{told[path]} {digest}" for path, digest in self._new.items() if path not in self._young}:
            still = {path: known for path, known in self._old.items() if path in told}
            with suppress(OSError):
                write_atomically(self._path, json.dumps(still | at_rest).encode(), durable=False)


def _excluder(ignore: bytes) -> LeaveOut:
    lines = ignore.decode("utf-8-sig", "replace").splitlines()
    try:
        matcher = PatternMatcher(lines)
    except ValueError as error:
        raise LabError(f".dockerignore: {error}") from None

    def leave_out(path: str) -> Literal["", "skip", "look inside"]:
        if not matcher.matches(path):
            return ""
        return "look inside" if matcher.may_match_under(path) else "skip"

    return leave_out


def matching(tree: Tree, pattern: str) -> list[str]:
    """The paths of a tree that a COPY source means: a path as it is, or all that match it as Go's path.Match has it.

    Links are followed in the folders before the first wildcard; what the paths lead to may be a symlink's target.
    Raises NotFound for a path without wildcards that leads nowhere, and ValueError for what is no pattern.
    """
    if not is_pattern(pattern) and ("\\" not in pattern or pattern in tree):
        tree.resolve(pattern)
        return [pattern]
    parts = [part for part in pattern.split("/") if part]
    start = next(number for number, part in enumerate(parts) if is_pattern(part) or "\\" in part)
    rules = [go_match(part) for part in parts[start:]]
    try:
        found = [tree.resolve("/".join(parts[:start]))]
    except NotFound:
        return []
    for rule in rules:
        found = [c for path in found for c in tree.children(path) if rule.fullmatch(c.rpartition("/")[2])]
    return found


def is_pattern(path: str) -> bool:
    """Whether a COPY source has a wildcard: `*`, `?` or `[` that no backslash makes an ordinary character."""
    return bool(re.search(r"[*?\[]", re.sub(r"\\.?", "", path, flags=re.DOTALL)))
