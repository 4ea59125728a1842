"""Start kernels as forks of this process, which has imported what a lesson's first cells import: each saves 2 seconds.

Reads a line of JSON for each kernel, [connection file, folder, environment], and answers with its process ID. What is
still running at the end of the input is killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import graphviz  # noqa: F401
import ipykernel.ipkernel  # noqa: F401
import pandas  # noqa: F401
from ipykernel.kernelapp import IPKernelApp

import imagelab.lesson
import imagelab.widgets  # noqa: F401


def serve(connection_file: str, folder: str, environment: dict[str, str]) -> None:
    """Be a kernel, as `python -m ipykernel_launcher -f FILE` is one."""
    os.environ.clear()
    os.environ |= environment | {"JPY_PARENT_PID": str(os.getppid())}
    os.chdir(folder)
    sys.path.insert(0, "")
    sys.argv = ["ipykernel_launcher", "-f", connection_file]
    IPKernelApp.launch_instance(sys.argv[1:])


def main() -> None:
    running: set[int] = set()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    while line := sys.stdin.readline():
        running -= {pid for pid in running if os.waitpid(pid, os.WNOHANG)[0]}
        pid = os.fork()
        if pid == 0:
            answers.close()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            serve(*json.loads(line))
            os._exit(0)
        running.add(pid)
        print(pid, file=answers)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
