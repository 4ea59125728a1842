"""The history of tags: every move, with its time and command.

`tag-log.jsonl` gets one line per move, after the move has happened. A crash between the two, or another tool that moves
a tag, leaves a gap; `moves` notices that and says so, so that what it tells always ends where the tags are now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..shown import Displayed


@dataclass(frozen=True, slots=True)
class TagMove(Displayed):
    """One move of a tag: when, which name, from and to which manifest digest ("" for none), and by which verb.

    The verb is "elsewhere" where another tool moved the tag, at a time nobody wrote down ("").
    """

    time: str
    name: str
    old: str
    new: str
    verb: str


class TagLog:
    """The log of one store. Writers hold the store's lock."""

    def __init__(self, home: Path) -> None:
        self._path = home / "tag-log.jsonl"

    def append(self, moves: Iterable[TagMove]) -> None:
        """Write moves down; a line torn by a crash stays alone on its line."""
        if lines := b"".join(json.dumps(asdict(move)).encode() + b"\n" for move in moves):
            with open(self._path, "ab+") as file:
                if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                    lines = b"\n" + lines
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())

    def __iter__(self) -> Iterator[TagMove]:
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                yield TagMove(**json.loads(line))
            except (ValueError, TypeError):
                continue  # torn; `moves` tells of the gap

    def moves(self, now: Mapping[str, str]) -> list[TagMove]:
        """The moves of all names, whole ones, oldest first, up to where they point `now`."""
        told: list[TagMove] = []
        at: dict[str, str] = {}
        for move in self:
            if move.old != (before := at.get(move.name, "")):
                told.append(TagMove("", move.name, before, move.old, "elsewhere"))
            told.append(move)
            at[move.name] = move.new
        for name in sorted({*at, *now}):
            if (before := at.get(name, "")) != (after := now.get(name, "")):
                told.append(TagMove("", name, before, after, "elsewhere"))
        return told


def places(history: Iterable[TagMove]) -> list[str]:
    """Where a tag has been, the present last, moves that were undone taken out; it begins with "", nowhere."""
    been = [""]
    for move in history:
        if move.verb == "undo" and len(been) > 1:
            been.pop()
        else:
            been.append(move.new)
    return been


def clock() -> str:
    """The time now, RFC 3339 in UTC, to the millisecond; it reaches the log, and never an image."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
