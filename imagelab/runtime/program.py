"""The interface of a runtime: a program, its standard streams, and the process that runs it.

A runtime is a module with a function `start`, which starts one process of the host: the program, or its interpreter.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

from ..errors import LabError
from ..host.root import Bind, Root

_MODULES = {"shell": "shell.interpreter", "bubblewrap": "bubblewrap", "wasm": "wasm.wasi", "pip": "pip.command"}
RUNTIMES = tuple(_MODULES)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where an image's Env sets none, as in docker
NO_CONTAINER, CANNOT_RUN, NOT_THERE = 125, 126, 127  # exit codes, as in docker and shells
Output = Callable[[str, bytes], object]  # called with "stdout" or "stderr" and each piece of output


class CannotStart(LabError):
    """A program that cannot be started; `code` is the exit code: 127 not there, 126 cannot run, 125 no container."""

    def __init__(self, message: str, code: int = CANNOT_RUN) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run: arguments, environment, working directory, user (uid, gid), host name, time limit, mounts."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: tuple[int, int] = (0, 0)
    hostname: str = "imagelab"
    timeout: float | None = None  # seconds
    # What is mounted in the root folder, in this order. A mount without a source is what the root has there: bubblewrap
    # makes a mount of its own of it; for the other runtimes it is files like any others.
    mounts: tuple[Bind, ...] = ()
    readonly: bool = False  # the root folder, apart from what is mounted in it

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Program:
        """The program whose `dataclasses.asdict` went through JSON, which makes lists of tuples."""
        mounts = tuple(Bind(**mount) for mount in values.get("mounts", ()))
        return cls(**{**values, "argv": tuple(values["argv"]), "user": tuple(values["user"]), "mounts": mounts})


    def files(self, root: Path) -> Root:
        """The files that it sees: those of a root folder, and what is mounted there."""
        return Root(root, self.mounts, readonly=self.readonly)


@dataclass(frozen=True, slots=True)
class Streams:
    """A program's standard streams, as subprocess.Popen takes them: a file descriptor, or PIPE, or DEVNULL."""

    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.PIPE
    stderr: int = subprocess.PIPE


class Process(Protocol):
    """A process of the host: a Popen, or a `starter.Remote`."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def wait(self) -> int:
        """Wait for the process to end; returns its exit code."""
        ...

    def kill(self) -> None:
        """Kill the process if it is running."""
        ...


@dataclass(frozen=True, slots=True)
class Running:
    """A running program: the host's process that runs it, and the PID of the program itself on the host."""

    process: Process
    pid: int


class Runtime(Protocol):
    """What the module of a runtime provides."""

    ISOLATES: str  # what a program cannot reach, in words
    SHARES: str  # what it can

    @staticmethod
    def enforced_by() -> str:
        """What enforces the isolation on this machine, in words."""
        ...

    @staticmethod
    def missing() -> str:
        """What to install on this machine for this runtime, in words; "" if nothing is missing."""
        ...

    @staticmethod
    def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
        """Start a program in a root folder; with `beside` (exec), in the PID namespace of the process of that PID.

        Raises CannotStart if this machine cannot run it.
        """
        ...


def named(name: str) -> Runtime:
    """The runtime of this name; raises LabError for an unknown name."""
    if name not in RUNTIMES:
        raise LabError(f"unknown or invalid runtime name: {name}: there are {', '.join(RUNTIMES)}")
    return cast(Runtime, import_module(f".{_MODULES[name]}", __package__))
