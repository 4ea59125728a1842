"""One idea: a shell script needs a shell, not a machine, so it runs on any system.

The interpreter is bashkit: bash and some hundred commands on a file system that is the root folder, in a process of its
own. What is isolated: files outside the root, the network, the host's processes. What is not: CPU time, up to the
limits below. What differs from a real system: there are no other programs, and commands run as one user.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

from . import Output, Program
from .process import watch

MAX_COMMANDS = 1_000_000
MAX_SECONDS = 600.0


def run(root: Path, program: Program, output: Output) -> int:
    """Run `sh -c SCRIPT` or a command with its arguments in the root folder."""
    told = {
        "root": str(root), "script": _script(program.argv), "env": dict(program.env), "cwd": program.cwd,
        "hostname": program.hostname, "timeout": program.timeout or MAX_SECONDS,
    }  # fmt: skip
    command = [sys.executable, "-m", __name__]
    return watch(command, output, name=program.argv[0], timeout=program.timeout, stdin=json.dumps(told).encode())


def _script(argv: tuple[str, ...]) -> str:
    """What the interpreter is given: the script of `sh -c`, its flags set and its arguments in place."""
    name = argv[0].rsplit("/", 1)[-1]
    if name in ("sh", "bash") and len(argv) > 2 and argv[1].startswith("-") and argv[1].endswith("c"):
        flags = "".join(f"set -{c}\n" for c in argv[1][1:-1] if c in "eux")
        arguments = f"set -- {shlex.join(argv[4:])}\n" if len(argv) > 4 else ""
        return flags + arguments + argv[2]
    return shlex.join(argv)


def _main() -> int:
    """The process of its own: told what to do on stdin, it prints as the script does."""
    from bashkit import Bash

    told = json.load(sys.stdin)
    os.umask(0o022)
    stderr = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # bashkit warns of every writable mount, and this one is meant
    bash = Bash(
        mounts=[{"host_path": told["root"], "vfs_path": "/", "writable": True}], allowed_mount_paths=[told["root"]],
        cwd=told["cwd"], env=told["env"], hostname=told["hostname"], username="root",
        max_commands=MAX_COMMANDS, max_loop_iterations=MAX_COMMANDS, timeout_seconds=told["timeout"],
    )  # fmt: skip
    os.dup2(stderr, 2)

    def tell(out: str, err: str) -> None:
        for stream, text in ((sys.stdout, out), (sys.stderr, err)):
            stream.write(text)
            stream.flush()

    return int(bash.execute_sync(told["script"], on_output=tell).exit_code)


if __name__ == "__main__":
    sys.exit(_main())
