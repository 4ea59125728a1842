"""Files below a folder, opened by descriptors, so that no symbolic link below it is ever followed.

Each directory of a path is opened by its name in the directory above it (openat with O_NOFOLLOW), never by its whole
path: a program that swaps a directory for a link while the folder is read gets nothing from outside the folder into
the result. Where the system has no openat (Windows), whole paths are used; imagelab runs no programs there.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path

_OPENAT = {os.open, os.stat, os.readlink} <= os.supports_dir_fd and os.scandir in os.supports_fd
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NOFOLLOW
_HAS_XATTRS = hasattr(os, "listxattr")
_MOST_OPEN = 24  # directories kept open at a time
GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK}  # of open: the name is something else now

Directory = int | str  # a descriptor; a path on Windows


class Beneath:
    """The files below a folder; every path is relative to it and runs through real directories only.

    Methods raise FileNotFoundError or NotADirectoryError, or OSError with ELOOP, for a path that leads through a
    symbolic link or nowhere, and PermissionError with the whole path.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)
        self._open: dict[str, int] = {}  # path → descriptor, the one used longest ago first
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close the directories that were kept open; they are opened again when they are needed."""
        with self._lock:
            while self._open:
                os.close(self._open.popitem()[1])

    def __del__(self) -> None:
        self.close()

    def list(self, directory: str = "") -> list[tuple[str, os.stat_result]]:
        """List one directory: each path, and its `lstat` result.

        Nothing for a directory that has become something else; a name that goes meanwhile is left out.
        """
        prefix = f"{directory}/" if directory else ""
        rows = []
        with self._lock:
            if not directory:
                self.close()  # the folder may have been made anew since
            try:
                listing = os.scandir(self._directory(directory))
            except FileNotFoundError:
                if directory:
                    return []
                raise
            except OSError as error:
                raise self._named(error, directory) from None
            with listing:
                for item in listing:
                    with suppress(FileNotFoundError):
                        rows.append((prefix + item.name, item.stat(follow_symlinks=False)))
        return rows

    def kinds(self) -> Iterator[tuple[str, int]]:
        """The paths of all that is below that is neither a regular file, a directory nor a link, with their kind.

        The kind is that of `stat.S_IFMT`. Only directory listings are read.
        """
        todo = [""]
        while todo:
            directory = todo.pop()
            prefix = f"{directory}/" if directory else ""
            odd = []
            with self._lock, suppress(FileNotFoundError), os.scandir(self._directory(directory)) as listing:
                for item in listing:
                    if item.is_dir(follow_symlinks=False):
                        todo.append(prefix + item.name)
                    elif not item.is_file(follow_symlinks=False) and not item.is_symlink():
                        odd.append((prefix + item.name, stat.S_IFMT(item.stat(follow_symlinks=False).st_mode)))
            yield from odd

    def open(self, path: str) -> FileIO:
        """Open a regular file to read, unbuffered; raises FileNotFoundError for anything else."""
        with self._lock:
            directory, name = self._at(path)
            try:
                return FileIO(open_regular(name, directory))
            except OSError as error:
                raise self._named(error, path) from None

    def stat(self, path: str) -> os.stat_result:
        """The `lstat` result of a path."""
        with self._lock:
            directory, name = self._at(path)
            if isinstance(directory, str):
                return os.lstat(os.path.join(directory, name))
            return os.stat(name, dir_fd=directory, follow_symlinks=False)

    def readlink(self, path: str) -> str:
        """The target of a symbolic link."""
        with self._lock:
            directory, name = self._at(path)
            if isinstance(directory, str):
                return os.readlink(os.path.join(directory, name))
            return os.readlink(name, dir_fd=directory)

    def xattrs(self, path: str, prefixes: Iterable[str]) -> Mapping[str, bytes]:
        """The extended attributes whose names begin with one of `prefixes`, sorted; none where the disk has none."""
        if not _HAS_XATTRS:
            return {}
        starts = tuple(prefixes)
        with self._lock:
            directory, name = self._at(path)
            place = f"/proc/self/fd/{directory}/{name or '.'}"  # there is no getxattrat before Linux 6.13
            try:
                names = sorted(n for n in os.listxattr(place, follow_symlinks=False) if n.startswith(starts))
                return {name: os.getxattr(place, name, follow_symlinks=False) for name in names}
            except OSError:
                return {}

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits of a file or directory, never of what a symbolic link leads to."""
        with self._lock:
            directory, name = self._at(path)
            chmod_beside(name, mode, directory)

    def _at(self, path: str) -> tuple[Directory, str]:
        """The directory that a path lies in, open, and the path's name there."""
        above, _, name = path.rpartition("/")
        return self._directory(above), name

    def _directory(self, path: str) -> Directory:
        if not _OPENAT:
            return os.path.join(self.folder, path)
        if path in self._open:
            self._open[path] = self._open.pop(path)  # used last
            return self._open[path]
        names = path.split("/") if path else []
        start = len(names)
        while start and "/".join(names[:start]) not in self._open:
            start -= 1
        above = "/".join(names[:start])
        if above not in self._open:
            self._keep("", os.open(self.folder, _DIRECTORY & ~_NOFOLLOW))
        descriptor = self._open[above]
        for number in range(start, len(names)):
            try:
                descriptor = os.open(names[number], _DIRECTORY, dir_fd=descriptor)
            except OSError as error:
                raise self._named(error, "/".join(names[: number + 1])) from None
            self._keep("/".join(names[: number + 1]), descriptor)
        return descriptor

    def _keep(self, path: str, descriptor: int) -> None:
        self._open[path] = descriptor
        if len(self._open) > _MOST_OPEN:
            os.close(self._open.pop(next(iter(self._open))))

    def _whole(self, path: str) -> str:
        return os.path.join(self.folder, path) if path else self.folder

    def _named(self, error: OSError, path: str) -> OSError:
        """The same error with the whole path; ELOOP and its like become FileNotFoundError."""
        number = errno.ENOENT if error.errno in GONE else error.errno
        return OSError(number, os.strerror(number or 0), self._whole(path))


