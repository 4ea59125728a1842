"""One idea: a shell script needs a shell, not a machine, so it runs on any system.

The interpreter is bashkit: bash and some hundred commands, inside this process, on a file system that is the root
folder. What is isolated: files outside the root, the network, the host's processes. What is not: this process's time,
up to the limits below. What differs from a real system: there are no other programs, and commands run as one user.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from ..errors import LabError
from . import Output, Program

MAX_COMMANDS = 1_000_000
MAX_SECONDS = 600.0


def run(root: Path, program: Program, output: Output) -> int:
    """Run `sh -c SCRIPT`, `sh FILE` or a script by its path, in the root folder."""
    from bashkit import Bash

    bash = Bash(
        mounts=[{"host_path": str(root), "vfs_path": "/", "writable": True}], allowed_mount_paths=[str(root)],
        cwd=program.cwd, env=dict(program.env), hostname=program.hostname, username="root",
        max_commands=MAX_COMMANDS, max_loop_iterations=MAX_COMMANDS, timeout_seconds=program.timeout or MAX_SECONDS,
    )  # fmt: skip
    result = bash.execute_sync(_script(program.argv))
    if result.stdout:
        output("stdout", result.stdout.encode())
    if result.stderr:
        output("stderr", result.stderr.encode())
    if getattr(result, "error", None):
        raise LabError(f"the shell stopped: {result.error}")
    return int(result.exit_code)


def _script(argv: tuple[str, ...]) -> str:
    name = argv[0].rsplit("/", 1)[-1]
    if name in ("sh", "bash") and len(argv) > 2 and argv[1].startswith("-") and argv[1].endswith("c"):
        flags = "".join(f"set -{c}\n" for c in argv[1][1:-1] if c in "eux")
        arguments = f"set -- {shlex.join(argv[4:])}\n" if len(argv) > 4 else ""
        return flags + arguments + argv[2]
    return shlex.join(argv)
