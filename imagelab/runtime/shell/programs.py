"""The programs of the image that a shell script may start.

The interpreter gets one command for each WebAssembly program, `pip`, and script of one of these in $PATH. Each call is
a process of its own, in the shell's directory and environment and with its streams.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import LabError
from ..binfmt import kind_of, startable
from ..program import CannotStart, Output, Process, Program, Running, Streams, named

if TYPE_CHECKING:
    from bashkit import Bash, ExecResult

    from ..starter import Starter

MAX_OUTPUT = 10 << 20  # bytes of each output stream of a script, after which bashkit drops the rest


class _Sink(Protocol):
    async def write(self, data: bytes, /) -> None: ...


KINDS = ("wasm", "pip")  # the runtimes of the programs that a script may start


def run(
    bash: Bash, root: Path, base: Program, names: list[str], script: str, output: Output, starter: Starter | None = None
) -> ExecResult:
    """Run a script that can start these programs, and those that it installs itself.

    Each sees the files that `base` sees. The `starter` starts them for a process that is confined.
    """
    return asyncio.run(_Script(bash, root, base, output, starter).run(names, script))


class _Script:
    def __init__(self, bash: Bash, root: Path, base: Program, output: Output, starter: Starter | None) -> None:
        self.bash, self.root, self.base, self.output, self.starter = bash, root, base, output, starter
        self.files = base.files(root)
        self.names: set[str] = set()

    async def run(self, names: list[str], script: str) -> ExecResult:
        self._add(names)
        return await self.bash.execute(script, stdout=self._sink("stdout"), stderr=self._sink("stderr"))

    def _add(self, names: list[str]) -> None:
        for name in set(names) - self.names:
            self.bash.add_command(name, self._start)
            self.names.add(name)

    def _sink(self, stream: str) -> Any:
        """The function that bashkit calls with output; beyond MAX_OUTPUT bytes it drops output silently."""
        total = 0

        async def write(data: bytes) -> None:
            nonlocal total
            self.output(stream, data)
            total += len(data)
            if total == MAX_OUTPUT:
                warning = f"sh: {stream}: {MAX_OUTPUT} bytes are the limit: anything more is lost\n"
                self.output("stderr", warning.encode())

        return write

    def _begin(self, program: Program) -> Running:
        if self.starter:
            return self.starter.start(self.root, program, Streams(subprocess.PIPE))
        if (kind := kind_of(self.files, program)) not in KINDS:
            raise CannotStart(f"exec {program.argv[0]}: a script here can start only programs for {', '.join(KINDS)}")
        return named(kind).start(self.root, program, Streams(subprocess.PIPE))

    async def _start(self, context: Any) -> int:
        """One call of a program: bashkit's context has its name, arguments, directory, environment and streams."""
        program = replace(
            self.base, argv=(context.name, *context.argv), env=dict(context.env), cwd=context.cwd, timeout=None
        )
        try:
            running = await asyncio.to_thread(self._begin, program)
        except LabError as error:
            await context.stderr.write(f"{error}\n".encode())
            return error.code if isinstance(error, CannotStart) else 1
        process = running.process
        feeding = asyncio.create_task(_feed(process, context.stdin))
        try:
            await asyncio.gather(_pump(process.stdout, context.stdout), _pump(process.stderr, context.stderr))
            code = await asyncio.to_thread(process.wait)
        finally:
            feeding.cancel()
            process.kill()
            process.wait()
        self._add(startable(self.files, context.env))  # pip may have installed some
        return 128 - code if code < 0 else code


async def _feed(process: Process, source: AsyncIterable[bytes]) -> None:
    assert process.stdin
    with suppress(BrokenPipeError):  # the program does not read all of it
        async for data in source:
            await asyncio.to_thread(process.stdin.write, data)
            await asyncio.to_thread(process.stdin.flush)
    with suppress(BrokenPipeError):
        process.stdin.close()


async def _pump(source: Any, sink: _Sink) -> None:
    with source, suppress(BrokenPipeError):  # the reader is gone: the program gets SIGPIPE
        while data := await asyncio.to_thread(source.read1, 1 << 16):
            await sink.write(data)
