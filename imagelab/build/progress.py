"""The events of a build, and its result.

A `BuildStep` is one line of that story, and `Built` is the whole of it. A `Watcher` is told of each step as it starts,
prints and ends; a terminal, a notebook and a test watch in their own ways.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from ..oci.image import Image
from ..shown import Displayed, Listing
from .dockerfile import Instruction, Stage


@dataclass(slots=True)
class BuildStep:
    """One step of a build as it went: where it stands, whether the cache had it or why not, what it took and made.

    `needs` is what a FROM or a COPY --from takes from: an earlier stage's index, or an image's name.
    """

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
    at: int = 0  # the index of its stage
    needs: int | str | None = None
    layer: int = 0  # which of its image's layers it made, from 1; 0 for none

    @property
    def cache(self) -> str:
        """HIT or MISS; nothing for a FROM, which names an image and makes none."""
        return "" if self.instruction[:4].upper() == "FROM" else "HIT" if self.hit else "MISS"


@dataclass(frozen=True, slots=True)
class BuildStage:
    """A stage of the Dockerfile as written, and whether the target needed it."""

    index: int
    name: str
    lines: tuple[str, ...]  # its instructions, FROM first
    built: bool


@dataclass(slots=True)
class Built(Displayed):
    """A finished build: its image, a record of its steps in order, and all stages there were."""

    image: Image
    steps: Listing[BuildStep]
    stages: tuple[BuildStage, ...] = ()
    tags: tuple[str, ...] = ()
    unused_args: tuple[str, ...] = ()  # --build-arg that no ARG asked for: a misspelling?
    seconds: float = field(default=0.0, compare=False)

    def __repr__(self) -> str:
        called = ", ".join(self.tags) or "an image without a name"
        return f"<Built {called} {self.image.id.short}: {self.summary}>"

    @property
    def summary(self) -> str:
        """How many steps there were, and how many of them the cache had."""
        asked = [step for step in self.steps if step.cache]
        hits = sum(step.hit for step in asked)
        return f"{len(asked)} step{'s' * (len(asked) != 1)} after FROM, {hits} from the cache"


class Watcher:
    """Receives the events of a build. This base class ignores them."""

    def started(self, step: BuildStep) -> None: ...
    def output(self, step: BuildStep, stream: str, data: bytes) -> None: ...
    def done(self, step: BuildStep) -> None: ...
    def finished(self, built: Built) -> None: ...
    def failed(self, error: BaseException) -> None: ...

    def unseen(self) -> str:
        """What a failing program printed that this watcher has shown to nobody."""
        return ""


class Quiet(Watcher):
    """Shows nothing, and keeps a program's last words for the error, where they are wanted."""

    _LINES, _BYTES = 3, 2000

    def __init__(self) -> None:
        self._said = b""

    def started(self, step: BuildStep) -> None:
        """A new step has said nothing yet."""
        self._said = b""

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        """Keep the end of it."""
        self._said = (self._said + data)[-self._BYTES :]

    def unseen(self) -> str:
        """The last lines, in one."""
        lines = filter(None, map(str.strip, self._said.decode("utf-8", "replace").splitlines()))
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
    """The watcher of a build that was given none: a bar in a notebook that a person looks at, otherwise Quiet."""
    if "ipykernel" in sys.modules:
        from ..widgets.build_progress import BuildProgress, is_watched

        if is_watched():
            return BuildProgress()
    return Quiet()
