"""Containers of a temporary lab are killed when the process that made the lab ends.

That process holds a lock, which ends with it. The shim of each container waits for the lock: when it gets it, the
process has ended, and the shim kills its program.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from ..errors import LabError
from ..host.beneath import make_private
from ..host.locks import flock
from .record import Record

_OWNER = ".owner"  # the lock file, in the folder of containers; only a temporary lab has one


def keep(home: Path) -> ExitStack:
    """End the containers of a store with this process, or when the returned stack is closed."""
    lock = ExitStack()
    with suppress(LabError):  # Windows, where there are no containers
        make_private(home / "containers")
        lock.enter_context(flock(home / "containers" / _OWNER, wait=False))
    return lock


def end_with_keeper(containers: Path, pid: int) -> None:
    """Kill a program when the process that owns its temporary lab ends; does nothing in other labs."""

    def wait() -> None:
        with suppress(FileNotFoundError, ProcessLookupError), flock(containers / _OWNER, shared=True):
            os.kill(pid, signal.SIGKILL)

    if (containers / _OWNER).exists():
        threading.Thread(target=wait, daemon=True).start()


def end_all(home: Path) -> None:
    """Kill every container of a store; their folders stay."""
    containers = home / "containers"
    for folder in containers.iterdir() if containers.is_dir() else ():
        if folder.is_dir():
            with suppress(LabError, OSError, ValueError):
                Record(folder).end()
