"""Mounts are put into a root folder before its program runs, and taken out before its changes are read.

The kernel's mounts alone would not do, since the in-process shell and WebAssembly could not see them: what is mounted
is moved to its target, what was there before waits outside, and both are moved back. For Linux programs, bubblewrap
makes each a mount of its own besides, so that a read-only one is read-only. A directory that had to be made for a
target is removed again, and the times of the directories above it are what they were. So a mount leaves no trace in the
layer.

Each directory is opened by its name in the one above it, before any program runs, and never through a link.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import Conflict, LabError
from ...host.beneath import chmod_beside

_OPEN = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True, slots=True)
class Mounted:
    """A file or directory `content`, on the root folder's disk, to appear at `target`, a real path in the root."""

    target: str
    content: Path
    readonly: bool = False


@contextmanager
def placed(root: Path, mounts: Sequence[Mounted]) -> Iterator[None]:
    """Let a program see mounts in a root folder; afterwards each `content` is where it was.

    Raises LabError for a target that cannot be one, or that the program has moved or replaced.
    """
    problems: list[str] = []
    with ExitStack() as stack:
        for mount in sorted(mounts, key=lambda mount: mount.target):
            stack.enter_context(_placed(root, mount, problems))
        yield
    if problems:
        raise LabError(problems[0])


@contextmanager
def _placed(root: Path, mount: Mounted, problems: list[str]) -> Iterator[None]:
    with ExitStack() as stack:
        directory, name = _above(root, mount.target, stack), posixpath.basename(mount.target)
        with _unchanged(directory):
            aside = _move_away(directory, name, mount)
            _rename(mount.content, name, to=directory)
        before = os.stat(name, dir_fd=directory, follow_symlinks=False)
        try:
            yield
        finally:
            with _unchanged(directory):
                after = _stat(name, directory)
                if after and (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino):
                    _rename(name, mount.content, of=directory)
                else:
                    problems.append(f"/{mount.target}: device or resource busy: the program moved or removed a mount")
                if aside and not _stat(name, directory):
                    _rename(aside, name, to=directory)


def _move_away(directory: int, name: str, mount: Mounted) -> Path | None:
    """Move what is at a target out of the root; returns where it is now. Raises Conflict for the wrong kind of file."""
    if (old := _stat(name, directory)) is None:
        return None
    if os.path.isdir(mount.content) != stat.S_ISDIR(old.st_mode):
        is_what = "a directory" if stat.S_ISDIR(old.st_mode) else "not a directory"
        raise Conflict(f"cannot mount on /{mount.target}: it is {is_what}")
    aside = mount.content.with_name(f"{mount.content.name}.aside")
    _rename(name, aside, of=directory)
    return aside


def _rename(old: str | Path, new: str | Path, *, of: int | None = None, to: int | None = None) -> None:
    """Move a name; an ordinary user may move a directory only while it is writable, whatever its mode says."""
    info = os.stat(old, dir_fd=of, follow_symlinks=False)
    mode = stat.S_IMODE(info.st_mode)
    locked = stat.S_ISDIR(info.st_mode) and not mode & stat.S_IWUSR and info.st_uid == os.geteuid() != 0
    if locked:
        chmod_beside(os.fspath(old), mode | 0o700, "" if of is None else of)
    os.rename(old, new, src_dir_fd=of, dst_dir_fd=to)
    if locked:
        chmod_beside(os.fspath(new), mode, "" if to is None else to)


def _above(root: Path, target: str, stack: ExitStack) -> int:
    """The directory that a target lies in, opened; missing ones are made, and removed with `stack`."""
    directory = _opened(os.open(root, _OPEN), stack)
    for name in target.split("/")[:-1]:
        if _stat(name, directory) is None:
            with _unchanged(directory):
                os.mkdir(name, 0o755, dir_fd=directory)
            stack.callback(_remove_empty, directory, name)
        try:
            directory = _opened(os.open(name, _OPEN, dir_fd=directory), stack)
        except OSError:
            raise Conflict(f"cannot mount on /{target}: {name!r} is not a directory") from None
    return directory


def _opened(descriptor: int, stack: ExitStack) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _remove_empty(directory: int, name: str) -> None:
    """Remove a directory that was made for a target, unless a program has put something into it."""
    with _unchanged(directory), suppress(OSError):
        os.rmdir(name, dir_fd=directory)


@contextmanager
def _unchanged(directory: int) -> Iterator[None]:
    """Leave the time and mode of a directory as they are; meanwhile, names in it may be made and moved."""
    info = os.fstat(directory)
    locked = info.st_mode & 0o700 != 0o700 and info.st_uid == os.geteuid() != 0
    if locked:
        os.fchmod(directory, stat.S_IMODE(info.st_mode) | 0o700)
    yield
    if locked:
        os.fchmod(directory, stat.S_IMODE(info.st_mode))
    os.utime(directory, ns=(info.st_atime_ns, info.st_mtime_ns))


def _stat(name: str, directory: int) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    return None
