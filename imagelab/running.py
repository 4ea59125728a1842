"""One idea: what RUN did is what differs on the disk before and after.

A `Workspace` unpacks an image once for a stage, runs a program in it, and compares: first what `stat` says of every
path, and, only where that differs, the entry and its content. Owners that an ordinary user could not set on disk are
taken from the image, where they are remembered.
"""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import TracebackType

from . import runtime
from .copying import home_of, user_of
from .digest import Digest
from .entry import Entry
from .errors import LabError
from .image import Image
from .rootfs import scan, unpack, walk
from .tree import Changes, Tree

_MADE_BY_RUNTIME = ("proc", "dev")  # mount points that a program needs and an image need not have
PRIVILEGED = hasattr(os, "geteuid") and os.geteuid() == 0
Stat = tuple[int, int, int, int, int, int, int]


class Workspace:
    """A root folder that lives as long as a `with` block, made when the first program needs it."""

    def __init__(self, folder: Path) -> None:
        self._above = folder / f"imagelab-run-{uuid.uuid4().hex}"
        self._folder = self._above / "root"
        self._holds: tuple[Digest, ...] | None = None
        self._locked: dict[str, int] = {}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def run(
        self, image: Image, argv: Sequence[str], env: Mapping[str, str], cwd: str, user: str, timeout: float | None,
        output: Callable[[str, bytes], object],
    ) -> Changes:  # fmt: skip
        """Run a program in an image's files and return what it changed; raises LabError when it fails."""
        tree = image.tree()
        if self._holds != image.diff_ids:
            self._clear()
            self._above.mkdir(parents=True)
            self._above.chmod(0o711)  # whatever the umask
            self._locked = {}
            unpack(tree, self._folder)
            for name in _MADE_BY_RUNTIME:
                if name not in tree:
                    (self._folder / name).mkdir()
        self._holds = None
        self._unlock()
        before = {path: _stat(info) for path, info in walk(self._folder)}
        self._lock()
        who = user_of(user, tree)
        env = {"HOME": home_of(who[0], tree), **env}
        program = runtime.Program(tuple(argv), env, "/" + tree.resolve(cwd), who, timeout=timeout)
        code = runtime.run(self._folder, tree, program, output)
        if code:
            raise LabError(f"process {' '.join(argv)!r} did not complete successfully: exit code: {code}")
        return self._compare(tree, before, who)

    def stays(self, image: Image) -> None:
        """Note that the folder holds this image's files now, so that the next program needs no new one."""
        self._holds = image.diff_ids

    def _compare(self, tree: Tree, before: Mapping[str, Stat], who: tuple[int, int]) -> Changes:
        self._unlock()
        listed = list(walk(self._folder))
        after = {path: _stat(info) for path, info in listed}
        found = scan(self._folder, listed).entries
        now = {path: tree[path] for path in found if path in tree and before.get(path) == after[path]}
        renamed = {_lasting(known): path for path, known in before.items()}
        owned: dict[int, Entry] = {}
        for path, entry in found.items():
            if path in now or (path in _MADE_BY_RUNTIME and path not in tree):
                continue
            was = path if path in before and before[path][3] == after[path][3] else renamed.get(_lasting(after[path]))
            uid, gid = _owner(entry, tree.get(was) if was is not None else None, who)
            now[path] = owned.setdefault(
                id(entry), replace(entry, uid=uid, gid=gid, mode=self._locked.get(path, entry.mode))
            )
        ordered = {path: now[path] for path in sorted(now, key=lambda p: p.count("/"))}
        return Tree.diff(tree, Tree().apply(Changes({"": tree[""], **ordered})))

    def _unlock(self) -> None:
        """Let an ordinary user read all that is theirs, and remember the modes; root can anyway."""
        self._lock()
        for directory, folders, files in os.walk(self._folder) if not PRIVILEGED else ():
            for name, needed in chain(((f, 0o700) for f in folders), ((f, 0o400) for f in files)):
                path = os.path.join(directory, name)
                mode = os.lstat(path).st_mode
                if mode & needed != needed and stat.S_IFMT(mode) in (stat.S_IFDIR, stat.S_IFREG):
                    self._locked[os.path.relpath(path, self._folder)] = stat.S_IMODE(mode)
                    os.chmod(path, stat.S_IMODE(mode) | needed)

    def _lock(self) -> None:
        while self._locked:  # the last first: it may lie in one before it
            path, mode = self._locked.popitem()
            os.chmod(self._folder / path, mode)

    def _clear(self) -> None:
        if self._above.exists():
            for directory, _, _ in os.walk(self._above):  # a program may have locked its own folders
                os.chmod(directory, 0o700)
            shutil.rmtree(self._above, ignore_errors=True)
        self._holds = None


def _owner(found: Entry, old: Entry | None, who: tuple[int, int]) -> tuple[int, int]:
    """Whose a changed path is. Where the disk cannot say, it is its old owner's, or of who ran the program."""
    if PRIVILEGED and (who == (0, 0) or (found.uid, found.gid) != (0, 0)):
        return found.uid, found.gid
    return (old.uid, old.gid) if old else who


def _stat(info: os.stat_result) -> Stat:
    return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_mode, info.st_uid, info.st_gid


def _lasting(known: Stat) -> tuple[int, ...]:
    """What a new name does not change: time, size and inode."""
    return known[0], known[2], known[3]
