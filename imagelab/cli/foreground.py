"""Run in the foreground: hand streams and signals on between the terminal and a container.

What it prints is handed on as bytes, as it comes. Ctrl-C goes to its program, which may do with it what it likes; who
insists gets the prompt back, and the container goes on in the background, as it does when we are killed. In a notebook,
where nothing else would stop it, the second interrupt kills it (see `Container.start`).

Follows docker/cli (container/run.go, container/signals.go).
"""

from __future__ import annotations

import codecs
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from types import FrameType
from typing import TYPE_CHECKING

import click

from ..errors import Interrupted, LabError
from .command import Desk, complain

if TYPE_CHECKING:
    from ..containers import Container
    from ..runtime.program import Output

PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
PATIENCE = 3  # interrupts after which we leave, as docker's client does
INTERRUPTED = 130


def start(desk: Desk, container: Container, interactive: bool) -> int:
    """Start a container, and return its exit code when it has ended."""
    with nullcontext() if desk.notebook else _signals_of(container, desk):
        try:
            container.start(input=typed(desk) if interactive else None, output=printer(desk), wait=True)
        except Interrupted as killed:
            complain(str(killed))
    return container.exit_code


def typed(desk: Desk) -> int | bytes:
    """Our standard input, for a program to read; in a notebook there is nothing in it."""
    if desk.notebook or sys.stdin is None:
        return b""
    try:
        return sys.stdin.fileno()
    except (OSError, ValueError):  # a test's
        return sys.stdin.buffer.read()


def printer(desk: Desk) -> Output:
    """Something that writes bytes to our standard output and error; where those are text, as text."""
    decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}

    def write(stream: str, data: bytes) -> None:
        file = sys.stdout if stream == "stdout" else sys.stderr
        if file is None:
            return
        if desk.notebook or not hasattr(file, "buffer"):
            file.write(decoders[stream].decode(data))
        else:
            file.buffer.write(data)
        file.flush()

    return write


@contextmanager
def _signals_of(container: Container, desk: Desk) -> Iterator[None]:
    """Meanwhile, signals to us are signals to the container; the last of several interrupts lets us go.

    A process of our own ignores interrupts after that one: it is leaving, and Python's end would be cut short by one.
    """
    heard = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal heard
        heard += number == signal.SIGINT
        if heard >= PATIENCE:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            complain(f"The container {container.name} goes on in the background; stop it with: stop {container.name}")
            raise click.exceptions.Exit(INTERRUPTED)
        if number == signal.SIGINT and heard == PATIENCE - 1:
            complain("Interrupted: so is the container. Once more, and it goes on without us.")
        threading.Thread(target=_pass_on, args=(container, number)).start()  # not here: we may hold its lock

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    known = [getattr(signal, name) for name in PASSED_ON if hasattr(signal, name)]
    before = {number: signal.signal(number, hear) for number in known}
    try:
        yield
    finally:
        for number, handler in before.items():
            if not (desk.alone and number == signal.SIGINT and heard >= PATIENCE):
                signal.signal(number, handler)


def _pass_on(container: Container, number: int) -> None:
    with suppress(LabError):  # it has ended
        container.kill(number)
