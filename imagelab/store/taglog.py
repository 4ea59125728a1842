"""The history of tags: every move, with its time and command.

`tag-log.jsonl` gets one line per move, after the move has happened. A crash between the two, or another tool that moves
a tag, leaves a gap; `moves` finds it and fills it with a move "elsewhere", so that the history always ends where the
tags are now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import InvalidReference
from ..oci.reference import Reference
from ..shown import Displayed


@dataclass(frozen=True, slots=True)
class TagMove(Displayed):
    """One move of a tag: when (RFC 3339), which tag, from and to which manifest digest ("" for none), by which verb.

    The verb is "elsewhere" and the time "" where another tool moved the tag.
    """

    time: str
    name: Reference
    old: str
    new: str
    verb: str


class TagLog:
    """The log of one store. Writers hold the store's lock."""

    def __init__(self, home: Path) -> None:
        self._path = home / "tag-log.jsonl"

    def append(self, moves: Iterable[TagMove]) -> None:
        """Append moves, one line each; a line torn by a crash stays alone on its line."""
        if lines := b"".join(_line(move) for move in moves):
            with open(self._path, "ab+") as file:
                if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                    lines = b"\n" + lines
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())

    def read(self, about: str = "") -> Iterator[TagMove]:
        """The moves that were written, oldest first; with a manifest digest, only those from it and to it."""
        try:
            lines = [line for line in self._path.read_bytes().splitlines() if about.encode() in line]
        except FileNotFoundError:
            return
        names: dict[str, Reference] = {}  # each is parsed once, however often it moved
        for line in lines:
            try:
                fields = json.loads(line)
                text = fields["name"]
                if text not in names:
                    names[text] = Reference.parse(text)
                yield TagMove(**{**fields, "name": names[text]})
            except (ValueError, TypeError, KeyError, InvalidReference):
                continue  # torn by a crash; `moves` fills the gap

    def moves(self, now: Mapping[Reference, str]) -> list[TagMove]:
        """The moves of all tags, oldest first, up to where they point `now`."""
        moves: list[TagMove] = []
        at: dict[Reference, str] = {}
        for move in self.read():
            if move.old != (before := at.get(move.name, "")):
                moves.append(TagMove("", move.name, before, move.old, "elsewhere"))
            moves.append(move)
            at[move.name] = move.new
        for name in sorted({*at, *now}):
            if (before := at.get(name, "")) != (after := now.get(name, "")):
                moves.append(TagMove("", name, before, after, "elsewhere"))
        return moves


def _line(move: TagMove) -> bytes:
    return json.dumps({**asdict(move), "name": move.name.canonical}).encode() + b"\n"


def places(history: Iterable[TagMove]) -> list[str]:
    """The manifest digests that a tag has pointed to, the present one last, without the moves that were undone.

    The first is "", for nowhere.
    """
    digests = [""]
    for move in history:
        if move.verb == "undo" and len(digests) > 1:
            digests.pop()
        else:
            digests.append(move.new)
    return digests


def clock() -> str:
    """The time now, RFC 3339 in UTC, to the millisecond; it reaches the log, and never an image."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
