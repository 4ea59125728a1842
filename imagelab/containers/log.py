"""The log of a container: what its program printed, line by line; it can be read while it grows.

The format is that of docker's json-file driver: {"log": …, "stream": …, "time": …}. A full log is renamed to
`log.jsonl.1`, which replaces an older one, and a new log begins.
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
MAX_LINE = 16 << 10  # bytes, as in docker; a longer line is split
POLL = 0.05  # seconds between two reads of a log that is followed


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line, or a part of a long one: its stream ("stdout" or "stderr"), text and time (RFC 3339)."""

    stream: str
    text: str
    time: str


class LogWriter:
    """Splits a program's output into lines and appends them to the log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115 - open for as long as the program runs
        self._size = self._file.tell()
        self._rest = {"stdout": b"", "stderr": b""}

    def write(self, stream: str, data: bytes) -> None:
        """Append the lines that `data` completes."""
        data = self._rest[stream] + data
        *whole, rest = data.split(b"\n")
        ready = [line + b"\n" for line in whole]
        while len(rest) >= MAX_LINE:
            ready.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        self._rest[stream] = rest
        self._append(stream, ready)

    def finish(self) -> None:
        """Append text that did not end in a newline, and close the log."""
        for stream, rest in self._rest.items():
            self._append(stream, [rest] if rest else [])
        self._file.close()

    def _append(self, stream: str, lines: list[bytes]) -> None:
        when = now()
        for start in range(0, len(lines), 1000):
            data = b"".join(
                json.dumps({"log": line.decode("utf-8", "replace"), "stream": stream, "time": when}).encode() + b"\n"
                for line in lines[start : start + 1000]
            )
            if self._size + len(data) > MAX_BYTES and self._size:
                self._file.close()
                os.replace(self._path, f"{self._path}.1")
                self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
                self._size = 0
            self._file.write(data)
            self._size += len(data)


def read(path: Path, *, tail: int | None = None, follow: Callable[[], bool] | None = None) -> Iterator[LogLine]:
    """Yield the lines so far, or the last `tail`; with `follow`, then new ones, until `follow()` is false."""
    file = _identity(path)
    newer, place = _lines(path, 0)
    lines = _lines(Path(f"{path}.1"), 0)[0] + newer
    yield from lines if tail is None else lines[len(lines) - min(max(tail, 0), len(lines)) :]
    more = follow is not None
    while more and follow:
        more = follow()  # before reading: later lines are read in the next round
        if (newest := _identity(path)) != file:  # a new log has begun
            file, place = newest, 0
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
    """The complete lines from byte `place` on, and the place after them; damaged lines are left out."""
    try:
        with open(path, "rb") as file:
            file.seek(place)
            data = file.read()
    except FileNotFoundError:
        return [], place
    data = data[: data.rfind(b"\n") + 1]
    lines = []
    for line in data.splitlines():
        with suppress(ValueError, KeyError, TypeError):
            fields = json.loads(line)
            lines.append(LogLine(fields["stream"], fields["log"], fields["time"]))
    return lines, place + len(data)
