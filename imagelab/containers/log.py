"""The log of a container: what its program printed, line by line, readable while it grows.

Lines are docker's json-file driver's: {"log": …, "stream": …, "time": …}. The log has a limit: when it is full it
becomes `log.jsonl.1`, in the place of an older one, and a new one begins.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .record import now

MAX_BYTES = 16 << 20  # of each of the two files
MAX_LINE = 16 << 10  # docker's too; a longer line is kept in parts
POLL = 0.05  # seconds between two looks at a log that is followed


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, or a part of one: the stream it came on, its text, and when."""

    stream: str
    text: str
    time: str


class LogWriter:
    """Takes bytes as they come, and writes lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open for as long as the program runs
        self._size = self._file.tell()
        self._rest = {"stdout": b"", "stderr": b""}

    def write(self, stream: str, data: bytes) -> None:
        """Keep the lines that this completes."""
        data = self._rest[stream] + data
        *whole, rest = data.split(b"\n")
        ready = [line + b"\n" for line in whole]
        while len(rest) >= MAX_LINE:
            ready.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest[stream] = rest
        self._keep(stream, ready)

    def finish(self) -> None:
        """Keep what did not end in a newline too."""
        for stream, rest in self._rest.items():
            self._keep(stream, [rest] if rest else [])
        self._file.close()

    def _keep(self, stream: str, lines: list[bytes]) -> None:
        when = now()
        for start in range(0, len(lines), 1000):
            told = b"".join(
                json.dumps({"log": line.decode("utf-8", "replace"), "stream": stream, "time": when}).encode() + b"\n"
                for line in lines[start : start + 1000]
            )
            if self._size + len(told) > MAX_BYTES and self._size:
                self._file.close()
                os.replace(self._path, f"{self._path}.1")
                self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
                self._size = 0
            self._file.write(told)
            self._size += len(told)


def read(path: Path, *, tail: int | None = None, follow: Callable[[], bool] | None = None) -> Iterator[LogLine]:
    """The lines so far, or the last `tail` of them; and with `follow` those to come, for as long as it says so."""
    file = _identity(path)
    late, place = _lines(path, 0)
    lines = _lines(Path(f"{path}.1"), 0)[0] + late
    yield from lines if tail is None else lines[len(lines) - min(max(tail, 0), len(lines)) :]
    more = follow is not None
    while more and follow:
        more = follow()  # asked before looking: what comes after is seen in the next round
        if (found := _identity(path)) != file:
            file, place = found, 0
        new, place = _lines(path, place)
        yield from new
        if more and not new:
            time.sleep(POLL)


def _identity(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _lines(path: Path, place: int) -> tuple[list[LogLine], int]:
    """The whole lines from a place on, and the place after them; a damaged line is left out."""
    try:
        with open(path, "rb") as file:
            file.seek(place)
            data = file.read()
    except FileNotFoundError:
        return [], place
    data = data[: data.rfind(b"\n") + 1]
    found = []
    for line in data.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            told = json.loads(line)
            found.append(LogLine(told["stream"], told["log"], told["time"]))
    return found, place + len(data)
