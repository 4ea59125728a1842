"""Pause a container's processes while its files are read, as Docker does for `docker commit`.

Every process of the container gets SIGSTOP, and SIGCONT afterwards. The file `paused` in its folder lists the stopped
ones, under a lock: several readers may overlap, and if a reader is killed, the next look at the container resumes them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ..errors import LabError
from ..host.locks import flock
from ..volumes.mount import Mount
from .record import Record

PATIENCE = 5.0  # seconds to wait for a process in an uninterruptible call
STANDING = frozenset("TtZX")  # states in /proc/PID/stat: stopped, traced, zombie, dead


@contextmanager
def paused(record: Record) -> Iterator[None]:
    """Pause the processes of a container inside the block; does nothing if it does not run."""
    state = record.state() if record.folder.is_dir() else None
    if state is None or state.status != "running" or state.pid is None:
        yield
        return
    try:
        with flock(record.folder / "paused", shared=True):
            _stop(record, state.pid)
            yield
    finally:
        resume(record)


@contextmanager
def mounts_still(record: Record, mounts: Sequence[Mount]) -> Iterator[None]:
    """Pause every program that could put a link in the way of a mount: bubblewrap mounts by paths.

    Those are the container's own, and where a mount is in another one, those of containers that have that one too.
    """
    outer = {(m.type, m.source) for m in mounts for inner in mounts if inner.target.startswith(f"{m.target}/")}
    with ExitStack() as still:
        if mounts:
            still.enter_context(paused(record))
        for other in record.folder.parent.glob("[!.]*") if outer else ():
            with suppress(LabError, OSError):
                if other != record.folder and outer & {(m.type, m.source) for m in Record(other).spec().mounts}:
                    still.enter_context(paused(Record(other)))
        yield


@contextmanager
def counted(record: Record, pid: int) -> Iterator[None]:
    """Record a program started by exec, so that it is paused too; its parent calls this."""
    note = record.folder / "beside" / str(pid)
    with ExitStack() as noted:
        with suppress(FileNotFoundError):  # the container may be removed meanwhile
            note.parent.mkdir(exist_ok=True)
            noted.enter_context(flock(note))
            noted.callback(note.unlink, missing_ok=True)
        yield


def _beside(record: Record) -> set[int]:
    """The PIDs of programs started by exec; the record of a parent that was killed is removed."""
    folder, pids = record.folder / "beside", set()
    for note in folder.iterdir() if folder.is_dir() else ():
        with suppress(OSError), flock(note, shared=True, wait=False) as lock:
            if lock is None:
                pids.add(int(note.name))
            else:
                os.unlink(note)
    return pids


def resume(record: Record) -> None:
    """Resume the processes that readers of a container have stopped, unless one still reads."""
    path = record.folder / "paused"
    with suppress(FileNotFoundError), flock(path, wait=False) as lock:
        if lock is None:
            return
        for line in os.pread(lock, 1 << 20, 0).splitlines():
            with suppress(ValueError, OSError):
                pid, started = json.loads(line)
                _signal(pid, started, signal.SIGCONT)
        os.ftruncate(lock, 0)


def left_stopped(record: Record) -> bool:
    """Whether processes of a container are listed as stopped; the reader may have been killed since."""
    try:
        return os.stat(record.folder / "paused").st_size > 0
    except FileNotFoundError:
        return False


def _stop(record: Record, first: int) -> None:
    """Stop all processes, also those started meanwhile; returns when none moves, or after PATIENCE."""
    path = record.folder / "paused"
    end = time.monotonic() + PATIENCE
    stopped: set[int] = set()
    while True:
        moving = []
        for pid, kind, started in _processes(record, first):
            if pid == os.getpid() or (kind in STANDING and all(kind in STANDING for kind in _threads(pid))):
                continue
            moving.append(pid)
            if pid not in stopped:
                with open(path, "ab") as notes:  # listed first: a reader killed in between leaves no process stopped
                    notes.write(json.dumps([pid, started]).encode() + b"\n")
                _signal(pid, started, signal.SIGSTOP)
                stopped.add(pid)
        if not moving or time.monotonic() > end:
            return
        time.sleep(0.0005)


def _processes(record: Record, first: int) -> list[tuple[int, str, str]]:
    """The processes of a container: PID, state letter, start time; those in its process namespace or below it."""
    starts = {first} | _beside(record)
    if not sys.platform.startswith("linux"):
        return [(pid, "R", "") for pid in starts]
    table: dict[int, tuple[int, str, str]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (row := _stat(int(name))):
            table[int(name)] = row
    space = _namespace(first)
    inside = {pid for pid in table if pid in starts or (space and _namespace(pid) == space)}
    if space == _namespace(os.getpid()):  # the container has no process namespace of its own
        inside = starts & table.keys()
    more = True
    while more:
        below = {pid for pid, row in table.items() if row[0] in inside} - inside
        inside |= below
        more = bool(below)
    return [(pid, *table[pid][1:]) for pid in sorted(inside)]


def _stat(pid: int) -> tuple[int, str, str] | None:
    """A process's parent, state letter and start time."""
    with suppress(OSError, IndexError):
        words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(words[1]), words[0], words[19]
    return None


def _threads(pid: int) -> Iterator[str]:
    """The state letter of each thread of a process."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                yield Path(f"/proc/{pid}/task/{thread}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]


def _namespace(pid: int) -> str:
    with suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return ""


def _signal(pid: int, started: str, number: signal.Signals) -> None:
    """Signal a process, but not another one that has got its PID since."""
    if not hasattr(os, "pidfd_open"):
        with suppress(ProcessLookupError):
            (os.killpg if started == "" else os.kill)(pid, number)
        return
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if (row := _stat(pid)) and row[2] == started:
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)
