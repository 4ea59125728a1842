"""Start kernels as forks of one process, which has imported what a lesson's first cells import: each saves 2 seconds.

`WarmKernels` is a test's side, `main` the process. Whoever connects to its socket sends a line of JSON, [connection
file, folder, environment], and gets the process ID of a kernel that lives as long as the connection.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path

START = Path(__file__).with_name("start_kernel.py")


class WarmKernels:
    """The process that starts kernels, and the socket that it listens at; both end with this test process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="warm-")
        self.socket = f"{self._folder.name}/socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.socket)
            listener.listen()
            command = [sys.executable, __file__, str(listener.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()])

    def start(self, connection_file: str, folder: Path, environment: dict[str, str]) -> socket.socket:
        """Start a kernel; it is killed when what is returned is closed."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.socket)
        connection.sendall(json.dumps([connection_file, str(folder), environment]).encode() + b"\n")
        return connection

    def install(self, path: Path) -> None:
        """Put a `python3` that starts here into a folder for JUPYTER_PATH."""
        place = path / "kernels" / "python3"
        place.mkdir(parents=True)
        argv = [sys.executable, "-I", "-S", str(START), self.socket, "{connection_file}"]
        kernel = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}
        (place / "kernel.json").write_text(json.dumps(kernel))


@cache
def warm_kernels() -> WarmKernels:
    """This test process's own."""
    return WarmKernels()


def serve(connection: socket.socket) -> None:
    """Be a kernel, as `python -m ipykernel_launcher -f FILE` is one, for as long as the other side is there."""
    from ipykernel.kernelapp import IPKernelApp

    with connection.makefile("rb") as lines:
        connection_file, folder, environment = json.loads(lines.readline())
    connection.sendall(b"%d\n" % os.getpid())
    threading.Thread(target=die_with, args=[connection], daemon=True).start()
    os.environ.clear()
    os.environ |= environment
    os.chdir(folder)
    random.seed()
    sys.path[0] = ""
    sys.argv = ["ipykernel_launcher", "-f", connection_file, "--log-level=ERROR"]
    IPKernelApp.launch_instance(sys.argv[1:])


def die_with(connection: socket.socket) -> None:
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Fork for each connection, until the input ends."""
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # read at the import: kernels end with this process
    import graphviz  # noqa: F401
    import ipykernel.ipkernel
    import ipykernel.kernelapp  # noqa: F401
    import pandas  # noqa: F401

    import imagelab.lesson
    import imagelab.widgets  # noqa: F401

    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.set_inheritable(False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel of Linux reaps them
    while True:
        ready, _, _ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        with connection:
            if os.fork():
                continue
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            serve(connection)
            os._exit(0)


if __name__ == "__main__":
    main()
