"""A root folder of the Python base image, and programs run in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from imagelab.host.root import Bind
from imagelab.runtime import worker
from imagelab.runtime.binfmt import kind_of
from imagelab.runtime.process import feed, hand_on
from imagelab.runtime.program import Program, Streams, named
from imagelab.runtime.starter import Starter

ENV = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
SITE = "usr/local/lib/python3.12/site-packages"

STARTER = """
import socket, sys
import wasmtime
import pip._vendor.requests, pip._vendor.rich.console, pip._vendor.rich.progress, pip._vendor.rich.traceback
from imagelab.runtime import worker
from imagelab.runtime.pip import command
from imagelab.runtime.shell import interpreter
from imagelab.runtime.starter import serve
from imagelab.runtime.wasm import cache, wasi
interpreter.load()
worker.alone = True
with socket.socket(fileno=int(sys.argv[1])) as control:
    serve(control, ("pip", "shell", "wasm"))
"""


@cache
def starter() -> Starter:
    """A process that forks itself for each program, as a command line does, with what they import loaded already."""
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(
            [sys.executable, "-c", STARTER, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd="/",
            env={**os.environ, "PYTHONPATH": worker.our_path()}, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    return Starter(ours)


class Done(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str


class Box:
    """A root folder on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(
        self, *argv: str, cwd: str = "/", env: Mapping[str, str] = {}, stdin: bytes = b"", timeout: float | None = None,
        forked: bool = sys.platform == "linux", mounts: Sequence[Bind] = (), readonly: bool = False,
    ) -> Done:  # fmt: skip
        """Run a program to its end by the runtime that its first bytes ask for, in a fork or a new Python."""
        program = Program(
            argv, {**ENV, **env}, cwd, timeout=timeout, mounts=tuple(mounts), readonly=readonly
        )
        streams = Streams(stdin=subprocess.PIPE)
        kind = kind_of(program.files(self.folder), program)
        if forked:
            running = starter().start(self.folder, program, streams, kind)
        else:
            running = named(kind).start(self.folder, program, streams)
        printed = {"stdout": b"", "stderr": b""}

        def add(stream: str, data: bytes) -> None:
            printed[stream] += data

        feed(running.process, stdin)
        hand_on(running.process, add)
        code = running.process.wait()
        return Done(code, printed["stdout"].decode(errors="backslashreplace"), printed["stderr"].decode())

    def python(self, code: str, **how: object) -> Done:
        """Run a line of Python."""
        return self.run("python", "-c", code, **how)  # type: ignore[arg-type]

    def write(self, path: str, text: str, mode: int = 0o644) -> Path:
        """Put a file into the root folder."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file
