"""A container's files as bashkit's file system.

bashkit accepts foreign file systems through a C interface, `bashkit.FileSystem.v1` (crates/bashkit/src/interop/fs.rs
in its source): a table of functions in a capsule. Its own mount of a folder (`mounts=`) refuses absolute links and `..`
in links, rewrites a whole file for each piece appended to it, and checks a path before it opens it.

Left out, as the interface has no function for them: making named pipes, and setting the time of a file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from ..binfmt import SHELL_MARK
from .files import Files, device_of

if TYPE_CHECKING:
    from bashkit import Bash

MAX_READ = 256 << 20  # bytes of one file that a command of bashkit's own reads into memory
_NAME = b"bashkit.FileSystem.v1"
_KINDS = {stat.S_IFDIR: 1, stat.S_IFLNK: 2, stat.S_IFIFO: 3}  # a regular file is 0
_ERRORS = {
    errno.ENOENT: 1, errno.EEXIST: 2, errno.EACCES: 3, errno.EPERM: 3, errno.EINVAL: 4, errno.EISDIR: 5,
    errno.ENOTDIR: 6, errno.ENOTEMPTY: 7,
}  # fmt: skip
_mounted: dict[int, Files] = {}  # by the number that bashkit passes as the instance
_lent: dict[int, Any] = {}  # memory that bashkit has not freed yet, by its address
_numbers = count(1)
_SHELL = b'#!/bin/sh\n# bashkit builtin: sh\nexec sh "$@"\n'  # the content by which bashkit recognises its own sh


class _Bytes(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("length", ctypes.c_size_t))

    def text(self) -> str:
        return ctypes.string_at(self.address, self.length).decode() if self.length else ""


class _Content(_Bytes):
    """Bytes that are not text."""


class _Error(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_uint32), ("message", _Bytes))


class _Metadata(ctypes.Structure):
    _fields_ = (
        ("kind", ctypes.c_uint8), ("reserved", ctypes.c_uint8 * 7),
        ("size", ctypes.c_uint64), ("mode", ctypes.c_uint32),
        ("modified", ctypes.c_int64), ("modified_nanos", ctypes.c_uint32),
        ("created", ctypes.c_int64), ("created_nanos", ctypes.c_uint32),
    )  # fmt: skip


class _Item(ctypes.Structure):
    _fields_ = (("name", _Bytes), ("metadata", _Metadata))


class _Handle(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("instance", ctypes.c_void_p),
        ("retain", ctypes.c_void_p), ("release", ctypes.c_void_p), ("table", ctypes.c_void_p),
    )  # fmt: skip


@contextmanager
def mounted(bash: Bash, files: Files) -> Iterator[None]:
    """Mount these files as the root file system of a Bash, which has no other files."""
    from bashkit import FileSystem

    number = next(_numbers)
    _mounted[number] = files
    handle = _Handle(1, 0, number, _address(_keep), _address(_keep), ctypes.addressof(_TABLE))
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    try:
        bash.mount("/", FileSystem.from_capsule(new(ctypes.addressof(handle), _NAME, None)))
        yield
    finally:
        del _mounted[number]


def _give(data: bytes, out: Any) -> None:
    """Pass bytes to bashkit, which frees them with `_free_bytes`."""
    memory = ctypes.create_string_buffer(data, len(data) or 1)
    out.address, out.length = ctypes.addressof(memory), len(data)
    _lent[out.address] = memory


def _describe(info: os.stat_result, out: Any) -> None:
    out.kind = _KINDS.get(stat.S_IFMT(info.st_mode), 0)
    out.size = 0 if out.kind == 1 else info.st_size
    out.mode = stat.S_IMODE(info.st_mode)
    out.modified, out.modified_nanos = divmod(info.st_mtime_ns, 1_000_000_000)
    out.created, out.created_nanos = out.modified, out.modified_nanos


def _read(files: Files, path: str, out: Any) -> None:
    device = device_of(path)
    if device in ("full", "random", "urandom", "zero"):
        raise OSError(errno.EFBIG, f"{path} has no end: head -c, cat and dd can read some of it", path)
    size = 0 if device else files.stat(path, follow=True).st_size
    if size > MAX_READ:
        raise OSError(errno.EFBIG, f"File too large: {size} bytes, and this command reads at most {MAX_READ}", path)
    data = b"" if device else b"".join(files.pieces(path))
    _give(_SHELL if data.startswith(SHELL_MARK) else data, out.contents)


def _read_dir(files: Files, path: str, out: Any) -> None:
    entries = []
    for name in files.names(path):
        try:
            entries.append((name.encode(), files.stat(f"{path.rstrip('/')}/{name}")))
        except (FileNotFoundError, UnicodeEncodeError):  # removed meanwhile; a name that is not UTF-8
            continue
    items = (_Item * (len(entries) or 1))()
    for item, (encoded, info) in zip(items, entries, strict=False):
        _give(encoded, item.name)
        _describe(info, item.metadata)
    out.contents.address, out.contents.length = ctypes.addressof(items), len(entries)
    _lent[out.contents.address] = items


def _copy(files: Files, old: str, new: str) -> None:
    info = files.stat(old)
    if stat.S_ISLNK(info.st_mode):
        files.symlink(files.readlink(old), new)
        return
    files.write(new, b"")
    for piece in files.pieces(old):
        files.write(new, piece, os.O_APPEND)
    files.chmod(new, stat.S_IMODE(info.st_mode))


def _remove(files: Files, path: str, recursive: bool) -> None:
    (files.remove_all if recursive else files.remove)(path)


def _read_link(files: Files, path: str, out: Any) -> None:
    _give(files.readlink(path).encode(), out.contents)


def _exists(files: Files, path: str, out: Any) -> None:
    out[0] = files.exists(path)


def _plain(arg: Any) -> Any:
    if isinstance(arg, _Content):
        return ctypes.string_at(arg.address, arg.length) if arg.length else b""
    return arg.text() if isinstance(arg, _Bytes) else arg


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _function(work: Callable[..., None], *takes: Any) -> Any:
    """A C function of the table: it calls `work` with the mounted files and returns 0, or 1 and an error."""

    def call(instance: int, *args: Any) -> int:
        error = args[-1]
        try:
            work(_mounted[instance], *map(_plain, args[:-1]))
        except BaseException as problem:
            number = problem.errno if isinstance(problem, OSError) else None
            error.contents.kind = _ERRORS.get(number or 0, 0)
            words = problem.strerror if isinstance(problem, OSError) else f"{type(problem).__name__}: {problem}"
            _give((words or str(problem)).encode(errors="replace"), error.contents.message)
            return 1
        return 0

    return ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_void_p, *takes, ctypes.POINTER(_Error))(call)


@ctypes.CFUNCTYPE(None, ctypes.c_void_p)  # type: ignore[untyped-decorator]
def _keep(instance: int) -> None:
    """Retain and release: the files live as long as `mounted` is in its `with` block."""


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, _Bytes)  # type: ignore[untyped-decorator]
def _free_bytes(instance: int, data: Any) -> None:
    _lent.pop(data.address, None)


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, _Bytes)  # type: ignore[untyped-decorator]
def _free_items(instance: int, data: Any) -> None:
    for item in _lent.pop(data.address, ())[: data.length]:
        _lent.pop(item.name.address, None)


_PATH, _FLAG = _Bytes, ctypes.c_bool
_FUNCTIONS = (  # in the interface's order
    _function(_read, _PATH, ctypes.POINTER(_Bytes)),
    _function(lambda files, path, data: files.write(path, data), _PATH, _Content),
    _function(lambda files, path, data: files.write(path, data, os.O_APPEND), _PATH, _Content),
    _function(lambda files, path, parents: files.mkdir(path, parents=parents), _PATH, _FLAG),
    _function(_remove, _PATH, _FLAG),
    _function(lambda files, path, out: _describe(files.stat(path), out.contents), _PATH, ctypes.POINTER(_Metadata)),
    _function(_read_dir, _PATH, ctypes.POINTER(_Bytes)),
    _function(_exists, _PATH, ctypes.POINTER(ctypes.c_bool)),
    _function(Files.rename, _PATH, _PATH),
    _function(_copy, _PATH, _PATH),
    _function(Files.symlink, _PATH, _PATH),
    _function(_read_link, _PATH, ctypes.POINTER(_Bytes)),
    _function(Files.chmod, _PATH, ctypes.c_uint32),
    _free_bytes,
    _free_items,
)
_TABLE = (ctypes.c_void_p * len(_FUNCTIONS))(*map(_address, _FUNCTIONS))
