"""The sandbox of workers: the kernel confines a process to a container's root folder.

The interpreters that run shell scripts and WebAssembly resolve paths themselves: they look where a link leads, then
open it. Another program of the container can swap a directory for a link in between, so checks cannot make that safe.
A worker therefore confines itself before it runs the first command:

* A **mount namespace** holds the root folder, what is mounted in it, and, read-only, what Python reads; nothing else of
  the host exists there, and no device in the root folder can be opened.
* **Landlock** denies access outside those folders as well. It does not cover what opens no file (chmod, chown, utime,
  stat), so it is not enough alone; it also denies the network, and signals to other processes.

See mount_namespaces(7), user_namespaces(7), and the kernel's userspace-api/landlock.rst. The system calls are made with
ctypes: PyPI's three Landlock packages take 10 to 20 ms to import, and each starts a program to find the C library.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

from ..host.root import Bind

# Landlock's rights on files, by their bit: to read files and directories, to change them but make no device.
_READ = 1 << 2 | 1 << 3
_CHANGE = sum(1 << bit for bit in (1, 4, 5, 7, 8, 9, 10, 12, 13, 14))
_READ_FILE, _WRITE_FILE, _TRUNCATE = 1 << 2, 1 << 1, 1 << 14
_FILES = {3: (1 << 15) - 1, 5: (1 << 16) - 1}  # all rights that a version of Landlock handles
_NETWORK = 0b11  # bind and connect TCP, since version 4
_SCOPES = 0b11  # abstract sockets and signals, since version 6
_NEWNS, _NEWUSER = 0x00020000, 0x10000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _MOVE, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 8192, 16384, 1 << 18
_KEPT_FLAGS = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}  # statvfs(3) → mount(2)
_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE  # the rights that a file can have
_MOUNTS = "/.mounts"  # the folder of the new root that holds what is mounted in the container's
_STAGE = "/sys"  # a folder that every Linux has and that holds no Python: the new root is assembled there


class _Attributes(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


@cache
def means() -> tuple[str, ...]:
    """What confines a worker on this machine: "mount namespace", "Landlock", both, or neither."""
    if sys.platform != "linux":
        return ()
    probe = subprocess.run([sys.executable, "-m", __name__], capture_output=True, env={"PYTHONPATH": _package_path()})
    return tuple(probe.stdout.decode().splitlines())


def available() -> bool:
    """Whether this machine confines workers at all."""
    return _landlock_version() >= 3 or bool(means())


def enter(root: Path, binds: Sequence[Bind] = (), *, readonly: bool = False) -> tuple[Bind, ...]:
    """Confine this process for good to a root folder, which keeps its path, to `binds`, and to what Python reads.

    Returns the binds with their sources as this process can reach them from then on. With `readonly`, it cannot change
    the root folder. The process must have one thread. A means that the machine lacks is left out: see `means`.
    """
    binds = tuple(bind for bind in binds if bind.source)
    if sys.platform != "linux":
        return binds
    readable = _folders(_python_folders())
    own = Bind("", os.fspath(root), readonly)
    with suppress(OSError):
        binds = _into_namespace(own, binds, readable)
    with suppress(OSError):
        _landlock([own, *binds], readable)
    return binds


def _folders(paths: Sequence[str]) -> list[str]:
    """The folders among these paths, without those inside another one."""
    folders = sorted({os.path.abspath(path) for path in paths if os.path.isdir(path)})
    return [path for path in folders if not any(path.startswith(f"{other}/") for other in folders)]


def _python_folders() -> list[str]:
    """The folders that Python reads its modules and shared libraries from."""
    package = os.path.join(_package_path(), "imagelab")
    installed = [path for path in sys.path if os.path.basename(path) in ("site-packages", "dist-packages")]
    libraries = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", f"{sys.base_prefix}/lib"]
    return [package, os.path.dirname(os.__file__), *installed, *libraries]


def _package_path() -> str:
    """The folder that contains the package imagelab."""
    return str(Path(__file__).absolute().parents[2])


# Mount namespace ------------------------------------------------------------------------------------------------------


def _unshare() -> None:
    uid, gid = os.geteuid(), os.getegid()
    _checked(_libc().unshare(_NEWNS if uid == 0 else _NEWNS | _NEWUSER))
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    _mount("none", "/", "", _REC | _PRIVATE)


def _into_namespace(root: Bind, binds: Sequence[Bind], readable: Sequence[str]) -> tuple[Bind, ...]:
    _unshare()
    with ExitStack() as opened:  # what is mounted is opened first: the stage covers a part of the host
        sources = [opened.enter_context(_opened(bind.source)) for bind in binds]
        _mount("tmpfs", _STAGE, "tmpfs", _NOSUID | _NODEV)
        for path in readable:
            _bind(path, path, readonly=True)
        _bind(root.source, root.source, readonly=root.readonly)
        placed = tuple(replace(bind, source=f"{_MOUNTS}/{number}") for number, bind in enumerate(binds))
        for bind, source in zip(placed, sources, strict=True):
            _bind(f"/proc/self/fd/{source}", bind.source, readonly=bind.readonly)
    os.makedirs(f"{_STAGE}/dev", exist_ok=True)
    with open(f"{_STAGE}/dev/null", "w"):
        _mount("/dev/null", f"{_STAGE}/dev/null", "", _BIND)
    os.makedirs(f"{_STAGE}/proc/self")  # for /proc/self/fd; other processes have other roots
    _mount(f"/proc/{os.getpid()}", f"{_STAGE}/proc/self", "", _BIND)
    os.chdir(_STAGE)
    _mount(".", "/", "", _MOVE)
    os.chroot(".")
    os.chdir("/")
    return placed


def _bind(path: str, becomes: str, *, readonly: bool) -> None:
    """Bind a folder or file of the host to a path of the stage."""
    target = _STAGE + becomes
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "x").close()
    _mount(path, target, "", _BIND | _REC)
    kept = sum(flag for bit, flag in _KEPT_FLAGS.items() if os.statvfs(path).f_flag & bit)
    _mount("none", target, "", _BIND | _REMOUNT | kept | _NODEV | _NOSUID | (_RDONLY if readonly else 0))


def _mount(source: str, target: str, kind: str, flags: int) -> None:
    words = [os.fsencode(word) if word else None for word in (source, target, kind)]
    _checked(_libc().mount(*words, ctypes.c_ulong(flags), None))


# Landlock -------------------------------------------------------------------------------------------------------------


@cache
def _landlock_version() -> int:
    return int(_libc().syscall(444, None, ctypes.c_size_t(0), 1)) if sys.platform == "linux" else -1


def _landlock(binds: Sequence[Bind], readable: Sequence[str]) -> None:
    version = _landlock_version()
    if version < 3:  # before, renaming within the root is denied, and truncating outside is not
        return
    handled = _FILES[5 if version >= 5 else 3]
    attributes = _Attributes(handled, _NETWORK if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = ctypes.sizeof(attributes) if version >= 6 else 16 if version >= 4 else 8
    rules = int(_checked(_libc().syscall(444, ctypes.byref(attributes), ctypes.c_size_t(size), 0)))
    try:
        allowed = [(bind.source, _READ if bind.readonly else _READ | _CHANGE) for bind in binds]
        for path, rights in [*allowed, ("/dev/null", _FILE), *((path, _READ) for path in readable)]:
            with _opened(path) as folder:
                rule = _Beneath(rights & handled & (-1 if os.path.isdir(path) else _FILE), folder)
                _checked(_libc().syscall(445, rules, 1, ctypes.byref(rule), 0))
        _checked(_libc().prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
        _checked(_libc().syscall(446, rules, 0))
    finally:
        os.close(rules)


@contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_PATH)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno() or errno.EPERM
        raise OSError(number, os.strerror(number))
    return result


if __name__ == "__main__":  # prints what is available, by trying it
    with suppress(OSError):
        _unshare()
        _mount("tmpfs", _STAGE, "tmpfs", _NOSUID | _NODEV)
        print("mount namespace")
    if _landlock_version() >= 3:
        print("Landlock")
