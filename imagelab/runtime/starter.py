"""A starter: a process that starts programs for another one, which has threads or is confined.

A notebook has threads and much in memory, so it cannot fork; a worker in its `sandbox` lacks the files and the rights
that another worker needs until that one is confined too. Both send requests over a socket to a starter, a process with
one thread: a request is a program and the descriptors of its standard streams, the answer its PID and its exit code. A
program is killed when its requester closes the reply socket, and all are when the process that made the starter ends.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from ..errors import LabError
from . import worker
from .binfmt import kind_of
from .program import CANNOT_RUN, CannotStart, Program, Running, Streams, named

KILLED = 137  # the exit code of a program whose starter was killed
_LENGTH = 8  # bytes that hold the length of a request


class Remote:
    """A program run by a starter, with the methods of `subprocess.Popen` that runtimes use."""

    def __init__(self, reply: socket.socket, pipes: dict[str, IO[bytes]]) -> None:
        self._reply = reply
        self._lines = reply.makefile("rb")
        self.stdin, self.stdout, self.stderr = (pipes.get(name) for name in ("stdin", "stdout", "stderr"))
        self.returncode: int | None = None
        self.pid = int(self._answer("pid"))

    def wait(self) -> int:
        """Wait for the program to end; returns its exit code, 128 + n for signal n."""
        if self.returncode is None:
            self.returncode = int(self._answer("exit"))
            self._reply.close()
        return self.returncode

    def kill(self) -> None:
        """Kill the program if it is running."""
        if self.returncode is None:
            with suppress(OSError):
                self._reply.shutdown(socket.SHUT_WR)

    def _answer(self, name: str) -> Any:
        line = self._lines.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"pid": 0, "exit": KILLED}
        if "error" in answer:
            raise CannotStart(answer["error"], answer["code"])
        return answer[name]


class Starter:
    """The client's end of the socket to a starter."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lock = threading.Lock()

    @classmethod
    def forked(cls, root: Path, kinds: Collection[str]) -> Starter:
        """Fork this process, which must have one thread; starts programs of one root folder, by these runtimes only."""
        ours, theirs = socket.socketpair()
        if os.fork():
            theirs.close()
            return cls(ours)
        try:
            ours.close()
            worker.alone = True
            serve(theirs, kinds, root)
        finally:
            os._exit(0)

    @classmethod
    def spawned(cls) -> Starter:
        """Start a new Python, for a process with threads; starts shell scripts in any root folder."""
        ours, theirs = socket.socketpair()
        with theirs:
            subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd="/",
                env={**os.environ, "PYTHONPATH": worker.our_path()}, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return cls(ours)

    def start(self, root: Path, program: Program, streams: Streams, kind: str = "") -> Running:
        """Start a program, its streams as for Popen; raises CannotStart, and OSError if the starter has ended."""
        pipes: dict[str, IO[bytes]] = {}
        reply, far = socket.socketpair()
        try:
            with far, ExitStack() as opened:
                descriptors = []
                for name, mode in (("stdin", "wb"), ("stdout", "rb"), ("stderr", "rb")):
                    descriptor = getattr(streams, name)
                    if descriptor == subprocess.PIPE:
                        ends = os.pipe()
                        descriptor, ours = ends if mode == "wb" else ends[::-1]
                        pipes[name] = os.fdopen(ours, mode, -1 if mode == "rb" else 0)
                        opened.callback(os.close, descriptor)
                    elif descriptor == subprocess.DEVNULL:
                        descriptor = os.open(os.devnull, os.O_RDWR)
                        opened.callback(os.close, descriptor)
                    descriptors.append(descriptor)
                request: dict[str, Any] = {"root": str(root), "kind": kind, "program": asdict(program)}
                if kind:  # its pip reads the settings that this process has now
                    request |= {"environ": dict(os.environ), "cwd": os.readlink("/proc/self/cwd")}
                message = json.dumps(request).encode()
                length = len(message).to_bytes(_LENGTH, "big")
                with self._lock:
                    socket.send_fds(self._control, [length], [*descriptors, far.fileno()])
                    self._control.sendall(message)
            remote = Remote(reply, pipes)
        except BaseException:
            reply.close()
            for pipe in pipes.values():
                pipe.close()
            raise
        return Running(remote, remote.pid)

    def close(self) -> None:
        """End the starter and the programs it runs."""
        self._control.close()


def serve(control: socket.socket, kinds: Collection[str], root: Path | None = None) -> None:
    """Serve requests until the client closes the socket, then kill the programs that still run.

    With `root`, only programs of that folder, and their first bytes choose the runtime; else the request names both.
    """
    running: dict[int, tuple[subprocess.Popen[bytes], socket.socket]] = {}
    with selectors.DefaultSelector() as events:
        events.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is control:
                    if not (received := _receive(control)):
                        for process, _ in running.values():
                            process.kill()
                        return
                    if started := _begin(*received, kinds, root):
                        pidfd = os.pidfd_open(started[0].pid)
                        running[pidfd] = started
                        events.register(pidfd, selectors.EVENT_READ)
                        events.register(started[1], selectors.EVENT_READ, pidfd)
                elif key.data is not None:  # the requester has closed its end
                    events.unregister(key.fileobj)
                    running[key.data][0].kill()
                else:
                    process, reply = running.pop(key.fd)
                    events.unregister(key.fd)
                    os.close(key.fd)
                    with suppress(KeyError):
                        events.unregister(reply)
                    code = process.wait()
                    _answer(reply, {"exit": 128 - code if code < 0 else code})
                    reply.close()


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and the descriptors sent with it; None when the client has closed the socket."""
    length, descriptors, _, _ = socket.recv_fds(control, _LENGTH, 4)
    if not length:
        return None
    left = int.from_bytes(length, "big")
    pieces = []
    while left:
        pieces.append(control.recv(min(left, 1 << 20)))
        if not pieces[-1]:
            return None
        left -= len(pieces[-1])
    return json.loads(b"".join(pieces)), descriptors


def _begin(
    request: dict[str, Any], descriptors: list[int], kinds: Collection[str], root: Path | None
) -> tuple[subprocess.Popen[bytes], socket.socket] | None:
    """Start a program and send its PID; if it cannot be started, send the error and return None."""
    program = Program.from_json(request["program"])
    reply = socket.socket(fileno=descriptors[3])
    try:
        folder = root or Path(request["root"])
        if not root:
            os.environ.clear()
            os.environ.update(request["environ"])
            with suppress(OSError):  # it has been deleted
                os.chdir(request["cwd"])
        kind = kind_of(program.files(folder), program) if root else request["kind"]
        if kind not in kinds:
            raise CannotStart(f"exec {program.argv[0]}: a script here can start only programs for {', '.join(kinds)}")
        running = named(kind).start(folder, program, Streams(*descriptors[:3]))
    except (LabError, OSError) as error:
        _answer(reply, {"error": str(error), "code": getattr(error, "code", CANNOT_RUN)})
        reply.close()
        return None
    finally:
        for descriptor in descriptors[:3]:
            os.close(descriptor)
    _answer(reply, {"pid": running.pid})
    assert isinstance(running.process, subprocess.Popen)
    return running.process, reply


def _answer(reply: socket.socket, answer: dict[str, object]) -> None:
    with suppress(OSError):
        reply.sendall(json.dumps(answer).encode() + b"\n")


def main() -> int:
    """The entry point of a spawned starter: import what its workers need once, then serve requests."""
    from .shell import interpreter

    interpreter.load()
    worker.alone = True
    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control, ("shell",))
    return 0


if __name__ == "__main__":
    sys.exit(main())
