"""Start a container's shim, and attach to it.

`launch` starts a shim and returns when the program runs; `attend` hands on its output until it ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..runtime import worker
from ..runtime.process import feed, hand_on, stdin_of
from ..runtime.program import CannotStart, Output
from .record import Launch, Record

Release = Callable[[], None]  # stops holding interrupts; raises KeyboardInterrupt if one came meanwhile
PATIENCE = 2.0  # seconds in which an interrupted program should end, before the user is told how to kill it


def launch(record: Record, what: Launch, input: int | bytes | None, watched: bool) -> subprocess.Popen[bytes]:
    """Start a container's shim; returns when the program runs.

    `input` is a file descriptor or bytes. With `watched`, the output comes back through pipes. Raises CannotStart.
    """
    record.write_launch(what)
    answers, ready = os.pipe()
    prints = subprocess.PIPE if watched else subprocess.DEVNULL
    try:
        shim = worker.begin(
            subprocess.Popen, "imagelab.containers.shim", [str(record.folder.absolute()), str(ready)], keep=[ready],
            stdin=stdin_of(input), stdout=prints, stderr=prints, start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(ready)
    with open(answers, "rb") as file:
        failure = file.read()
    if failure:
        shim.communicate()
        why = json.loads(failure)
        raise CannotStart(str(why["error"]), int(why["code"]))
    if isinstance(input, bytes):
        feed(shim, input)
    return shim


@contextmanager
def interrupts_held() -> Iterator[Release]:
    """Hold back interrupts while a container is started, until the block calls the yielded function, or ends.

    Does nothing in other threads than the main one, and where SIGINT has another handler than Python's.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield lambda: None
        return
    interrupts: list[int] = []

    def restore() -> None:
        if signal.getsignal(signal.SIGINT) is hold:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def hold(number: int, frame: object) -> None:
        interrupts.append(number)

    def release() -> None:
        restore()
        if interrupts:
            interrupts.clear()
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, hold)
    try:
        yield release
    except BaseException:
        restore()
        raise
    release()


def attend(
    shim: subprocess.Popen[bytes], output: Output, send: Callable[[int], object], goes_on: Callable[[], object],
    release: Release,
) -> bool:  # fmt: skip
    """Hand on the output until the program ends; returns whether it was killed.

    When this process is interrupted, `send(SIGINT)` is called, and `goes_on()` if the program has not ended within
    PATIENCE. A second interrupt calls `send(SIGKILL)`. `release` is called first: see `interrupts_held`.
    """
    interrupts = answered = 0
    end: float | None = None
    is_late = False
    try:
        while True:
            try:
                release()
                if is_late:
                    end, is_late = None, False  # before the call, which an interrupt may end
                    goes_on()
                if interrupts > answered:
                    send(signal.SIGINT if interrupts == 1 else signal.SIGKILL)
                    end = time.monotonic() + PATIENCE if interrupts == 1 else None
                    answered = interrupts
                hand_on(shim, output, end)
                shim.wait(None if end is None else max(0.0, end - time.monotonic()))
                return answered > 1
            except subprocess.TimeoutExpired:
                is_late = True
            except KeyboardInterrupt:
                interrupts += 1
    finally:
        for pipe in (shim.stdout, shim.stderr):
            if pipe:
                pipe.close()
