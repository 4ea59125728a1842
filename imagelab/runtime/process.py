"""One idea: a running program is watched until it ends, is stopped, or has had its time."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import LabError
from . import Output


def watch(
    command: Sequence[str], output: Output, *, name: str, timeout: float | None, stdin: bytes = b"",
    started: Mapping[str, Any] | None = None,
) -> int:  # fmt: skip
    """Start a process, hand on what it prints as it comes, and return its exit code.

    `stdin` is written first (at most 64 KiB); `started` is how Popen starts it. The umask is 022, as in containers. The
    process is killed when the time, in seconds, is up (LabError), and when this one is interrupted.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        umask=0o022 if os.name == "posix" else -1, **(started or {}),
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    end = time.monotonic() + timeout if timeout else None
    try:
        process.stdin.write(stdin)
        process.stdin.close()
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ, "stdout")
            ready.register(process.stderr, selectors.EVENT_READ, "stderr")
            while ready.get_map():
                for key, _ in ready.select(None if end is None else max(0.0, end - time.monotonic())):
                    if data := os.read(key.fd, 1 << 16):
                        output(key.data, data)
                    else:
                        ready.unregister(key.fileobj)
                if end is not None and time.monotonic() > end:
                    raise LabError(f"{name} ran longer than {timeout:g} seconds and was stopped")
        return process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
