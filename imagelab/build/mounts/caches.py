"""The directories of `RUN --mount=type=cache`, which a store keeps between builds.

Each is a folder in the store's `cache/mounts`, with a file beside it that says its id; the file's time is that of its
last use. They are no part of any image: `builder prune` removes them, and the next RUN begins with an empty one.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...host.atomic import write_atomically
from ...host.beneath import files_size, make_private, remove_folder
from ...host.locks import Lock
from ...shown import Displayed


@dataclass(frozen=True, slots=True)
class CacheMount(Displayed):
    """A cache directory: the id that Dockerfiles give it (by default its target), bytes of files, times."""

    key: str
    id: str
    size: int
    created: float  # seconds since 1970
    used: float


class CacheMounts:
    """The cache directories of a store, whose folder is `home`."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "cache" / "mounts"

    @contextmanager
    def held(self, id: str) -> Iterator[tuple[Path, bool]]:
        """The directory of an id, for this process alone meanwhile, and whether it is new; it may be moved away.

        What is there at the end is kept. Whatever `sharing` says, one build waits for another, as with `locked`.
        """
        make_private(self._folder)
        key = hashlib.sha256(id.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        folder, note = self._folder / key, self._folder / f"{key}.json"
        with Lock(self._folder / f"{key}.lock"):
            if new := not (folder.is_dir() and note.exists()):
                remove_folder(folder)
                folder.mkdir()
                write_atomically(note, json.dumps({"id": id, "created": time.time()}).encode(), durable=False)
            try:
                yield folder, new
            finally:
                os.utime(note)

    def all(self) -> list[CacheMount]:
        """The cache directories, by id."""
        return sorted(filter(None, map(self._read, self._folder.glob("*.json"))), key=lambda one: one.id)

    def _read(self, note: Path) -> CacheMount | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(note.read_bytes())
            size = files_size(note.with_suffix(""))
            return CacheMount(note.stem, values["id"], size, values["created"], note.stat().st_mtime)
        return None

    def remove(self) -> list[CacheMount]:
        """Remove the directories that no build is using; returns them."""
        removed = []
        for one in self.all():
            lock = Lock(self._folder / f"{one.key}.lock")
            if not lock.take(wait=False):
                continue
            try:
                (self._folder / f"{one.key}.json").unlink()
                remove_folder(self._folder / one.key)
                removed.append(one)
            finally:
                lock.release()
        return removed
