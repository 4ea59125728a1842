"""The text of a Dockerfile by its instructions: move one, replace it, leave it out, add one.

Reads texts that do not build, too: what is edited by hand is wrong for a while. An instruction has its continuation
lines and heredocs, and the comment right above it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*$", re.I)
_HEREDOC = re.compile(r"<<(-?)([\"']?)([A-Za-z_]\w*)\2")


@dataclass(frozen=True, slots=True)
class Block:
    """An instruction: its `text`, the `line` it begins on, and the lines it has with its comment, `first` to `last`."""

    first: int
    line: int
    last: int
    text: str

    @property
    def is_from(self) -> bool:
        """Whether it begins a stage."""
        return self.text.split(None, 1)[0].upper() == "FROM"


def blocks(text: str) -> list[Block]:
    """The instructions of a Dockerfile, in order; lines are numbered from 1."""
    lines = text.splitlines()
    escape = next((directive[1] for line in lines if (directive := _ESCAPE.match(line))), "\\")
    every, at, comment = list[Block](), 0, 0
    while at < len(lines):
        shown = lines[at].strip()
        if not shown or shown.startswith("#"):
            comment = (comment or at + 1) if shown else 0
            at += 1
            continue
        end = _end(lines, at, escape)
        every.append(Block(comment or at + 1, at + 1, end, "\n".join(lines[at:end])))
        at, comment = end, 0
    return every


def _end(lines: list[str], at: int, escape: str) -> int:
    """The number of the last line of the instruction that begins at index `at`."""
    end = at + 1
    while end < len(lines) and lines[end - 1].rstrip().endswith(escape):
        while end < len(lines) - 1 and (not lines[end].strip() or lines[end].lstrip().startswith("#")):
            end += 1  # docker leaves such lines out
        end += 1
    instruction = "\n".join(lines[at:end])
    if instruction.split(None, 1)[0].upper() in ("RUN", "COPY", "ADD"):
        for dash, _, name in _HEREDOC.findall(instruction):
            while end < len(lines) and (lines[end].lstrip("\t") if dash else lines[end]) != name:
                end += 1
            end = min(end + 1, len(lines))
    return end


def moved(text: str, source: Block, target: Block) -> tuple[str, int]:
    """The text with one instruction in the place of another, and the line on which it then begins."""
    lines = text.splitlines()
    taken = lines[source.first - 1 : source.last]
    at = target.last - len(taken) if target.line > source.line else target.first - 1
    rest = [*lines[: source.first - 1], *lines[source.last :]]
    return _joined([*rest[:at], *taken, *rest[at:]]), at + 1 + source.line - source.first


def replaced(text: str, block: Block, new: str) -> str:
    """The text with another instruction in the place of this one; its comment stays."""
    lines = text.splitlines()
    return _joined([*lines[: block.line - 1], *new.splitlines(), *lines[block.last :]])


def without(text: str, block: Block) -> str:
    """The text without an instruction and its comment."""
    lines = text.splitlines()
    return _joined([*lines[: block.first - 1], *lines[block.last :]])


def added(text: str, new: str) -> str:
    """The text with lines below the last one, which gets its newline if it has none."""
    return _joined([*text.splitlines(), *new.splitlines()])


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