def open_regular(name: str, directory: Directory) -> int:
    """Open a name in an open directory to read; raises FileNotFoundError for anything but a regular file.

    What is opened is looked at before it is opened to be read, since opening a device may already do something.
    """
    if isinstance(directory, str):
        return os.open(os.path.join(directory, name), os.O_RDONLY | _NOFOLLOW)
    if not hasattr(os, "O_PATH") or os.geteuid() != 0:  # only root meets devices that it may open
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
    place = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
    try:
        if stat.S_ISREG(os.fstat(place).st_mode):
            return os.open(f"/proc/self/fd/{place}", os.O_RDONLY)
        raise FileNotFoundError(errno.ENOENT, "not a regular file", name)
    finally:
        os.close(place)


def chmod_beside(name: str, mode: int, directory: Directory) -> None:
    """Set the mode of a name in an open directory, unless it is a symbolic link (FileNotFoundError then).

    Linux has no chmod that refuses links before 6.6: there the mode is set through the descriptor of what was opened.
    """
    if isinstance(directory, str):
        os.chmod(os.path.join(directory, name), mode)
        return
    if not hasattr(os, "O_PATH"):
        os.chmod(name, mode, dir_fd=directory, follow_symlinks=False)
        return
    descriptor = os.open(name or ".", os.O_PATH | os.O_NOFOLLOW, dir_fd=directory)
    try:
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            raise FileNotFoundError(errno.ENOENT, "a symbolic link has no mode to set", name)
        os.chmod(f"/proc/self/fd/{descriptor}", mode)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, with those above it, or close one that is there.

    An image may hold files with a setuid bit, and devices: another user of this machine must not reach them.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = folder.stat()
    if hasattr(os, "geteuid") and info.st_uid == os.geteuid() and info.st_mode & 0o077:
        folder.chmod(0o700)


def files_size(folder: Path) -> int:
    """Bytes in the regular files of a folder, each inode counted once; 0 for one that is in use elsewhere now."""
    below, todo, sizes = Beneath(folder), [""] if folder.is_dir() else [], {}
    while todo:
        for path, info in below.list(todo.pop()):
            if stat.S_ISDIR(info.st_mode):
                todo.append(path)
            elif stat.S_ISREG(info.st_mode):
                sizes[info.st_ino] = info.st_size
    below.close()
    return sum(sizes.values())


def remove_folder(folder: Path) -> bool:
    """Remove a folder and all in it without following a link; returns whether it is gone.

    Directories of one's own that are locked (mode 0555, 0000) are unlocked first.
    """
    import shutil  # here: it loads four kinds of compression, and few need it

    if os.path.isdir(folder) and not (hasattr(os, "geteuid") and os.geteuid() == 0):
        below = Beneath(folder)
        todo = [""]
        while todo:
            directory = todo.pop()
            for path, info in below.list(directory):
                if stat.S_ISDIR(info.st_mode):
                    if info.st_mode & 0o700 != 0o700:
                        with suppress(OSError):
                            below.chmod(path, 0o700)
                    todo.append(path)
        below.close()
    shutil.rmtree(folder, ignore_errors=True)  # by descriptors itself, where the system has them
    return not os.path.lexists(folder)
