"""Watch a running program: pass on its output, and end it at its time limit."""

from __future__ import annotations

import os
import selectors
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ..errors import LabError
from .program import Output, Process, Program, Running, Streams


def spawn(command: Sequence[str], streams: Streams, **popen_args: Any) -> subprocess.Popen[bytes]:
    """Start a process of the host, with umask 022 as in containers, outside the process group of this one."""
    if os.name == "posix":
        popen_args = {"umask": 0o022, "start_new_session": True, **popen_args}
    return subprocess.Popen(command, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, **popen_args)


_watched: dict[int, Process] = {}  # thread → the process that it waits for


def kill_watched_by(thread: int) -> None:
    """Kill the program that a thread watches: to the thread it looks as if the program had been killed from outside.

    For a thread that waits where no interrupt reaches it. Does nothing if it watches none.
    """
    if process := _watched.get(thread):
        process.kill()


def watch(running: Running, program: Program, output: Output) -> int:
    """Pass on a program's output until it ends; returns its exit code.

    Kills it, and raises LabError, at its time limit; kills it, too, when this process is interrupted.
    """
    process = running.process
    end = time.monotonic() + program.timeout if program.timeout else None
    _watched[threading.get_ident()] = process
    try:
        hand_on(process, output, end)
        if end is not None and time.monotonic() > end:
            limit = f"{program.timeout:g} second{'s' * (program.timeout != 1)}"
            raise LabError(f"{program.argv[0]} ran longer than {limit} and was stopped")
        return process.wait()
    finally:
        _watched.pop(threading.get_ident(), None)
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def hand_on(process: Process, output: Output, end: float | None = None) -> None:
    """Pass on a process's output until it closes both streams, or until `end` on the monotonic clock."""
    open_streams = 0
    with selectors.DefaultSelector() as ready:
        for pipe, stream in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            if pipe:
                ready.register(pipe, selectors.EVENT_READ, stream)
                open_streams += 1
        while open_streams:
            for key, _ in ready.select(None if end is None else max(0.0, end - time.monotonic())):
                if data := os.read(key.fd, 1 << 16):
                    output(key.data, data)
                else:
                    ready.unregister(key.fileobj)
                    open_streams -= 1
            if end is not None and time.monotonic() > end:
                break


def stdin_of(input: int | bytes | None) -> int:
    """A program's standard input as Popen takes it: a file descriptor, PIPE for bytes, DEVNULL for None."""
    return subprocess.PIPE if isinstance(input, bytes) else subprocess.DEVNULL if input is None else input


def feed(process: Process, data: bytes) -> None:
    """Write bytes to a program's standard input in a thread, and close it."""

    def write() -> None:
        with suppress(OSError):
            assert process.stdin
            process.stdin.write(data)
            process.stdin.close()

    threading.Thread(target=write, daemon=True).start()
