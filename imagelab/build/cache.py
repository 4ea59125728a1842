"""The build cache: a step with the same parent and inputs is not run again.

A step's key is its parent image, its instruction, and for COPY and ADD the sums of its sources; what RUN does is never
looked at. Each build also leaves a record of its steps, so that the next one can say why a step was not found: which
file, which instruction, which argument.

Follows moby's image cache (builder/dockerfile/imageprobe.go): one miss means that the rest of the stage misses too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..host.atomic import write_atomically
from ..oci.digest import Digest
from ..oci.image import Image
from ..store.store import Store

FAR = 100  # how many places away a step that moved is looked for


@dataclass(frozen=True)
class Inputs:
    """All that decides a step: the parent image, the instruction, the build arguments it sees, the files it reads."""

    parent: str
    instruction: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""  # of the lab: epoch and platform reach an image too

    @cached_property
    def text(self) -> str:
        """All of it as JSON."""
        return json.dumps({
            "parent": self.parent, "instruction": self.instruction, "arguments": dict(self.arguments),
            "files": dict(self.files), "settings": self.settings,
        }, sort_keys=True)  # fmt: skip

    @cached_property
    def key(self) -> str:
        """One name for all of it."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class BuildCache:
    """The steps that a store remembers; `recipe` tells one Dockerfile's builds from another's.

    `<key>` names the image that a step gave, `tried-…` says that it was done with some files, and `last-…` is the
    record of one place in one Dockerfile: its key, its stamp and its inputs when it was built last.
    """

    def __init__(self, store: Store, recipe: Sequence[str], *, use: bool = True) -> None:
        self._store = store
        self._folder = store.home / "cache" / "build"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._recipe = recipe
        self.settings = f"{store.epoch} {store.os}/{store.architecture}"
        self._use = use
        self._was: dict[str, Inputs | None] = {}  # the records that this build has written over

    def find(self, step: str, inputs: Inputs, stamp: str = "") -> tuple[Image | None, str]:
        """The image that a step gave before, or None and the reason, in words; `step` is its place ("0.3").

        A `stamp` stands for inputs that nobody has touched: with the same one, `untouched` finds the step again.
        """
        found = self._image(inputs.key) if self._use else None
        why = self._why(step, inputs) if found is None else ""
        if self._last(step) != (inputs.key, stamp):
            if found is None:
                self._was.setdefault(step, self._before(step))
            write_atomically(self._record(step), f"{inputs.key}\n{stamp}\n{inputs.text}".encode(), durable=False)
        return found, why

    def stamp(self, parent: str, source: str) -> str:
        """The stamp of a step on this parent whose files come from `source`, itself a stamp; "" stays ""."""
        return source and short(parent, self.settings, source)

    def untouched(self, step: str, stamp: str) -> Image | None:
        """The image of a step that bears the stamp it bore the last time: no sum need be compared."""
        key, known = self._last(step)
        return self._image(key) if self._use and stamp and stamp == known else None

    def tried(self, parent: str, instruction: str) -> bool:
        """Whether a step of this instruction on this parent was ever done, with whatever files."""
        return self._use and (self._folder / f"tried-{short(parent, instruction)}").exists()

    def remember(self, inputs: Inputs, image: Image) -> None:
        """Note what a step gave; losing the note to a power cut only costs time."""
        write_atomically(self._folder / inputs.key, image.digest.encode(), durable=False)
        (self._folder / f"tried-{short(inputs.parent, inputs.instruction)}").touch()

    def _image(self, key: str) -> Image | None:
        with suppress(FileNotFoundError):
            digest = Digest((self._folder / key).read_text())
            return self._store.image(digest) if digest in self._store.index.images() else None
        return None

    def _record(self, step: str) -> Path:
        return self._folder / f"last-{short(*self._recipe, step)}"

    def _last(self, step: str) -> tuple[str, str]:
        """The key and the stamp that a step had when it was built last."""
        try:
            with open(self._record(step)) as record:
                return record.readline().rstrip("\n"), record.readline().rstrip("\n")
        except (OSError, ValueError):
            return "", ""

    def _before(self, step: str) -> Inputs | None:
        """All that a step was built from the last time."""
        if step in self._was:
            return self._was[step]
        with suppress(OSError, ValueError, TypeError):
            return Inputs(**json.loads(self._record(step).read_text().split("\n", 2)[-1]))
        return None

    def _elsewhere(self, step: str, instruction: str) -> tuple[Inputs, Inputs | None] | None:
        """The same instruction at another place of the stage, the last time, and the step that stood before it."""
        stage, _, place = step.partition(".")
        if not place.isdecimal():
            return None
        for away in range(1, FAR):
            for other in (int(place) + away, int(place) - away):
                found = self._before(f"{stage}.{other}") if other > 0 else None
                if found and found.instruction == instruction:
                    return found, self._before(f"{stage}.{other - 1}")
        return None

    def _why(self, step: str, now: Inputs) -> str:
        """What is not as it was the last time: the step's own instruction, arguments and files first, then its parent.

        A step that stands somewhere else now is compared with itself, not with what stood here.
        """
        if not self._use:
            return "--no-cache"
        if (self._folder / now.key).exists():
            return "the image of this step was removed"
        before, moved = self._before(step), None
        if before is None or before.instruction != now.instruction:
            moved = self._elsewhere(step, now.instruction)
        was = moved[0] if moved else before
        if was is None:
            return "not built before"
        if was.instruction != now.instruction:
            return f"instruction changed: it was {_told(was)}"
        changed = sorted(k for k in {*was.arguments, *now.arguments} if was.arguments.get(k) != now.arguments.get(k))
        if changed:
            return f"--build-arg {', '.join(changed)} changed"
        if told := sorted(path for path in {*was.files, *now.files} if was.files.get(path) != now.files.get(path)):
            verbs = {path: "added" if path not in was.files else "removed" for path in told}
            said = [f"{p} {'changed' if p in was.files and p in now.files else verbs[p]}" for p in told[:3]]
            return ", ".join(said) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
        if moved and moved[1] and before and before.parent == now.parent:  # what is below it is as it was
            return f"order changed: it came after {_told(moved[1])}"
        if was.parent != now.parent:
            return "parent changed"
        if was.settings != now.settings:
            return "the lab's epoch or platform changed"
        return "not built before"


def _told(step: Inputs) -> str:
    """A step as it stands in the Dockerfile, or nearly."""
    return repr(step.instruction.removesuffix(" # buildkit").replace("RUN /bin/sh -c ", "RUN ")[:60])


def short(*texts: str) -> str:
    """One short name for several texts."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]
