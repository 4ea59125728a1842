"""Digests of a folder's files, remembered from one build to the next by what `stat` says of each file.

Works as git's index does for a working tree (racy-git.txt): a file is read again unless its `stat` proves it unchanged.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import chain
from pathlib import Path

from ..filesystem.entry import Content
from .atomic import write_atomically
from .disk import Listed


class StatIndex:
    """Content digests by path, valid while size, times, inode and mode are the same.

    A file is remembered only if it had been at rest for a while when it was read: one written just now could be
    written again within the same tick of the disk's clock, and look the same.
    """

    AT_REST = 2_000_000_000  # nanoseconds; the slowest clock in use, FAT's, ticks every two seconds

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stats: dict[str, str] = {}  # of this build
        self._young: set[str] = set()  # files that are not at rest
        self._new: dict[str, str] = {}  # digests computed in this build
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent) as probe:  # the clock of the disk, which may not be time.time()
            self._began = os.fstat(probe.fileno()).st_mtime_ns

    @cached_property
    def _saved(self) -> dict[str, str]:
        """What earlier builds saved: for each path its stat and its digest, in one line."""
        with suppress(OSError, ValueError):
            saved = json.loads(self._path.read_bytes())
            if isinstance(saved, dict) and set(map(type, saved.values())) <= {str}:
                return saved
        return {}

    def watch(self, files: Iterable[Listed]) -> str:
        """Note the stat of every file of a folder before it is read; returns a stamp of them all.

        An equal stamp later means that no file has changed. The stamp is "" if some file is not at rest.
        """
        for path, info in files:
            mtime, ctime = info.st_mtime_ns, info.st_ctime_ns
            self._stats[path] = f"{mtime} {ctime} {info.st_size} {info.st_ino} {info.st_mode}"
            if max(mtime, ctime) >= self._began - self.AT_REST:
                self._young.add(path)
        if self._young:
            return ""
        text = "\0".join(chain.from_iterable(self._stats.items()))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()

    def summed(self, path: str, read: Content) -> Content:
        """The same content; its digest is remembered when it is read to the end."""

        def content() -> Iterator[bytes]:
            digest = hashlib.sha256()
            for piece in read():
                digest.update(piece)
                yield piece
            self._new[path] = digest.hexdigest()

        return content

    def get(self, path: str) -> str | None:
        """The digest of a file's content, if it was read before and cannot have changed since."""
        if path in self._new:
            return self._new[path]
        stat, _, digest = self._saved.get(path, "").rpartition(" ")
        return digest if stat and stat == self._stats.get(path) else None

    def save(self) -> None:
        """Write what is new; if that fails, the next build only takes longer."""
        stats = self._stats
        new = {path: f"{stats[path]} {digest}" for path, digest in self._new.items() if path not in self._young}
        if new:
            kept = {path: line for path, line in self._saved.items() if path in stats}
            with suppress(OSError):
                write_atomically(self._path, json.dumps(kept | new).encode(), durable=False)
