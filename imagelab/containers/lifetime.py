"""Containers of a temporary lab are killed when the process that made the lab ends.

Its maker holds a lock, which ends with the process. The shim of each container waits for that lock: when it gets it,
nobody is left who could stop the program, and it does.
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

_OWNER = ".owner"  # among a store's containers; only a temporary lab has it


def keep(home: Path) -> ExitStack:
    """Say that the containers of a store are to end with this process, or when what is returned is closed."""
    ours = ExitStack()
    with suppress(LabError):  # Windows, where there are no containers
        make_private(home / "containers")
        ours.enter_context(flock(home / "containers" / _OWNER, wait=False))
    return ours


def end_with_keeper(shelf: Path, pid: int) -> None:
    """Kill a program when whoever keeps its store's containers has ended; nothing where nobody does."""

    def wait() -> None:
        with suppress(FileNotFoundError, ProcessLookupError), flock(shelf / _OWNER, shared=True):
            os.kill(pid, signal.SIGKILL)

    if (shelf / _OWNER).exists():
        threading.Thread(target=wait, daemon=True).start()


def end_all(home: Path) -> None:
    """End every container of a store at once; their folders stay."""
    shelf = home / "containers"
    for folder in shelf.iterdir() if shelf.is_dir() else ():
        if folder.is_dir():
            with suppress(LabError, OSError, ValueError):
                Record(folder).end()
