"""Worker processes: a module of this package, run in a process of its own.

A process with one thread and nothing else to do, such as the command line, forks itself; any other (a notebook has
threads, and much in memory) starts a new Python. Without the forks, `imagelab run --rm lab/shell:1.0 true`, which has
two workers (shim and shell), takes 0.50 s of CPU instead of 0.33 s (Python 3.11, x86-64).
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

alone = False  # set by a process that this package has to itself: the command line, a shim, a starter


def begin(
    start: Any, module: str, args: Sequence[str], *, keep: Iterable[int] = (), **popen_args: Any
) -> subprocess.Popen[bytes]:
    """Run a module's `main()` in a worker; `start` is Popen or like it, `keep` are the descriptors it inherits."""
    process: subprocess.Popen[bytes]
    if alone and threading.active_count() == 1 and sys.platform == "linux":
        process = start([module], preexec_fn=partial(_become, module, args, sorted(keep)), **popen_args)
    else:
        env = {**os.environ, "PYTHONPATH": our_path()}
        process = start([sys.executable, "-m", module, *args], pass_fds=tuple(keep), env=env, **popen_args)
    return process


def start(module: str, settings: Mapping[str, Any], streams: Streams) -> Running:
    """Run a runtime's module in a worker, which reads the settings with `read_settings`.

    They are in a file: standard input is the program's, and other users can read a process's arguments. The file has no
    name, so that none is left behind; on Windows, where processes inherit no descriptors, it has one.
    """
    if sys.platform == "win32":
        descriptor, path = tempfile.mkstemp(prefix="imagelab-settings-")
        with open(descriptor, "w", encoding="utf-8") as named:
            json.dump(settings, named)
        process = begin(partial(spawn, streams=streams), module, [path])
    else:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            json.dump(settings, file)
            file.seek(0)
            process = begin(partial(spawn, streams=streams), module, [str(file.fileno())], keep=[file.fileno()])
    return Running(process, process.pid)


def read_settings(file_name: str) -> Any:
    """The settings that `start` wrote, from the worker's argument; on Linux the worker now ends with its parent."""
    with open(file_name if sys.platform == "win32" else int(file_name), encoding="utf-8") as file:
        settings = json.load(file)
    if sys.platform == "win32":
        os.unlink(file_name)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    if os.name == "posix":
        os.umask(0o022)
    return settings


def _become(module: str, args: Sequence[str], keep: Sequence[int]) -> None:
    """Run the module in the forked child, in place of the exec that Popen would do next; does not return."""
    code = 1
    _inherited = [sys.stdout, sys.stderr]  # kept open: what is still in their buffers is the parent's to write
    try:
        for first, after in zip([2, *keep], [*keep, 1 << 16], strict=True):
            os.closerange(first + 1, after)  # among them Popen's pipe: its end means that the child has started
        for number, (name, mode) in enumerate({"stdin": "r", "stdout": "w", "stderr": "w"}.items()):
            stream = open(number, mode, 1 if name == "stderr" else -1, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)  # so that it stays open when sys.stdin, stdout or stderr is replaced
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
    """A PYTHONPATH with which a new Python finds this package in any working directory."""
    ours = str(Path(__file__).parents[2])
    return os.pathsep.join([ours, *filter(None, [os.environ.get("PYTHONPATH")])])
