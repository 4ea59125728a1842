"""Container: an image's files, a writable layer, and a program that runs in them.

Starting it changes neither the image nor another container; stopping it loses nothing but the processes; removing it
loses the writable layer. Each verb says what is wrong in docker's words.

Follows Docker Engine's API for containers, version 1.41.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from ..errors import Conflict, Interrupted, LabError
from ..host.root import Root
from ..host.snapshot import remove
from ..host.space import names_full_disks
from ..oci.digest import Digest
from ..runtime.process import feed, stdin_of, watch
from ..runtime.program import NO_CONTAINER, CannotStart, Output, Program, Streams, named
from ..shown import Displayed
from ..units import parse_time
from . import log
from .command import program_of, runtime_of
from .files import Contents
from .pause import counted, left_stopped, resume
from .record import Env, Launch, Record, Spec, State
from .settings import signal_number
from .start import attend, interrupts_held, launch

if TYPE_CHECKING:
    from ..store.store import Store

STOP_SECONDS = 10.0  # docker's grace between the stop signal and the kill
NOT_STARTED = 128  # docker's exit code of a container that it could not start, while the command says 125


@names_full_disks
class Container(Contents, Displayed):
    """One container; what is asked about its state is read anew each time, since its life goes on without us."""

    def __init__(self, store: Store, record: Record) -> None:
        self._store, self._record = store, record
        self.id = record.folder.name
        self._last = State("created")
        self._shim: subprocess.Popen[bytes] | None = None  # if this very object started it
        self._damage = ""
        try:
            self.spec = record.spec()
        except LabError as error:
            self._damage = str(error)
            self.spec = Spec(self.id, self.id[:12], "", "", "<damaged>", "1970-01-01T00:00:00Z")

    def __repr__(self) -> str:
        return f"<Container {self.name} of {self.image_name}: {self.status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Container) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    # What it is ------------------------------------------------------------------------------------------------

    @property
    def short(self) -> str:
        """The first 12 digits of its ID, as docker shows it."""
        return self.id[:12]

    @property
    def name(self) -> str:
        """The name it was given, or that was made up for it."""
        return self.spec.name

    @property
    def image_name(self) -> str:
        """Its image as it was asked for; what the name means now is another question."""
        return self.spec.image_name

    @property
    def image_id(self) -> Digest:
        """The ID of the image it was made from, which no moved tag changes."""
        return Digest(self.spec.image_id)

    @property
    def image_digest(self) -> Digest:
        """The manifest digest of the image it was made from."""
        return Digest(self.spec.image)

    @property
    def command_text(self) -> str:
        """What it runs on one line, as `docker ps` writes it."""
        words = [f"'{word}'" if " " in word else word for word in self.argv[1:]]
        return " ".join([*self.argv[:1], *words])

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels, and its own."""
        return self.spec.labels

    @property
    def created(self) -> datetime:
        """When it was made."""
        return parse_time(self.spec.created)

    @property
    def state(self) -> State:
        """Where it is in its life now; of one that is gone, where it was last."""
        with suppress(FileNotFoundError):
            self._last = State("dead", error=self._damage) if self._damage else self._record.state()
            if self._last.status == "running" and left_stopped(self._record):
                resume(self._record)
        return self._last

    @property
    def status(self) -> str:
        """created, running or exited; dead is one whose record is damaged."""
        return self.state.status

    @property
    def running(self) -> bool:
        """Whether its program runs now."""
        return self.state.status == "running"

    @property
    def pid(self) -> int | None:
        """The PID of its program on this machine, or None if it does not run (`docker inspect` prints 0 then)."""
        return self.state.pid

    @property
    def exit_code(self) -> int:
        """What its program ended with."""
        return self.state.exit_code

    # Its life --------------------------------------------------------------------------------------------------

    def start(
        self, *, input: int | bytes | None = None, output: Output | None = None, wait: bool = False
    ) -> Container:
        """Start its program; does nothing to one that runs. With `wait` or `output`, return when it has ended.

        `output` is given what it prints, as it comes. `input` is a file descriptor, or bytes. Meanwhile an interrupt
        (Ctrl-C, a notebook's ■) goes to the program, as soon as that runs; a second one kills it, and raises
        Interrupted. Without `wait` and `output`, it is raised when the program has been started. Raises
        `CannotStart`, with docker's exit code, when the program is not there or cannot be run.
        """
        self._here()
        with interrupts_held() as release:
            with self._record.changing():
                if self.running:
                    return self
                if self.status == "dead":
                    raise LabError(self.state.error)
                try:
                    program = program_of(self._record, self.spec)
                    what = Launch(program, self._kind_of(program), self.spec.remove)
                    shim = self._shim = launch(self._record, what, input, output is not None)
                except CannotStart as error:
                    code = NOT_STARTED if error.code == NO_CONTAINER else error.code
                    self._record.write(State("created", exit_code=code, error=str(error)))
                    raise
            if output is not None or wait:
                hand_on = output or (lambda stream, data: None)
                killed = attend(shim, hand_on, self._signal, self._say_it_goes_on, release)
                self._ended(shim.returncode)
                if killed:
                    raise Interrupted(f"the container {self.name} was killed")
        return self

    def _say_it_goes_on(self) -> None:
        print(
            f"{self.argv[0]} was interrupted and goes on running, as the container {self.name}: "
            "interrupt again to kill it",
            file=sys.stderr, flush=True,
        )  # fmt: skip

    def _ended(self, code: int) -> None:
        if self.gone:
            self._last = replace(self._last, status="exited", pid=None, exit_code=code)

    def stop(self, timeout: float = STOP_SECONDS) -> Container:
        """Ask its program to end, and after `timeout` seconds kill it; does nothing to one that does not run."""
        self._here()
        if self.running:
            self._signal(signal_number(self.spec.stop_signal))
            if not self._ends_within(timeout):
                self._signal(signal.SIGKILL)
                self.wait()
        return self

    def kill(self, signal_name: str | int = "KILL") -> Container:
        """Send its program a signal; raises Conflict if it does not run."""
        self._here()
        number = signal_number(signal_name)
        if not self.running:
            raise Conflict(f"Container {self.id} is not running")
        self._signal(number)
        if number == signal.SIGKILL:
            self.wait()
        return self

    def wait(self) -> int:
        """Return when its program has ended, with its exit code; at once if it does not run."""
        code = self._record.wait()
        if self.gone and code is None and self._shim:  # it removed itself before we looked
            code = self._shim.wait()
        if code is not None:
            self._ended(code)
        return self.exit_code

    def remove(self, force: bool = False) -> None:
        """Remove it with its writable layer; raises Conflict for one that runs, unless `force` kills it first."""
        self._here()
        if self.running and not force:
            raise Conflict(
                f"You cannot remove a running container {self.id}. Stop the container before attempting removal or "
                "force remove"
            )
        if self.running:
            with suppress(Conflict):
                self.kill()
        self._record.end()  # whatever its state says
        gone = self._record.folder.with_name(f".gone-{self.id}")
        with suppress(FileNotFoundError), self._record.changing():
            self._last = self.state
            os.rename(self._record.folder, gone)
        remove(gone)

    def _ends_within(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._record.alive():
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        return True

    def _signal(self, number: int) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    # What it runs ----------------------------------------------------------------------------------------------

    def exec(
        self, *argv: str, env: Env = (), workdir: str = "",
        input: int | bytes | None = None, output: Output = lambda stream, data: None,
        timeout: float | None = None,
    ) -> int:  # fmt: skip
        """Run another program beside the container's own, and return its exit code.

        `output` is given what it prints, as it comes. `input` is a file descriptor, or bytes. `timeout` is the seconds
        that it may take.

        Raises Conflict if the container does not run, and `CannotStart` as `start` does.
        """
        self._here()
        state = self.state
        if state.status != "running":
            raise Conflict(f"Container {self.id} is not running")
        program = replace(program_of(self._record, self.spec, argv, env, workdir), timeout=timeout)
        kind = self._kind_of(program, beside=state.runtime)
        streams = Streams(stdin_of(input))
        running = named(kind).start(self._record.root, program, streams, state.pid)
        if isinstance(input, bytes):
            feed(running.process, input)
        with counted(self._record, running.pid):
            return watch(running, program, output)

    def _kind_of(self, program: Program, beside: str = "") -> str:
        """The runtime of a program; raises CannotStart where it would not be safe to run it, `beside` another one."""
        kind = runtime_of(self.spec.runtime, Root(self._record.root), program)
        if beside in ("", kind):
            return kind
        from ..runtime import sandbox

        if not sandbox.available():
            raise CannotStart(
                f"exec {program.argv[0]}: {self.name} runs a program under {beside}, and this one needs {kind}: on a "
                "machine without mount namespaces and Landlock, a container runs one kind of program at a time"
            )
        return kind

    def log(self, *, tail: int | None = None, follow: bool = False) -> Iterator[log.LogLine]:
        """What its program printed, line by line; with `follow`, until it ends."""
        self._here()
        return log.read(self._record.log, tail=tail, follow=self._record.alive if follow else None)

    def logs(self, tail: int | None = None) -> str:
        """What its program printed, both streams in the order in which they came."""
        return "".join(line.text for line in self.log(tail=tail))
