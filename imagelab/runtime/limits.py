"""Resource limits for programs: memory, file size, number of processes.

A Linux program and the processes it starts have limits on memory, on the size of a file, and on their number: for an
ordinary user the kernel counts processes in each user namespace (RLIMIT_NPROC, Linux 5.14); for root, whom that does
not bind, in a control group (pids, version 1 or 2), where one can be written to.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MEMORY = 4 << 30  # bytes of address space of one process
FILE = 2 << 30  # bytes of one file
PROCESSES = 512
_GROUPS = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))


def confine(pid: int) -> None:
    """Set the limits of a process that has no children yet; its children inherit them."""
    import resource

    limits = [(resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, FILE), (resource.RLIMIT_AS, MEMORY)]
    if os.geteuid() == 0:
        _into_group(pid)
    else:
        limits.append((resource.RLIMIT_NPROC, PROCESSES))
    for kind, most in limits:
        with suppress(OSError, ValueError):
            hard = resource.prlimit(pid, kind)[1]
            limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, kind, (limit, limit))


def _into_group(pid: int) -> None:
    """Move a process into a control group of its own, and remove the empty ones that ended programs left."""
    for above in _GROUPS:
        if not (above / "cgroup.procs").exists():
            continue
        with suppress(OSError):
            ours = above / "imagelab"
            ours.mkdir(exist_ok=True)
            if (ours / "cgroup.subtree_control").exists():
                (ours / "cgroup.subtree_control").write_text("+pids")
            for old in ours.iterdir():
                with suppress(OSError):  # not empty
                    old.rmdir()
            group = ours / os.urandom(16).hex()
            group.mkdir()
            (group / "pids.max").write_text(str(PROCESSES))
            (group / "cgroup.procs").write_text(str(pid))
            return
