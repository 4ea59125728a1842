"""What changed in a root folder, found by comparing `stat` before and after.

A `Writable` folder began as an image's files. First only what `stat` says of every path is compared; an entry and its
content are looked at only where that differs. Owners and modes that an ordinary user cannot set on disk are taken from
the image, where they are remembered.

`listing` follows moby's archive.ChangesDirs, which `docker diff` prints.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from ..errors import LabError
from ..filesystem.entry import Entry, ancestors
from ..filesystem.tree import Changes, Tree
from .beneath import Beneath, remove_folder
from .disk import scan, walk

MADE_BY_RUNTIME = ("proc", "dev")  # mount points that a program needs and an image need not have
PRIVILEGED = hasattr(os, "geteuid") and os.geteuid() == 0
Stat = tuple[int, ...]  # mtime_ns, ctime_ns, size, inode, mode, uid, gid, device


class Writable:
    """A root folder and how it looked `before` programs wrote to it, path → Stat."""

    def __init__(self, folder: Path, before: Mapping[str, Stat] | None = None) -> None:
        self.folder = folder
        self._below = Beneath(folder)
        self.before: Mapping[str, Stat] = before or {}
        self._locked: dict[str, int] = {}

    def begin(self) -> None:
        """Take the folder as it is now for the image's files; mount points that a runtime needs are made first."""
        for name in MADE_BY_RUNTIME:
            with suppress(FileExistsError):
                (self.folder / name).mkdir()
        with self.readable():
            self.before = {path: self._stat(path, info) for path, info in walk(self._below)}

    def tree(self, image: Tree, who: tuple[int, int]) -> Tree:
        """The merged file system as it is now; `who` (uid, gid) ran the programs that changed it.

        Its contents can be read for as long as the folder is `readable`.
        """
        found = list(walk(self._below))
        entries = scan(self._below, found, live=True).entries
        before, after = self.before, {path: self._stat(path, info) for path, info in found}
        now = {path: image[path] for path, known in after.items() if path in image and before.get(path) == known}
        renamed = {_lasting(known): path for path, known in before.items()}
        owned: dict[int, Entry] = {}
        for path, entry in entries.items():
            if path in now or (path in MADE_BY_RUNTIME and path not in image):
                continue
            known = after[path]
            was = path if path in before and before[path][3] == known[3] else renamed.get(_lasting(known))
            uid, gid = _owner(entry, image.get(was) if was is not None else None, who)
            now[path] = owned.setdefault(
                id(entry), replace(entry, uid=uid, gid=gid, mode=self._locked.get(path, entry.mode))
            )
        for path in sorted(image.keys() - before.keys() - after.keys()):  # what the disk could not hold: devices
            above = path.rpartition("/")[0]
            if path and (not above or (above in now and now[above].kind == "dir")):
                now[path] = image[path]
        ordered = {path: now[path] for path in sorted(now, key=lambda p: p.count("/"))}
        return Tree().apply(Changes({"": image[""], **ordered}))

    def listing(self) -> list[tuple[str, str]]:
        """What `docker diff` says: (A, C or D, absolute path), sorted by path; no content is read."""
        with self.readable():
            after = {path: self._stat(path, info) for path, info in walk(self._below)}
        before = self.before
        found: dict[str, str] = {}
        for path, known in after.items():
            if path not in before:
                found[path] = "A" if path not in MADE_BY_RUNTIME else ""
            elif _differs(before[path], known):
                found[path] = "C"
        for path in before:
            if path not in after and (not (above := path.rpartition("/")[0]) or above in after):
                found[path] = "D"
        for path in [path for path, kind in found.items() if kind]:
            for above in ancestors(path):
                found.setdefault(above, "C")
        return sorted(((kind, f"/{path}") for path, kind in found.items() if kind), key=lambda row: row[1])

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Let an ordinary user read all that is theirs; programs must not run meanwhile. Root can anyway."""
        self._unlock()
        try:
            yield
        finally:
            while self._locked:  # the last first: it may lie in one before it
                path, mode = self._locked.popitem()
                with suppress(FileNotFoundError):
                    self._below.chmod(path, mode)
            self._below.close()

    def _unlock(self) -> None:
        todo = [""] if not PRIVILEGED else []
        while todo:
            for path, info in self._below.list(todo.pop()):
                needed = {stat.S_IFDIR: 0o700, stat.S_IFREG: 0o400}.get(stat.S_IFMT(info.st_mode), 0)
                if info.st_mode & needed != needed:
                    with suppress(FileNotFoundError):
                        self._below.chmod(path, stat.S_IMODE(info.st_mode) | needed)
                        self._locked[path] = stat.S_IMODE(info.st_mode)
                if stat.S_ISDIR(info.st_mode):
                    todo.append(path)

    def _stat(self, path: str, info: os.stat_result) -> Stat:
        mode, changed = info.st_mode, info.st_ctime_ns
        if path in self._locked:  # its mode and ctime have just been moved
            mode, changed = stat.S_IFMT(mode) | self._locked[path], 0
        return (info.st_mtime_ns, changed, info.st_size, info.st_ino, mode, info.st_uid, info.st_gid, info.st_rdev)


def _differs(before: Stat, after: Stat) -> bool:
    """Moby's rule: mode, owner and device; and for all but directories size and time too."""
    if before[4:] != after[4:]:
        return True
    return not stat.S_ISDIR(after[4]) and (before[0], before[2]) != (after[0], after[2])


def _owner(found: Entry, old: Entry | None, who: tuple[int, int]) -> tuple[int, int]:
    """Whose a changed path is. Where the disk cannot say, it is its old owner's, or of who ran the program."""
    if PRIVILEGED and (who == (0, 0) or (found.uid, found.gid) != (0, 0)):
        return found.uid, found.gid
    return (old.uid, old.gid) if old else who


def _lasting(known: Stat) -> tuple[int, ...]:
    """What a new name does not change: time, size and inode."""
    return known[0], known[2], known[3]


def remove(folder: Path) -> None:
    """Remove a folder and all in it, whatever modes programs gave to what is theirs; raises LabError if it cannot be.

    No link is followed.
    """
    if not remove_folder(folder):
        raise LabError(f"{str(folder)!r} could not be removed: it holds files of another user")
