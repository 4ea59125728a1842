"""The shell of imagelab's base images: bashkit, a bash interpreter, on the files of a container.

A script needs no Linux programs, so it runs on any system, in a worker. It sees the root folder through `files`, and
some of its commands are ours (`commands`). It differs from a real system in three ways: of the image's programs, a
script can start only those of `programs`; all commands run as one user; and standard input is read whole before the
script starts. README.md lists the limits.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...host.root import Bind
from .. import sandbox, worker
from ..binfmt import refuse_devices, startable
from ..program import CannotStart, Output, Program, Running, Streams

if TYPE_CHECKING:
    from bashkit import Bash

    from ..starter import Starter

ISOLATES = "files outside the root folder, the network, the host's processes"
SHARES = "CPU time, up to a limit; everything runs as one user"
MAX_SECONDS = 600.0  # the time limit of a script without one of its own
GRACE = 5.0  # added to a time limit, so that `process.watch` ends the script first, with an error that says why
MAX_STDIN = 10_000_000  # bytes
SYNTAX = 2  # a shell's exit code for a script that it cannot read
_STDIN = "/dev/imagelab"  # the folder in which a script finds its standard input


def enforced_by() -> str:
    """What confines the worker on this machine, in words."""
    return ", ".join(sandbox.means()) or "the interpreter's own checks alone: run only images that you trust"


def missing() -> str:
    """How to install bashkit, if it is missing."""
    return "" if find_spec("bashkit") else "pip install bashkit"


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run `sh -c SCRIPT`, a command with its arguments, or with `sh` alone the script on standard input."""
    _check(program)
    refuse_devices(root)
    if sys.platform == "linux" and not worker.alone:
        return _ready(root, program, streams)
    timeout = program.timeout + GRACE if program.timeout else MAX_SECONDS
    settings = {"root": os.path.abspath(root), "program": asdict(replace(program, timeout=timeout))}
    return worker.start(__name__, settings, streams)


def _check(program: Program) -> None:
    """Raise CannotStart for an argument or variable that is not UTF-8, as the interpreter requires."""
    for word in (*program.argv, *program.env.values()):
        try:
            word.encode()
        except UnicodeEncodeError:
            raise CannotStart(f"exec {program.argv[0]}: {word!r} is not UTF-8, as the shell needs it") from None


def interpreter(cwd: str, env: Mapping[str, str], hostname: str, timeout: float, user: tuple[int, int]) -> Bash:
    """A bash without files, limited in time and not in the number of its commands and loops."""
    from bashkit import Bash, ExecutionProfile

    bash = Bash(
        cwd=cwd, env={**env, "UID": str(user[0]), "EUID": str(user[0])}, hostname=hostname, username="root",
        timeout_seconds=timeout, profile=ExecutionProfile.Interactive,
    )  # fmt: skip
    # bashkit exports these, and has a USER and a LOGNAME; a shell in a container does not.
    unset = "".join(f"; unset {name}" for name in ("USER", "LOGNAME") if name not in env)
    bash.execute_sync(f"declare +x UID EUID{unset}")
    return bash


def script_of(argv: list[str], stdin: bytes | None = None) -> str:
    """The script for the interpreter: that of `sh -c`, after commands that set its flags and its arguments."""
    name = argv[0].rsplit("/", 1)[-1]
    if name in ("sh", "bash") and len(argv) > 2 and argv[1].startswith("-") and argv[1].endswith("c"):
        flags = "".join(f"set -{c}\n" for c in argv[1][1:-1] if c in "eux")
        arguments = f"set -- {shlex.join(argv[4:])}\n" if len(argv) > 4 else ""
        script = flags + arguments + argv[2]
    elif name in ("sh", "bash") and len(argv) == 1:
        return (stdin or b"").decode("utf-8", "replace")
    else:
        script = shlex.join(argv)
    return f"{{\n{script}\n}} < {_STDIN}/stdin" if stdin else script


_starters: dict[int, Starter] = {}  # by PID, as a fork of this process needs a starter of its own


def _ready(root: Path, program: Program, streams: Streams) -> Running:
    """Run a program in a fork of a starter, since a new Python takes a quarter of a second to start."""
    from ..starter import Starter

    for _ in range(2):
        starter = _starters.get(os.getpid()) or _starters.setdefault(os.getpid(), Starter.spawned())
        try:
            return starter.start(root.absolute(), program, streams, "shell")
        except (BrokenPipeError, ConnectionResetError):  # it has been killed
            _starters.pop(os.getpid()).close()
    raise CannotStart("the process that starts shell scripts ended twice as soon as it was started")


def load() -> None:
    """Import the interpreter and our modules for it."""
    import bashkit  # noqa: F401

    from . import commands, mount, programs  # noqa: F401


def _run(
    bash: Bash, root: Path, program: Program, names: list[str], script: str, output: Output, starter: Starter | None,
    binds: Sequence[Bind] = (),
) -> int:  # fmt: skip
    """Run a script, which may start the programs of these names; returns its exit code.

    `binds` is what is mounted for `program`, with its sources as this process, which may be confined, can reach them.
    """
    from . import commands, programs
    from .files import Files
    from .mount import mounted

    files = Files(root, binds, readonly=program.readonly)
    with mounted(bash, files):
        commands.add(bash, commands.Shell(files, program.user), script)
        result = programs.run(bash, root, program, names, script, output, starter)
    if result.error:  # a syntax error or a limit, which the interpreter does not print
        output("stderr", f"sh: {result.error}\n".encode())
        return SYNTAX if result.error.startswith("parse error") else int(result.exit_code)
    return int(result.exit_code) or int(result.stdout_truncated or result.stderr_truncated)


def main() -> int:
    """The worker: confine this process and run the script."""
    settings: dict[str, Any] = worker.read_settings(sys.argv[1])
    stdin = sys.stdin.buffer.read(MAX_STDIN + 1)
    if len(stdin) > MAX_STDIN:
        print(f"sh: standard input of more than {MAX_STDIN} bytes is not supported: copy it as a file", file=sys.stderr)
        return 1
    root, program = Path(settings["root"]), Program.from_json(settings["program"])
    starter = None
    if (names := startable(program.files(root), program.env)) and sys.platform == "linux":
        from ..starter import Starter
        from .programs import KINDS

        starter = Starter.forked(root, KINDS)
    load()
    binds = sandbox.enter(root, program.mounts, readonly=program.readonly)
    bash = interpreter(program.cwd, program.env, program.hostname, program.timeout or MAX_SECONDS, program.user)
    if stdin:
        from bashkit import FileSystem

        files = FileSystem()
        files.write_file("/stdin", stdin)
        bash.mount(_STDIN, files, read_only=True)

    def write(stream: str, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            file = (sys.stdout if stream == "stdout" else sys.stderr).buffer
            file.write(data)
            file.flush()

    return _run(bash, root, program, names, script_of(list(program.argv), stdin), write, starter, binds)


if __name__ == "__main__":
    sys.exit(main())
