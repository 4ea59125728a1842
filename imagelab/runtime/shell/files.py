"""The files of a container, as the commands of its shell read and change them.

Paths are absolute and resolved as in the container: `Root` walks them, so that links and `..` stay in the root folder,
even while another program swaps directories for links. Errors are OSErrors.

Left out: reading and writing named pipes and devices. `/dev/null`, `zero`, `full`, `random` and `urandom` are emulated;
they are not on the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import LabError, NotFound
from ...filesystem.streams import CHUNK
from ...host.beneath import chmod_beside, open_regular
from ...host.root import Bind, Root

DEVICES = ("full", "null", "random", "urandom", "zero")
_MOUNT_POINTS = ("/dev", "/proc", "/sys")  # mount points in a container


def failure(number: int, path: str = "") -> OSError:
    """An OSError with the system's words for its number."""
    return OSError(number, os.strerror(number), path)


def device_of(path: str) -> str:
    """The name of the emulated device at a path, "" for anything else."""
    above, _, name = path.rpartition("/")
    return name if above == "/dev" and name in DEVICES else ""


def _made_here(mode: int) -> os.stat_result:
    """The `lstat` result of something that is not on the disk."""
    names = ("st_atime_ns", "st_mtime_ns", "st_ctime_ns", "st_blocks", "st_rdev", "st_blksize")
    return os.stat_result((mode, 0, 0, 1, 0, 0, 0, 0, 0, 0), dict.fromkeys(names, 0))


