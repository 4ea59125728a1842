"""Containers in the foreground: pass streams and signals between the terminal and a container.

Output is passed on as bytes, as it comes. Ctrl-C goes to the container's program. The third one returns to the prompt
and leaves the container running in the background, as does killing this process. In a notebook, the second interrupt
kills the container (see `Container.start`).

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
from .command import Session, complain

if TYPE_CHECKING:
    from ..containers import Container
    from ..runtime.program import Output

PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
PATIENCE = 3  # the interrupt that detaches, as in docker's client
INTERRUPTED = 130


def start(session: Session, container: Container, interactive: bool) -> int:
    """Start a container and wait for it; returns its exit code."""
    with nullcontext() if session.notebook else _signals_of(container, session):
        try:
            container.start(input=typed(session) if interactive else None, output=printer(session), wait=True)
        except Interrupted as killed:
            complain(str(killed))
    return container.exit_code


def typed(session: Session) -> int | bytes:
    """Our standard input: a file descriptor, or bytes; empty in a notebook."""
    if session.notebook or sys.stdin is None:
        return b""
    try:
        return sys.stdin.fileno()
    except (OSError, ValueError):  # a test's
        return sys.stdin.buffer.read()


def printer(session: Session) -> Output:
    """A function that writes bytes to our stdout and stderr, decoded where those accept only text."""
    decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}

    def write(stream: str, data: bytes) -> None:
        file = sys.stdout if stream == "stdout" else sys.stderr
        if file is None:
            return
        if session.notebook or not hasattr(file, "buffer"):
            file.write(decoders[stream].decode(data))
        else:
            file.buffer.write(data)
        file.flush()

    return write


@contextmanager
def _signals_of(container: Container, session: Session) -> Iterator[None]:
    """Meanwhile, signals to us are signals to the container; the last of several interrupts lets us go.

    A process of our own ignores interrupts after that one: it is leaving, and Python's end would be cut short by one.
    """
    interrupts = 0

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += number == signal.SIGINT
        if interrupts >= PATIENCE:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            complain(f"The container {container.name} goes on in the background; stop it with: stop {container.name}")
            raise click.exceptions.Exit(INTERRUPTED)
        if number == signal.SIGINT and interrupts == PATIENCE - 1:
            complain("Interrupted: so is the container. Once more, and it goes on without us.")
        threading.Thread(target=_pass_on, args=(container, number)).start()  # not here: we may hold its lock

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [getattr(signal, name) for name in PASSED_ON if hasattr(signal, name)]
    before = {number: signal.signal(number, hear) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            if not (session.alone and number == signal.SIGINT and interrupts >= PATIENCE):
                signal.signal(number, handler)


def _pass_on(container: Container, number: int) -> None:
    with suppress(LabError):  # it has ended
        container.kill(number)
