"""Whether bubblewrap has started the program, and if not, why, with docker's error texts and exit codes.

bubblewrap prints its own failures on the program's standard error and exits with 1, as a program may too. Two things
tell them apart: until the program runs, its process executes bubblewrap; and bubblewrap reports a program's exit code
(--json-status-fd) only if it has started the program.

Follows opencontainers/runc (libcontainer/standard_init_linux.go) and docker/cli (container/run.go) for words and codes.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
from contextlib import ExitStack

from .program import CANNOT_RUN, NO_CONTAINER, NOT_THERE, CannotStart, Program

_SOON = 1  # milliseconds between two checks; starting a program takes about one


def wait_for_program(process: subprocess.Popen[bytes], pid: int, launcher: int, status: int, program: Program) -> None:
    """Wait until the program runs, or has run; raises CannotStart, its process ended, if it could not be started.

    `launcher` is bubblewrap's open file, `status` the open file for its reports, `pid` the process that is to become
    the program.
    """
    ours = os.fstat(launcher)
    with ExitStack() as opened:
        try:
            watched = os.pidfd_open(pid)
        except OSError:  # it has ended already
            watched = -1
        else:
            opened.callback(os.close, watched)
        ended = select.poll()
        if watched >= 0:
            ended.register(watched, select.POLLIN)
        while watched >= 0:
            try:
                program_file = os.stat(f"/proc/{pid}/exe")
            except PermissionError:  # bubblewrap's own process can be inspected: this is the program
                return
            except OSError:
                break
            if (program_file.st_dev, program_file.st_ino) != (ours.st_dev, ours.st_ino):
                return
            if ended.poll(_SOON):
                break
    process.wait()
    if '"exit-code"' in os.pread(status, 1 << 16, 0).decode():
        return
    message = process.stderr.read().decode("utf-8", "replace") if process.stderr else ""
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
    raise cannot_start(message, program)


def cannot_start(message: str, program: Program) -> CannotStart:
    """The error for a message of bubblewrap, whose last line is `bwrap: what: why`."""
    lines = message.strip().splitlines()
    last = lines[-1].removeprefix("bwrap: ") if lines else "it ended without a message"
    what, _, why = last.rpartition(": ")
    why = f"{why[:1].lower()}{why[1:]}"
    name = program.argv[0]
    if what.startswith("execvp "):
        return exec_failed(name, why)
    if re.match("Can't chdir to ", what):
        code = CANNOT_RUN if why == "permission denied" else NOT_THERE
        return CannotStart(f"chdir to cwd ({json.dumps(program.cwd)}) set in config.json failed: {why}", code)
    return CannotStart(f"bubblewrap cannot make the container: {last}", NO_CONTAINER)


def exec_failed(name: str, why: str) -> CannotStart:
    """The error for a program that the kernel refused to execute, for the reason it gave."""
    if why == "no such file or directory":
        more = "it does not exist, or the loader or interpreter that it names is not in the container"
        return CannotStart(f"exec {name}: {why}: {more}", NOT_THERE)
    return CannotStart(f"exec {name}: {why}", NO_CONTAINER if why == "not a directory" else CANNOT_RUN)
