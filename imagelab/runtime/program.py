"""What a runtime is given and what it gives back: a program, its streams, and the process that runs it.

A runtime is a module with one function, `start`: it starts one process of the host that is the program, or holds it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

from ..errors import LabError

_MODULES = {"shell": "shell.interpreter", "bubblewrap": "bubblewrap", "wasm": "wasm.wasi", "pip": "pip.command"}
RUNTIMES = tuple(_MODULES)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where an image's Env sets none, as in docker
NO_CONTAINER, CANNOT_RUN, NOT_THERE = 125, 126, 127  # the exit codes that a shell, and docker, have for it
Output = Callable[[str, bytes], object]  # called with "stdout" or "stderr" and some bytes, as they come


class CannotStart(LabError):
    """A program that is not there (code 127) or that nothing here can run (126)."""

    def __init__(self, message: str, code: int = CANNOT_RUN) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how it sees itself: arguments, environment, working directory, user (uid, gid), host name."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    user: tuple[int, int] = (0, 0)
    hostname: str = "imagelab"
    timeout: float | None = None  # seconds

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Program:
        """The program whose `dataclasses.asdict` went through JSON, which makes lists of tuples."""
        return cls(**{**values, "argv": tuple(values["argv"]), "user": tuple(values["user"])})


@dataclass(frozen=True, slots=True)
class Streams:
    """A program's standard streams, as subprocess.Popen takes them: a file descriptor, or PIPE, or DEVNULL."""

    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.PIPE
    stderr: int = subprocess.PIPE


class Process(Protocol):
    """A process of the host: a Popen, or one that a starter has started."""

    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def wait(self) -> int: ...
    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs: the process that the host started for it, and the PID that the host has for the program."""

    process: Process
    pid: int


class Runtime(Protocol):
    """What each runtime's module has."""

    ISOLATES: str  # what it keeps the program from, in words
    SHARES: str  # and what not

    @staticmethod
    def enforced_by() -> str:
        """What keeps the program from it on this machine, in words."""
        ...

    @staticmethod
    def missing() -> str:
        """What to install for it on this machine, in words; nothing if it is all there."""
        ...

    @staticmethod
    def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
        """Start a program in a root folder; `beside` is the PID of one whose processes it is to see (exec).

        Raises CannotStart when this machine cannot run it.
        """
        ...


def named(name: str) -> Runtime:
    """The runtime of this name; raises LabError for a name that none has."""
    if name not in RUNTIMES:
        raise LabError(f"unknown or invalid runtime name: {name}: there are {', '.join(RUNTIMES)}")
    return cast(Runtime, import_module(f".{_MODULES[name]}", __package__))
