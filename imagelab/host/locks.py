"""File locks, which end with the process that holds them, however it ends.

`Lock` is re-entrant and works on every system; filelock does it, loaded when a lock is first taken, since most commands
only read. `flock` can be shared, and keeps its file open for the holder to write in; Linux and macOS only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import LabError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_guard = threading.Lock()


class Lock:
    """A re-entrant file lock; use it as a context manager. A missing file is created.

    `settings` are filelock's, as `mode`, the permissions of the file.
    """

    def __init__(self, path: str | os.PathLike[str], **settings: Any) -> None:
        self._path, self._settings = path, settings
        self._file: BaseFileLock | None = None

    def __enter__(self) -> None:
        self.take()

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self, *, wait: bool = True) -> bool:
        """Take the lock, waiting for other processes unless `wait` is false; returns whether it was taken."""
        from filelock import Timeout

        try:
            self._real().acquire(blocking=wait)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Release the lock once; it is free when each `take` has been released."""
        self._real().release()

    def _real(self) -> BaseFileLock:
        from filelock import FileLock

        with _guard:
            if self._file is None:
                self._file = FileLock(self._path, **self._settings)
            return self._file


@contextmanager
def flock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[int | None]:
    """Hold flock(2)'s lock on a file, exclusive or `shared`; yields its descriptor, or None if another process has it.

    The file is made if it is not there; a folder can be locked too. Raises FileNotFoundError when its folder is gone,
    and LabError on Windows, which has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        raise LabError(
            "containers need Linux or macOS: on Windows, use the Windows Subsystem for Linux (WSL)"
        ) from None
    how = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, how | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)
