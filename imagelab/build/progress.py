"""The steps of a build as they happen, and its result.

A `Watcher` receives an event when a step begins, prints and ends; the terminal and the notebook each have their own.
`Built` is the result: the image, and every `BuildStep`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from ..oci.image import Image
from ..shown import Displayed, Listing
from .checks.rules import Warning
from .dockerfile import Instruction, Stage


@dataclass(slots=True)
class BuildStep:
    """One step of a build: its instruction, whether the cache had it or why not, how long it took, what it made."""

    number: int
    total: int
    stage: str  # its name
    line: int
    instruction: str  # as written
    hit: bool = False
    reason: str = ""  # of a miss
    seconds: float = 0.0
    size: int = 0  # bytes of files in the layer it made
    image: Image | None = None
    at: int = 0  # the index of its stage
    needs: int | str | None = None  # what a FROM or COPY --from reads: an earlier stage's index, or an image's name
    layer: int = 0  # the number of the layer it made, from 1; 0 for none

    @property
    def cache(self) -> str:
        """HIT or MISS; "" for a FROM, which makes no image."""
        return "" if self.instruction[:4].upper() == "FROM" else "HIT" if self.hit else "MISS"


@dataclass(frozen=True, slots=True)
class BuildStage:
    """A stage of the Dockerfile as written, and whether the target needs it."""

    index: int
    name: str
    lines: tuple[str, ...]  # its instructions, FROM first
    built: bool


@dataclass(slots=True)
class Built(Displayed):
    """A finished build: its image, its steps in order, and all stages of the Dockerfile."""

    image: Image
    steps: Listing[BuildStep]
    stages: tuple[BuildStage, ...] = ()
    tags: tuple[str, ...] = ()
    unused_args: tuple[str, ...] = ()  # names given with --build-arg that no ARG declares
    warnings: Listing[Warning] = field(default_factory=lambda: Listing([], "warnings"))
    seconds: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        names = ", ".join(self.tags) or "an image without a name"
        return f"<Built {names} {self.image.id.short}: {self.summary}>"

    @property
    def summary(self) -> str:
        """How many steps there were, and how many of them the cache had."""
        steps = [step for step in self.steps if step.cache]
        hits = sum(step.hit for step in steps)
        return f"{len(steps)} step{'s' * (len(steps) != 1)} after FROM, {hits} from the cache"


class Watcher:
    """Receives the events of a build. This base class ignores them."""

    def started(self, step: BuildStep) -> None:
        """A step begins."""

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        """The program of a RUN has printed `data` on `stream`, "stdout" or "stderr"."""

    def done(self, step: BuildStep) -> None:
        """A step has ended, with an image."""

    def finished(self, built: Built) -> None:
        """The build has ended, and its names point to the image."""

    def failed(self, error: BaseException) -> None:
        """The build has ended with an error, or was interrupted."""

    def unseen(self) -> str:
        """What a failing program printed, for the error message, if this watcher does not show output."""
        return ""


class Quiet(Watcher):
    """Shows nothing, and keeps the end of a program's output for the error message."""

    _LINES, _BYTES = 3, 2000

    def __init__(self) -> None:
        self._output = b""

    def started(self, step: BuildStep) -> None:
        """Forget the output of the step before."""
        self._output = b""

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        """Keep the end of it."""
        self._output = (self._output + data)[-self._BYTES :]

    def unseen(self) -> str:
        """The last lines, joined to one."""
        lines = filter(None, map(str.strip, self._output.decode("utf-8", "replace").splitlines()))
        last = " / ".join([*lines][-self._LINES :])
        return f"; it printed last: {last}" if last else ""


class StepLog:
    """The steps of a build: numbers each, and tells a watcher when it begins and ends."""

    def __init__(self, watcher: Watcher, total: int) -> None:
        self.watcher, self.total = watcher, total
        self.steps: list[BuildStep] = []

    def begin(self, stage: Stage, instruction: Instruction) -> BuildStep:
        """Add a step, which begins now."""
        step = BuildStep(
            len(self.steps) + 1, self.total, stage.name, instruction.line, instruction.text, at=stage.index
        )
        self.steps.append(step)
        self.watcher.started(step)
        return step

    def end(self, step: BuildStep, image: Image) -> None:
        """Note the image that a step gave."""
        step.image = image
        self.watcher.done(step)


def default_watcher() -> Watcher:
    """The watcher of a build without one: a progress bar in a notebook that someone is looking at, otherwise Quiet."""
    if "ipykernel" in sys.modules:
        from ..widgets.build_progress import BuildProgress, is_watched

        if is_watched():
            return BuildProgress()
    return Quiet()
