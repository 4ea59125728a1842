"""Errors of a full disk say which disk it is, how much is free on it, and how to make room.

An OSError says only "No space left on device". The disk is taken from the paths that the operation wrote to.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from types import FunctionType
from typing import Any, TypeVar

from ..errors import LabError

FULL = {errno.ENOSPC, errno.EDQUOT}
C = TypeVar("C")


class NoSpace(LabError):
    """A disk is full: which one, what is free on it, and how to make room."""


def names_full_disks(cls: type[C]) -> type[C]:
    """Decorate a class that has a `home`: its public methods raise NoSpace for an OSError that means a full disk."""
    for name, method in vars(cls).items():
        if isinstance(method, FunctionType) and (name == "__init__" or not name.startswith("_")):
            setattr(cls, name, _naming(method))
    return cls


def _naming(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> Any:
        try:
            return method(self, *args, **named)
        except OSError as error:
            if error.errno not in FULL:
                raise
            places = (place for value in (*args, *named.values()) if (place := _place_of(value)))
            raise NoSpace(full(error, getattr(self, "home", None), *places)) from None

    return call


def _place_of(value: object) -> str:
    """The path that an argument names, or that an open file has; "" for anything else."""
    if isinstance(value, os.PathLike) or (isinstance(value, str) and os.sep in value):
        return os.fspath(value)
    with suppress(AttributeError, OSError, ValueError):
        return os.readlink(f"/proc/self/fd/{value.fileno()}")  # type: ignore[attr-defined]
    return ""


def in_words(error: OSError, home: Path | None = None, *places: object) -> str:
    """The message of an OSError in one line; for a full disk, as `full` words it."""
    if error.errno in FULL:
        return full(error, home, *filter(None, map(_place_of, places)))
    where = f"{error.filename}: " if error.filename is not None else ""
    why = error.strerror or str(error)
    return f"{where}{why[:1].lower()}{why[1:]}"


def full(error: OSError, home: Path | None, *places: str) -> str:
    """One sentence on a full disk: the one that the error names, or else the fullest of those that places lie on.

    `home` is the lab's folder.
    """
    if error.filename is None and any(os.path.exists(place) and _is_device(place) for place in places):
        return "no space left on device"  # /dev/full
    candidates = [error.filename] if isinstance(error.filename, str) else [home, *places, tempfile.gettempdir()]
    nearest = [path for place in candidates if place and (path := _nearest(place))]
    disk = _disk_of(min(nearest, key=_free, default=Path(os.sep)))
    what = "the disk quota is used up" if error.errno == errno.EDQUOT else "no space left"
    room = f"{what} on {disk}: {_size(_free(disk))} of {_size(_total(disk))} are free there"
    if home and _disk_of(home) == disk:
        return f"{room}; make room with rmi, container prune and gc, or use another --home ($IMAGELAB_HOME)"
    if _disk_of(Path(tempfile.gettempdir())) == disk:
        return f"{room}; remove files there, or name another folder for temporary files in $TMPDIR"
    return f"{room}; remove files there, or write to another place"


def _is_device(place: str) -> bool:
    kind = os.stat(place).st_mode
    return stat.S_ISCHR(kind) or stat.S_ISBLK(kind)


def _nearest(place: str | os.PathLike[str]) -> Path | None:
    """A path, or the first folder above it that is there."""
    path = Path(os.path.abspath(place))
    return next((folder for folder in (path, *path.parents) if os.path.exists(folder)), None)


def _disk_of(path: Path) -> Path:
    """The folder that the disk of a path is mounted on."""
    path = path.resolve()
    return next(folder for folder in (path, *path.parents) if os.path.ismount(folder) or folder == folder.parent)


def _free(path: Path) -> int:
    if not hasattr(os, "statvfs"):
        import shutil

        return shutil.disk_usage(path).free
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def _total(path: Path) -> int:
    import shutil

    return shutil.disk_usage(path).total


def _size(number: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} bytes"
