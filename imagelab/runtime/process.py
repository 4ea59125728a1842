"""One idea: a running program is watched until it ends, is stopped, or has had its time."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from ..errors import LabError
from . import Output, Program, Running, Streams

may_fork = False  # set by a process that is all ours, with no threads: a fork starts in a tenth of the time


def spawn(command: Sequence[str], streams: Streams, **started: Any) -> subprocess.Popen[bytes]:
    """Start a process of the host; its umask is 022, as in containers, and signals to this one's group pass it by."""
    if os.name == "posix":
        started = {"umask": 0o022, "start_new_session": True, **started}
    return subprocess.Popen(command, stdin=streams.stdin, stdout=streams.stdout, stderr=streams.stderr, **started)


def spawn_python(module: str, told: Mapping[str, Any], streams: Streams) -> Running:
    """Start a runtime that is a Python module; it gets what it is told through `told_to`.

    Not on its standard input, which is the program's, and not in its arguments, which other users can read.
    """
    descriptor, path = tempfile.mkstemp(prefix="imagelab-told-")
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(told, file)
    try:
        if may_fork and threading.active_count() == 1 and sys.platform == "linux":
            process = spawn([module], streams, preexec_fn=partial(_become, module, path))
        else:
            process = spawn([sys.executable, "-m", module, path], streams)
    except BaseException:
        os.unlink(path)
        raise
    return Running(process, process.pid)


def _become(module: str, path: str) -> None:
    """Be the Python module, between the fork of this process and the exec that is not needed then."""
    code = 1
    try:
        os.closerange(3, 1 << 16)  # the last of these tells the parent that all is well
        for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
            stream = open(number, mode, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # keeps it open when something takes the other's place
        sys.argv = [module, path]
        code = import_module(module).main()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def told_to(path: str) -> Any:
    """What `spawn_python` told this process, which lives no longer than its parent where Linux can see to it."""
    with open(path, encoding="utf-8") as file:
        told = json.load(file)
    os.unlink(path)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.name == "posix":
        os.umask(0o022)
    return told


def watch(running: Running, program: Program, output: Output) -> int:
    """Hand on what a program prints as it comes, and return its exit code when it ends.

    It is killed when its time, in seconds, is up (LabError), and when this process is interrupted.
    """
    process = running.process
    end = time.monotonic() + program.timeout if program.timeout else None
    try:
        hand_on(process, output, end)
        if end is not None and time.monotonic() > end:
            raise LabError(f"{program.argv[0]} ran longer than {program.timeout:g} seconds and was stopped")
        return process.wait()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def hand_on(process: subprocess.Popen[bytes], output: Output, end: float | None = None) -> None:
    """Hand on what a process prints as it comes, until it closes both its streams or the clock says `end`."""
    with selectors.DefaultSelector() as ready:
        for pipe, stream in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            if pipe:
                ready.register(pipe, selectors.EVENT_READ, stream)
        while ready.get_map():
            for key, _ in ready.select(None if end is None else max(0.0, end - time.monotonic())):
                if data := os.read(key.fd, 1 << 16):
                    output(key.data, data)
                else:
                    ready.unregister(key.fileobj)
            if end is not None and time.monotonic() > end:
                return
