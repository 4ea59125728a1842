"""Python processes for the shim and for runtimes written in Python.

A process that has nothing else to do, as a command line has not, makes them by a fork, in a third of the time of a new
Python. Everybody else (a notebook has threads, and much in memory) starts a new one.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from .process import spawn
from .program import Running, Streams

alone = False  # set by a process that is all ours, with no threads


def begin(
    start: Any, module: str, args: Sequence[str], *, keep: Iterable[int] = (), **started: Any
) -> subprocess.Popen[bytes]:
    """Start a module's `main()` with arguments; `start` is Popen or like it, `keep` are descriptors that it gets."""
    process: subprocess.Popen[bytes]
    if alone and threading.active_count() == 1 and sys.platform == "linux":
        process = start([module], preexec_fn=partial(_become, module, args, sorted(keep)), **started)
    else:
        env = {**os.environ, "PYTHONPATH": our_path()}
        process = start([sys.executable, "-m", module, *args], pass_fds=tuple(keep), env=env, **started)
    return process


def start(module: str, told: Mapping[str, Any], streams: Streams) -> Running:
    """Start a runtime's module; it gets what it is told through `told_to`.

    Not on its standard input, which is the program's, and not in its arguments, which other users can read. It is in a
    file without a name, so that nothing is left behind; with one on Windows, whose processes inherit no descriptors.
    """
    if sys.platform == "win32":
        descriptor, path = tempfile.mkstemp(prefix="imagelab-told-")
        with open(descriptor, "w", encoding="utf-8") as named:
            json.dump(told, named)
        process = begin(partial(spawn, streams=streams), module, [path])
    else:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            json.dump(told, file)
            file.seek(0)
            process = begin(partial(spawn, streams=streams), module, [str(file.fileno())], keep=[file.fileno()])
    return Running(process, process.pid)


def told_to(where: str) -> Any:
    """What `start` told this process, which lives no longer than its parent where Linux can see to it."""
    with open(where if sys.platform == "win32" else int(where), encoding="utf-8") as file:
        told = json.load(file)
    if sys.platform == "win32":
        os.unlink(where)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.name == "posix":
        os.umask(0o022)
    return told


def _become(module: str, args: Sequence[str], keep: Sequence[int]) -> None:
    """Be the module, between the fork of this process and the exec that is not needed then."""
    code = 1
    _inherited = [sys.stdout, sys.stderr]  # not closed: what they have not yet said is for the parent to say
    try:
        for first, after in zip([2, *keep], [*keep, 1 << 16], strict=True):
            os.closerange(first + 1, after)  # one of these tells the parent that all is well
        for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
            stream = open(number, mode, 1 if name == "stderr" else -1, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # keeps it open when something takes the other's place
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as every Python has it
        gc.set_threshold(700, 10, 10)
        os.environ["PYTHONPATH"] = our_path()
        sys.argv = [module, *args]
        code = import_module(module).main()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def our_path() -> str:
    """Where a new Python finds this package, wherever it is started."""
    ours = str(Path(__file__).parents[2])
    return os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])
