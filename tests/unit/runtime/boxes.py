"""A root folder of the Python base image, and programs run in it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from imagelab.host.root import Root
from imagelab.runtime.binfmt import kind_of
from imagelab.runtime.process import feed, hand_on
from imagelab.runtime.program import Program, Streams, named

ENV = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
SITE = "usr/local/lib/python3.12/site-packages"


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
        self, *argv: str, cwd: str = "/", env: Mapping[str, str] = {}, stdin: bytes = b"", timeout: float | None = None
    ) -> Done:
        """Run a program to its end by the runtime that its first bytes ask for."""
        program = Program(argv, {**ENV, **env}, cwd, timeout=timeout)
        runtime = named(kind_of(Root(self.folder), program))
        running = runtime.start(self.folder, program, Streams(stdin=subprocess.PIPE))
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
