"""A process that starts programs for one that cannot: because it has threads, or because it is shut in.

A notebook has threads and much in memory, so it cannot fork; a worker in its `sandbox` has neither the files nor the
rights that another worker needs before that one shuts itself in. Both ask a starter, a process with one thread, over a
socket: a request is a program and the descriptors of its standard streams, the answer its exit code. A program whose
asker hangs up is killed, and all are when the starter's own maker ends.
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
from ..host.root import Root
from . import worker
from .binfmt import kind_of
from .program import CANNOT_RUN, CannotStart, Program, Running, Streams, named

KILLED = 137  # the exit code of a program whose starter was killed
_LENGTH = 8  # bytes that say how long a request is


class Remote:
    """A program that a starter has started, with the methods of `subprocess.Popen` that are needed here."""

    def __init__(self, reply: socket.socket, pipes: dict[str, IO[bytes]]) -> None:
        self._reply = reply
        self._lines = reply.makefile("rb")
        self.stdin, self.stdout, self.stderr = (pipes.get(name) for name in ("stdin", "stdout", "stderr"))
        self.returncode: int | None = None
        self.pid = int(self._answer("pid"))

    def wait(self) -> int:
        """The exit code, when the program has ended; 128 + n for signal n."""
        if self.returncode is None:
            self.returncode = int(self._answer("exit"))
            self._reply.close()
        return self.returncode

    def kill(self) -> None:
        """Kill the program, if it still runs."""
        if self.returncode is None:
            with suppress(OSError):
                self._reply.shutdown(socket.SHUT_WR)

    def _answer(self, name: str) -> Any:
        words = self._lines.readline()
        answer: dict[str, Any] = json.loads(words) if words else {"pid": 0, "exit": KILLED}
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
        """A fork of this process, which must have one thread; it starts programs of one root folder and some kinds."""
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
        """A new Python, for a process that has threads; it starts shell scripts in any root folder."""
        ours, theirs = socket.socketpair()
        with theirs:
            subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], pass_fds=[theirs.fileno()], cwd="/",
                env={**os.environ, "PYTHONPATH": worker.our_path()}, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        return cls(ours)

    def start(self, root: Path, program: Program, streams: Streams, kind: str = "") -> Running:
        """Start a program with standard streams as for Popen; raises CannotStart, and OSError for a dead starter."""
        pipes: dict[str, IO[bytes]] = {}
        with ExitStack() as opened:
            descriptors = []
            for name, mode in (("stdin", "wb"), ("stdout", "rb"), ("stderr", "rb")):
                descriptor = getattr(streams, name)
                if descriptor == subprocess.PIPE:
                    ends = os.pipe()
                    theirs, ours = ends if mode == "wb" else ends[::-1]
                    pipes[name] = os.fdopen(ours, mode, -1 if mode == "rb" else 0)
                    opened.callback(os.close, theirs)
                elif descriptor == subprocess.DEVNULL:
                    theirs = os.open(os.devnull, os.O_RDWR)
                    opened.callback(os.close, theirs)
                else:
                    theirs = descriptor
                descriptors.append(theirs)
            reply, far = socket.socketpair()
            with far:
                asked: dict[str, Any] = {"root": str(root), "kind": kind, "program": asdict(program)}
                if kind:  # its pip reads the settings that this process has now
                    asked |= {"environ": dict(os.environ), "cwd": os.readlink("/proc/self/cwd")}
                request = json.dumps(asked).encode()
                try:
                    length = len(request).to_bytes(_LENGTH, "big")
                    with self._lock:
                        socket.send_fds(self._control, [length], [*descriptors, far.fileno()])
                        self._control.sendall(request)
                except BaseException:
                    reply.close()
                    for pipe in pipes.values():
                        pipe.close()
                    raise
        try:
            remote = Remote(reply, pipes)
        except BaseException:
            for pipe in pipes.values():
                pipe.close()
            raise
        return Running(remote, remote.pid)

    def close(self) -> None:
        """End the starter and what it has started."""
        self._control.close()


def serve(control: socket.socket, kinds: Collection[str], root: Path | None = None) -> None:
    """Serve requests until the client closes the socket, then kill the programs that still run.

    With `root`, programs of that folder only, run by what their first bytes ask for; else as the request says.
    """
    running: dict[int, tuple[subprocess.Popen[bytes], socket.socket]] = {}
    with selectors.DefaultSelector() as events:
        events.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is control:
                    if not (asked := _receive(control)):
                        for process, _ in running.values():
                            process.kill()
                        return
                    if begun := _begin(*asked, kinds, root):
                        ended = os.pidfd_open(begun[0].pid)
                        running[ended] = begun
                        events.register(ended, selectors.EVENT_READ)
                        events.register(begun[1], selectors.EVENT_READ, ended)
                elif key.data is not None:  # the asker has hung up
                    events.unregister(key.fileobj)
                    running[key.data][0].kill()
                else:
                    process, reply = running.pop(key.fd)
                    events.unregister(key.fd)
                    os.close(key.fd)
                    with suppress(KeyError):
                        events.unregister(reply)
                    code = process.wait()
                    _say(reply, {"exit": 128 - code if code < 0 else code})
                    reply.close()


def _receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """A request and the descriptors that came with it; None at the end."""
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
    """Start a program and say its PID, or why it cannot be started (None then)."""
    program = Program.from_json(request["program"])
    reply = socket.socket(fileno=descriptors[3])
    try:
        folder = root or Path(request["root"])
        if not root:
            os.environ.clear()
            os.environ.update(request["environ"])
            with suppress(OSError):  # it has been deleted
                os.chdir(request["cwd"])
        kind = kind_of(Root(folder), program) if root else request["kind"]
        if kind not in kinds:
            raise CannotStart(f"exec {program.argv[0]}: a script here can start only programs for {', '.join(kinds)}")
        running = named(kind).start(folder, program, Streams(*descriptors[:3]))
    except (LabError, OSError) as error:
        _say(reply, {"error": str(error), "code": getattr(error, "code", CANNOT_RUN)})
        reply.close()
        return None
    finally:
        for descriptor in descriptors[:3]:
            os.close(descriptor)
    _say(reply, {"pid": running.pid})
    assert isinstance(running.process, subprocess.Popen)
    return running.process, reply


def _say(reply: socket.socket, words: dict[str, object]) -> None:
    with suppress(OSError):
        reply.sendall(json.dumps(words).encode() + b"\n")


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
