"""One idea: a build tells what it does while it does it, and what it did when it is done.

A `BuildStep` is one line of that story. A `Watcher` is told of each step as it starts, prints and ends; a terminal, a
notebook and a test watch in their own ways.
"""

from __future__ import annotations

from dataclasses import dataclass

from .image import Image


@dataclass(slots=True)
class BuildStep:
    """One step of a build as it went: where it stands, whether the cache had it or why not, what it took and made."""

    number: int
    total: int
    stage: str
    line: int
    instruction: str
    hit: bool = False
    reason: str = ""
    seconds: float = 0.0
    size: int = 0
    image: Image | None = None


class Watcher:
    """Is told of a build as it goes; this one keeps quiet."""

    def started(self, step: BuildStep) -> None: ...
    def output(self, step: BuildStep, stream: str, data: bytes) -> None: ...
    def done(self, step: BuildStep) -> None: ...
