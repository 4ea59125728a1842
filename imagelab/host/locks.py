"""A re-entrant file lock, which ends with the process that holds it.

filelock does it, on every system. It is loaded when a lock is first taken: most commands only read.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filelock import BaseFileLock

_guard = threading.Lock()


class Lock:
    """The lock of a file, for a `with` block; who has it may take it again. The file is made if it is not there.

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
        """Take it, or without `wait`, only if nobody else has it; returns whether it is ours now."""
        from filelock import Timeout

        try:
            self._real().acquire(blocking=wait)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Give it back."""
        self._real().release()

    def _real(self) -> BaseFileLock:
        from filelock import FileLock

        with _guard:
            if self._file is None:
                self._file = FileLock(self._path, **self._settings)
            return self._file
