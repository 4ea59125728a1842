"""What changed in a root folder, by comparing `stat` before and after.

A `Writable` folder began as an image's files. First only what `stat` says of every path is compared; an entry and its
content are looked at only where that differs. Owners and modes that an ordinary user cannot set on disk are taken from
the image, where they are remembered.

`listing` follows moby's archive.ChangesDirs, which `docker diff` prints.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
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

    def moved_back(self, paths: Iterable[str]) -> None:
        """Take these paths for unchanged, if only their change time differs: they were moved away and back."""
        before = dict(self.before)
        for path in paths:
            with suppress(FileNotFoundError):
                state = self._stat(path, self._below.stat(path))
                # `_unlock` has noted 0 for one that it unlocks: it will do so again
                if before.get(path, (0, 0))[1] and _without_ctime(before[path]) == _without_ctime(state):
                    before[path] = state
        self._below.close()
        self.before = before

    def tree(self, image: Tree, who: tuple[int, int]) -> Tree:
        """The merged file system as it is now; `who` (uid, gid) ran the programs that changed it.

        Its contents can be read for as long as the folder is `readable`.
        """
        listed = list(walk(self._below))
        entries = scan(self._below, listed, live=True).entries
        before, after = self.before, {path: self._stat(path, info) for path, info in listed}
        now = {path: image[path] for path, state in after.items() if path in image and before.get(path) == state}
        renamed = {_lasting(state): path for path, state in before.items()}
        owned: dict[int, Entry] = {}
        for path, entry in entries.items():
            if path in now or (path in MADE_BY_RUNTIME and path not in image):
                continue
            state = after[path]
            was = path if path in before and before[path][3] == state[3] else renamed.get(_lasting(state))
            uid, gid = _owner(entry, image.get(was) if was is not None else None, who)
            now[path] = owned.setdefault(
                id(entry), replace(entry, uid=uid, gid=gid, mode=self._locked.get(path, entry.mode))
            )
        for path in sorted(image.keys() - before.keys() - after.keys()):  # devices: only root can make them
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
        letters: dict[str, str] = {}
        for path, state in after.items():
            if path not in before:
                letters[path] = "A" if path not in MADE_BY_RUNTIME else ""
            elif _differs(before[path], state):
                letters[path] = "C"
        for path in before:
            if path not in after and (not (above := path.rpartition("/")[0]) or above in after):
                letters[path] = "D"
        for path in [path for path, kind in letters.items() if kind]:
            for above in ancestors(path):
                letters.setdefault(above, "C")
        return sorted(((kind, f"/{path}") for path, kind in letters.items() if kind), key=lambda row: row[1])

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Let an ordinary user read all that is theirs; programs must not run meanwhile. Root can anyway."""
        self._unlock()
        try:
            yield
        finally:
            while self._locked:  # in reverse: a folder is locked after what is in it
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
        if path in self._locked:  # `_unlock` has just changed its mode and ctime
            mode, changed = stat.S_IFMT(mode) | self._locked[path], 0
        return (info.st_mtime_ns, changed, info.st_size, info.st_ino, mode, info.st_uid, info.st_gid, info.st_rdev)


def _differs(before: Stat, after: Stat) -> bool:
    """Moby's rule: mode, owner and device; and for all but directories size and time too."""
    if before[4:] != after[4:]:
        return True
    return not stat.S_ISDIR(after[4]) and (before[0], before[2]) != (after[0], after[2])


def _owner(entry: Entry, old: Entry | None, who: tuple[int, int]) -> tuple[int, int]:
    """The owner of a changed path. Where the disk cannot hold it: the old owner, or else who ran the program."""
    if PRIVILEGED and (who == (0, 0) or (entry.uid, entry.gid) != (0, 0)):
        return entry.uid, entry.gid
    return (old.uid, old.gid) if old else who


def _without_ctime(state: Stat) -> Stat:
    return state[:1] + state[2:]


def _lasting(state: Stat) -> tuple[int, ...]:
    """What a new name does not change: time, size and inode."""
    return state[0], state[2], state[3]


def remove(folder: Path) -> None:
    """Remove a folder and all in it, whatever modes programs gave to what is theirs; raises LabError if it cannot be.

    No link is followed.
    """
    if not remove_folder(folder):
        raise LabError(f"{str(folder)!r} could not be removed: it holds files of another user")
