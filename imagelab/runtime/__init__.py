"""One idea: the file decides who runs it, the way a kernel looks at the first bytes.

`\\x7fELF` is run by **bubblewrap** (Linux: namespaces of its own, no network), `#!/bin/sh` and the
`/bin/sh` of a base image made here by **shell** (any system: a bash interpreter that sees the root folder and nothing
else). Nothing of an image is ever run on the bare host.

A runtime is a module with one function, `start`: it starts one process of the host that is the program, or holds it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from ..errors import LabError
from ..tree import Files

RUNTIMES = ("shell", "bubblewrap")
SHELL_MARK = b"#!imagelab-shell"  # how /bin/sh of a base image made here begins
CANNOT_RUN, NOT_THERE = 126, 127  # the exit codes that a shell, and docker, have for it
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


@dataclass(frozen=True, slots=True)
class Streams:
    """A program's standard streams, as subprocess.Popen takes them: a file descriptor, or PIPE, or DEVNULL."""

    stdin: int = subprocess.DEVNULL
    stdout: int = subprocess.PIPE
    stderr: int = subprocess.PIPE


@dataclass(frozen=True, slots=True)
class Running:
    """A program that runs: the process that the host started for it, and the PID that the host has for the program."""

    process: subprocess.Popen[bytes]
    pid: int


class Runtime(Protocol):
    """What each runtime's module has."""

    ISOLATES: str  # what it keeps the program from, in words
    SHARES: str  # and what not

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
    return cast(Runtime, import_module(f".{name}", __name__))


def run(root: Path, files: Files, program: Program, output: Output) -> int:
    """Run a program of a root folder, and its `files`, until it ends; returns its exit code.

    Raises CannotStart, and LabError for one that runs longer than it may.
    """
    from .process import watch

    return watch(named(kind_of(files, program)).start(root, program, Streams()), program, output)


def kind_of(files: Files, program: Program) -> str:
    """The name of the runtime that a program's first bytes ask for; raises CannotStart, as `docker run` fails."""
    return _kind(files, program.argv[0], program, 0)


def _kind(files: Files, name: str, program: Program, depth: int) -> str:
    head = next(files.find(_find(files, name, program)).chunks(), b"")[:128]
    if head.startswith(b"\x7fELF"):
        return "bubblewrap"
    if head.startswith(SHELL_MARK):
        return "shell"
    if head.startswith(b"#!") and depth < 4 and (words := head[2:].split(b"\n")[0].split()):
        return _kind(files, words[0].decode("utf-8", "replace"), program, depth + 1)
    raise CannotStart(f"exec {program.argv[0]}: exec format error: it is no ELF program and no script")


def _find(files: Files, name: str, program: Program) -> str:
    folders = [program.cwd] if "/" in name else program.env.get("PATH", "/usr/bin:/bin").split(":")
    refused = ""
    for folder in folders:
        try:
            path = files.resolve(os.path.join(folder, name))
        except LabError:
            continue
        found = files.find(path)
        if found.kind == "file" and found.mode & 0o111:
            return path
        refused = refused or path
    if refused and "/" in name:
        what = "is a directory" if files.find(refused).kind == "dir" else "permission denied"
        raise CannotStart(f'exec: "{name}": {what}')
    if "/" in name:
        raise CannotStart(f'exec: "{name}": stat {name}: no such file or directory', NOT_THERE)
    raise CannotStart(f'exec: "{name}": executable file not found in $PATH', NOT_THERE)
