"""One idea: a build sees its context and nothing else, and a file is what it holds, not when it was written.

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
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from e2b_dockerfile_utils import PatternMatcher

from .blobs import write_atomically
from .digest import Digest, Hashed
from .entry import Entry
from .errors import LabError
from .rootfs import LeaveOut, scan
from .tree import Changes, Tree


class Context:
    """The files that a build may copy from, and their sums."""

    def __init__(self, tree: Tree, name: str, index: StatIndex | None = None, skipped: tuple[str, ...] = ()) -> None:
        self.tree = tree
        self.name = name
        self.skipped = skipped
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
        leave_out = _excluder(ignore) if ignore else None
        found = scan(folder, portable=portable, owner=(0, 0), skipped=skipped, leave_out=leave_out, seen=index.watch)
        context = cls(Tree(), str(folder), index, tuple(skipped))
        context.tree = Tree().apply(Changes({path: context._watched(path, e) for path, e in found.entries.items()}))
        return context

    @classmethod
    def of_tree(cls, tree: Tree, name: str, ignore: bytes | None = None) -> Context:
        """Files that are in no folder: a mapping's, or a tar's."""
        if ignore:
            leave_out = _excluder(ignore)
            kept = {path: entry for path, entry in tree.items() if not leave_out(path)}
            tree = Tree().apply(Changes(kept))
        return cls(tree, name)

    def finish(self) -> None:
        """Remember the sums, so that the next build need not read unchanged files again."""
        if self._index:
            self._index.save()

    def _watched(self, path: str, entry: Entry) -> Entry:
        """The same entry, which notes its content's digest when somebody reads it through."""
        read = entry.content
        if entry.kind != "file" or read is None:
            return entry

        def content() -> Iterator[bytes]:
            hashed = Hashed(read())
            yield from hashed
            if self._index:
                self._index.put(path, hashed.digest.hex)

        return replace(entry, content=content)

    def sums(self, paths: list[str]) -> dict[str, str]:
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
    xattrs = sorted(entry.xattrs.items()) if entry.xattrs else ()
    told = (entry.kind, entry.mode, entry.uid, entry.gid, entry.size, entry.link, entry.device, content, xattrs)
    return hashlib.sha256(repr(told).encode("utf-8", "surrogateescape")).hexdigest()[:32]


class StatIndex:
    """Content digests by path, believed while size, times, inode and mode are what they were.

    A file is remembered only if it had been at rest for a while when it was summed: one written just now could be
    written again within the same tick of the disk's clock, and look the same.
    """

    AT_REST = 2_000_000_000  # nanoseconds; the slowest clock in use, FAT's, ticks every two seconds

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stats: dict[str, list[int]] = {}
        self._new: dict[str, str] = {}
        self._old: dict[str, list[Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as probe:  # the clock of the disk, which may not be time.time()
            self._began = os.fstat(probe.fileno()).st_mtime_ns
        with suppress(OSError, ValueError):
            known = json.loads(path.read_bytes())
            if isinstance(known, dict):
                self._old = {
                    p: v for p, v in known.items() if isinstance(v, list) and list(map(type, v)) == [list, str]
                }

    def watch(self, path: str, info: os.stat_result) -> None:
        """Note what `stat` says of a file now, before it is read."""
        self._stats[path] = [info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_mode]

    def get(self, path: str) -> str | None:
        """The digest of a file's content, if it was read before and cannot have changed since."""
        if path in self._new:
            return self._new[path]
        known = self._old.get(path)
        return known[1] if known and known[0] == self._stats.get(path) else None

    def put(self, path: str, content: str) -> None:
        """Remember a digest that was computed just now."""
        if path in self._stats:
            self._new[path] = content

    def save(self) -> None:
        """Write what is new; an index that cannot be written is only slower next time."""
        at_rest = {
            path: [stat, self._new[path]]
            for path, stat in self._stats.items()
            if path in self._new and max(stat[0], stat[1]) < self._began - self.AT_REST
        }
        if at_rest:
            with suppress(OSError):
                write_atomically(self._path, json.dumps(self._old | at_rest).encode())


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
    """The paths of a tree that a COPY source means: a path as it is, or Go's filepath.Match pattern.

    What they lead to may be a symlink's target. Raises NotFound, and ValueError for what is no pattern.
    """
    if not any(c in pattern for c in "*?[\\"):
        tree.resolve(pattern)
        return [pattern]
    parts = [part for part in pattern.split("/") if part]
    found = [""]
    for part in parts:
        rule = re.compile(_go_pattern(part), re.DOTALL)
        found = [c for path in found for c in tree.children(path) if rule.fullmatch(c.rpartition("/")[2])]
    return found


def _go_pattern(part: str) -> str:
    """Go's path/filepath.Match for one path element, as a regular expression; raises ValueError."""
    out, at = "", 0
    while at < len(part):
        c = part[at]
        if c == "*":
            out += "[^/]*"
        elif c == "?":
            out += "[^/]"
        elif c == "[":
            end = part.find("]", at + 2)
            if end < 0:
                raise ValueError(f"syntax error in pattern {part!r}: '[' without ']'")
            inside = part[at + 1 : end].replace("\\", "\\\\")
            out += f"[{inside}]"
            at = end
        elif c == "\\" and at + 1 < len(part):
            at += 1
            out += re.escape(part[at])
        else:
            out += re.escape(c)
        at += 1
    return out
