"""The shim: the process that supervises a container's program and outlives whoever started it.

It is the parent of one container's program, writes its log and exit code, and holds the lock `alive` while it runs. If
the shim is killed, the kernel kills the program and frees the lock. containerd's shim is the model.

    python -m imagelab.containers.shim FOLDER READY

READY is a file descriptor, closed when the program runs; if it cannot be started, the reason is written there in JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..errors import LabError
from ..host.locks import flock
from ..host.snapshot import remove
from ..host.space import in_words
from ..runtime import worker
from ..runtime.process import hand_on
from ..runtime.program import CANNOT_RUN, Running, Streams, named
from .lifetime import end_with_keeper
from .log import LogWriter
from .record import SHIM, Record, State, now

MAX_SECONDS = 24 * 3600.0
_IGNORED = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2]


def main() -> int:
    """Run a container's program until it ends; returns its exit code."""
    worker.alone = True
    for number in _IGNORED:  # not SIG_IGN, which its program would inherit
        signal.signal(number, lambda *_: None)
    folder, ready = Path(sys.argv[1]), int(sys.argv[2])
    record = Record(folder)
    with flock(folder / "alive") as alive:
        assert alive is not None
        os.ftruncate(alive, 0)
        os.pwrite(alive, f"{SHIM}{os.getpid()}".encode(), 0)
        launch = record.launch()
        if launch.runtime != "bubblewrap":  # there the program is PID 1, which ignores signals it does not handle
            for number in _IGNORED:
                signal.signal(number, signal.SIG_IGN)
        try:
            with record.room_for_state() as write:
                program = replace(launch.program, timeout=MAX_SECONDS)
                streams = Streams(0, subprocess.PIPE, subprocess.PIPE)
                running = named(launch.runtime).start(record.root, program, streams)
                state = State("running", runtime=launch.runtime, pid=running.pid, started=now())
                try:
                    write(state)
                except OSError:  # without its state, it could not be stopped
                    running.process.kill()
                    raise
        except (LabError, OSError) as error:
            why = in_words(error, folder) if isinstance(error, OSError) else str(error)
            os.write(ready, json.dumps({"error": why, "code": getattr(error, "code", CANNOT_RUN)}).encode())
            return 1
        os.close(ready)
        end_with_keeper(folder.parent, running.pid)
        try:
            _pump(running, record)
        finally:
            code = running.process.wait()
            code = 128 - code if code < 0 else code
            with suppress(OSError, LabError):
                remove(record.tmpfs)
            state = replace(state, status="exited", pid=None, exit_code=code, finished=now())
            record.ended(alive, state)
        if launch.remove:
            from ..volumes.users import GONE, remove_anonymous  # here: few shims need it

            gone = folder.with_name(f"{GONE}{folder.name}")
            with suppress(OSError, LabError):
                mounts = record.spec().mounts
                os.rename(folder, gone)
                remove(gone)
                remove_anonymous(folder.parent.parent, mounts)
    return code


def _pump(running: Running, record: Record) -> None:
    """Write the program's output to its log, and to the shim's own output while that is read."""
    log = LogWriter(record.log)
    listening = {"stdout": 1, "stderr": 2}

    def output(stream: str, data: bytes) -> None:
        with suppress(OSError):  # a full disk must not stop the program
            log.write(stream, data)
        try:
            while data and stream in listening:
                data = data[os.write(listening[stream], data) :]
        except OSError:
            del listening[stream]

    end = time.monotonic() + MAX_SECONDS
    hand_on(running.process, output, end)
    if time.monotonic() > end:
        with suppress(OSError):
            os.kill(running.pid, signal.SIGKILL)
    with suppress(OSError):
        log.finish()


if __name__ == "__main__":
    sys.exit(main())