class Files:
    """The system calls of a script on the files of a root folder. `umask` is the script's, not this process's."""

    def __init__(self, folder: Path, binds: Sequence[Bind] = (), *, readonly: bool = False) -> None:
        self.root = Root(folder, binds, readonly=readonly)
        self.umask = 0o022

    @contextmanager
    def at(self, path: str, *, change: bool = False) -> Iterator[tuple[int, str, os.stat_result | None]]:
        """Open a path's directory; yields it, the name in it ("" for a root folder), and its `lstat` or None.

        With `change`, raises EROFS for a path on what is mounted read-only, and EBUSY for what is mounted itself.
        """
        above, _, name = path.rstrip("/").rpartition("/")
        with self._walk(above or "/") as (folder, rest, info):
            if rest:
                raise failure(errno.ENOTDIR if info else errno.ENOENT, path)
            real = self._real(above or "/", name) if self.root.guarded else name
            if self.root.guarded and change:
                if real in self.root.binds:
                    raise failure(errno.EBUSY, path)
                self._check(real, path)
            if real in self.root.binds:
                with self._walk(f"/{real}") as mounted:
                    yield mounted
                return
            try:
                info = os.stat(name or ".", dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                info = None
            yield folder, name, info

    @contextmanager
    def there(self, path: str, *, change: bool = False) -> Iterator[tuple[int, str, os.stat_result]]:
        """As `at`; raises FileNotFoundError if nothing is at the path."""
        with self.at(path, change=change) as (folder, name, info):
            if info is None:
                raise failure(errno.ENOENT, path)
            yield folder, name, info

    def _real(self, above: str, name: str) -> str:
        """The real path of a name in a directory, without a leading '/'."""
        with self.root.at(above, follow=True) as (_, _, real, _):
            return f"{real}/{name}".lstrip("/")

    def _check(self, real: str, path: str) -> None:
        if self.root.mounted_at(real).readonly:
            raise failure(errno.EROFS, path)

    @contextmanager
    def _walk(self, path: str, *, change: bool = False) -> Iterator[tuple[int, str, os.stat_result | None]]:
        """As `Root.at` with links followed; raises OSErrors, with `change` EROFS too."""
        try:
            with self.root.at(path, follow=True) as (folder, name, real, info):
                if change:
                    self._check(real, path)
                yield folder, name, info
        except NotFound as error:
            raise failure(errno.ENOTDIR if str(error).endswith("not a directory") else errno.ENOENT, path) from None
        except LabError:
            raise failure(errno.ELOOP, path) from None

    def stat(self, path: str, *, follow: bool = False) -> os.stat_result:
        """The `lstat` of a path, or with `follow` its `stat`."""
        if device_of(path):
            return _made_here(stat.S_IFCHR | 0o666)
        if path == "/dev":
            with suppress(FileNotFoundError), self.there(path) as (_, _, info):
                return info
            return _made_here(stat.S_IFDIR | 0o755)
        if follow:
            with self._walk(path) as (_, _, target):
                if target is None:
                    raise failure(errno.ENOENT, path)
                return target
        with self.there(path) as (_, _, info):
            return info

    def real(self, path: str) -> str:
        """The path with all links resolved; its last component need not exist."""
        try:
            with self.root.at(path, follow=True) as (_, _, real, _):
                return f"/{real}"
        except NotFound:
            raise failure(errno.ENOENT, path) from None
        except LabError:
            raise failure(errno.ELOOP, path) from None

    def exists(self, path: str) -> bool:
        """Whether something is at a path, links followed."""
        try:
            return bool(self.stat(path, follow=True))
        except OSError:
            return False

    def open(self, path: str, flags: int = os.O_RDONLY) -> int:
        """Open a regular file, links followed; O_CREAT in `flags` creates it with the mode that `umask` leaves."""
        with self._walk(path, change=flags & os.O_ACCMODE != os.O_RDONLY) as (folder, name, info):
            if info is None:
                if not flags & os.O_CREAT:
                    raise failure(errno.ENOENT, path)
                made = os.open(name, flags | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
                os.fchmod(made, 0o666 & ~self.umask)
                return made
            if stat.S_ISDIR(info.st_mode):
                raise failure(errno.EISDIR, path)
            if not stat.S_ISREG(info.st_mode):
                raise OSError(errno.EOPNOTSUPP, "pipes and devices cannot be opened in this shell", path)
            if flags & os.O_ACCMODE == os.O_RDONLY:
                return open_regular(name, folder)
            return os.open(name, flags & ~os.O_EXCL | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)

    def pieces(self, path: str) -> Iterator[bytes]:
        """The content of a file or a device, a piece at a time; `/dev/zero` and `urandom` have no end."""
        device = device_of(path)
        if device in ("random", "urandom"):
            while True:
                yield os.urandom(CHUNK)
        while device in ("full", "zero"):
            yield bytes(CHUNK)
        if not device:
            with open(self.open(path), "rb", buffering=0) as file:
                while piece := file.read(CHUNK):
                    yield piece

    def write(self, path: str, data: bytes, flags: int = os.O_TRUNC) -> None:
        """Write a file, or append to it with O_APPEND."""
        device = device_of(path)
        if device == "full" and data:
            raise failure(errno.ENOSPC, path)
        if device:
            return
        with open(self.open(path, os.O_WRONLY | os.O_CREAT | flags), "wb") as file:
            file.write(data)

    def mkdir(self, path: str, mode: int | None = None, parents: bool = False) -> None:
        """Make a directory; with `parents` also those above it, and an existing one is accepted."""
        parts = path.strip("/").split("/")
        for last in range(1 if parents else len(parts), len(parts) + 1):
            mine = last == len(parts)
            bits = mode if mine and mode is not None else 0o777 & ~self.umask
            with self.at("/" + "/".join(parts[:last])) as (folder, name, info):
                if info is None:
                    if self.root.guarded:
                        self._check(self._real("/" + "/".join(parts[: last - 1]), name), path)
                    os.mkdir(name, 0o700, dir_fd=folder)
                    chmod_beside(name, bits if mine else bits | 0o300, folder)
                    continue
            if not parents or not stat.S_ISDIR(self.stat("/" + "/".join(parts[:last]), follow=True).st_mode):
                raise failure(errno.EEXIST, path)

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted, links followed; `/` always has `dev`, and `/dev` the emulated devices."""
        names: set[str] = {"/": {"dev"}, "/dev": set(DEVICES)}.get(path, set())
        with self._walk(path) as (folder, rest, info):
            if info is None and names:
                return sorted(names)
            if rest or info is None:
                raise failure(errno.ENOTDIR if info else errno.ENOENT, path)
            return sorted(names.union(os.listdir(folder)))

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory; raises EBUSY for a mount point of a container."""
        if path in _MOUNT_POINTS or device_of(path):
            raise failure(errno.EBUSY, path)
        with self.there(path, change=True) as (folder, name, info):
            if not name:
                raise failure(errno.EBUSY, path)
            (os.rmdir if stat.S_ISDIR(info.st_mode) else os.unlink)(name, dir_fd=folder)

    def remove_all(self, path: str) -> None:
        """Remove a file, a link, or a directory and all in it."""
        if stat.S_ISDIR(self.stat(path).st_mode):
            for name in self.names(path):
                self.remove_all(f"{path.rstrip('/')}/{name}")
        self.remove(path)

    def rename(self, old: str, new: str) -> None:
        """Rename a file, a link or a directory, as rename(2): replaces what it can."""
        with self.there(old, change=True) as (there, name, _), self.at(new, change=True) as (folder, becomes, _):
            if not name or not becomes or not {old, new}.isdisjoint(_MOUNT_POINTS):
                raise failure(errno.EBUSY, old)
            os.rename(name, becomes, src_dir_fd=there, dst_dir_fd=folder)

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link; its target is not resolved."""
        with self.at(path, change=True) as (folder, name, info):
            if info:
                raise failure(errno.EEXIST, path)
            os.symlink(target, name, dir_fd=folder)

    def link(self, old: str, new: str) -> None:
        """Make a hard link; of a symbolic link, to the link itself."""
        with self.there(old) as (there, name, info), self.at(new, change=True) as (folder, becomes, _):
            if stat.S_ISDIR(info.st_mode):
                raise failure(errno.EPERM, new)
            os.link(name, becomes, src_dir_fd=there, dst_dir_fd=folder, follow_symlinks=False)

    def readlink(self, path: str) -> str:
        """The target of a symbolic link; raises OSError (EINVAL) for anything else."""
        with self.there(path) as (folder, name, _):
            return os.readlink(name or ".", dir_fd=folder)

    def chmod(self, path: str, mode: int) -> None:
        """Set the mode of a file or directory, links followed."""
        with self._walk(path, change=True) as (folder, name, info):
            if info is None:
                raise failure(errno.ENOENT, path)
            chmod_beside(name, mode, folder)

    def chown(self, path: str, owner: tuple[int, int], *, follow: bool = True) -> None:
        """Set user and group, -1 for unchanged; the kernel clears the set-ID bits."""
        with self._walk(path, change=True) if follow else self.there(path, change=True) as (folder, name, info):
            if info is None:
                raise failure(errno.ENOENT, path)
            os.chown(name or ".", *owner, dir_fd=folder, follow_symlinks=False)

    def utime(self, path: str, times: tuple[int, int], *, follow: bool = True) -> None:
        """Set the times of access and change, in nanoseconds."""
        with self._walk(path, change=True) if follow else self.there(path, change=True) as (folder, name, info):
            if info is None:
                raise failure(errno.ENOENT, path)
            os.utime(name or ".", ns=times, dir_fd=folder, follow_symlinks=False)
