"""The build cache: a step with the same parent and inputs is not run again.

The key of a step is made from its parent image, its instruction, the build arguments it sees, and for COPY and ADD the
sums of its sources; what a RUN reads from the network is not part of it. Each build also leaves a record of its steps,
so that the next one can say why a step missed: which file, which instruction, which argument.

Follows moby's image cache (builder/dockerfile/imageprobe.go): one miss means that the rest of the stage misses too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from ..host.atomic import write_atomically
from ..oci.digest import Digest
from ..oci.image import Image
from ..store.store import Store

MAX_DISTANCE = 100  # how many places away a step that moved is looked for


@dataclass(frozen=True)
class Inputs:
    """All that decides a step: the parent image, the instruction, the build arguments it sees, the files it reads."""

    parent: str
    instruction: str
    arguments: Mapping[str, str]
    files: Mapping[str, str]  # path → sum
    settings: str  # of the lab: its epoch and platform

    @cached_property
    def text(self) -> str:
        """The inputs as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @cached_property
    def key(self) -> str:
        """The digest of the inputs."""
        return hashlib.sha256(self.text.encode()).hexdigest()


class BuildCache:
    """The steps that a store remembers; `recipe` tells one Dockerfile's builds from another's.

    Files in the store's cache/build: `<key>` holds the digest of the image that a step gave; `tried-…` exists once an
    instruction was done on a parent, with any files; `last-…` is the record of one place in one Dockerfile: its key,
    stamp and inputs in the last build. A place is a step's stage and number in it: "0.3".
    """

    def __init__(self, store: Store, recipe: Sequence[str], *, use: bool = True) -> None:
        self.settings = f"{store.epoch} {store.os}/{store.architecture}"
        self._store, self._recipe, self._use = store, recipe, use
        self._folder = store.home / "cache" / "build"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._overwritten: dict[str, Inputs | None] = {}  # records of the last build that this build replaced

    def find(self, place: str, inputs: Inputs, stamp: str = "") -> tuple[Image | None, str]:
        """The image of a step, or None and the reason for the miss; records the step for the next build."""
        image = self._image(inputs.key) if self._use else None
        reason = self._reason(place, inputs) if image is None else ""
        if self._last(place) != (inputs.key, stamp):
            if image is None:
                self._overwritten.setdefault(place, self._before(place))
            write_atomically(self._record(place), f"{inputs.key}\n{stamp}\n{inputs.text}".encode(), durable=False)
        return image, reason

    def stamp(self, parent: str, source: str) -> str:
        """The stamp of a step on this parent whose files come from `source`, itself a stamp; "" stays ""."""
        return source and _short(parent, self.settings, source)

    def untouched(self, place: str, stamp: str) -> Image | None:
        """The image of a step whose stamp is the same as in the last build: its files need not be compared."""
        key, last_stamp = self._last(place)
        return self._image(key) if self._use and stamp and stamp == last_stamp else None

    def tried(self, parent: str, instruction: str) -> bool:
        """Whether a step of this instruction on this parent was ever done, with any files."""
        return self._use and (self._folder / f"tried-{_short(parent, instruction)}").exists()

    def remember(self, inputs: Inputs, image: Image) -> None:
        """Note the image of a step. Not durable: after a power cut the step may have to be done again."""
        write_atomically(self._folder / inputs.key, image.digest.encode(), durable=False)
        (self._folder / f"tried-{_short(inputs.parent, inputs.instruction)}").touch()

    def _image(self, key: str) -> Image | None:
        with suppress(FileNotFoundError):
            digest = Digest((self._folder / key).read_text())
            return self._store.image(digest) if digest in self._store.index.images() else None
        return None

    def _record(self, place: str) -> Path:
        return self._folder / f"last-{_short(*self._recipe, place)}"

    def _last(self, place: str) -> tuple[str, str]:
        """The key and the stamp of a step in the last build."""
        try:
            with open(self._record(place)) as record:
                return record.readline().rstrip("\n"), record.readline().rstrip("\n")
        except (OSError, ValueError):
            return "", ""

    def _before(self, place: str) -> Inputs | None:
        """The inputs of a step in the last build."""
        if place in self._overwritten:
            return self._overwritten[place]
        with suppress(OSError, ValueError, TypeError):
            return Inputs(**json.loads(self._record(place).read_text().split("\n", 2)[-1]))
        return None

    def _elsewhere(self, place: str, instruction: str) -> tuple[Inputs, Inputs | None] | None:
        """The step of this instruction nearest to a place in the last build, and the step before it there."""
        stage, _, number = place.partition(".")
        if not number.isdecimal():
            return None
        for distance in range(1, MAX_DISTANCE):
            for other in (int(number) + distance, int(number) - distance):
                inputs = self._before(f"{stage}.{other}") if other > 0 else None
                if inputs and inputs.instruction == instruction:
                    return inputs, self._before(f"{stage}.{other - 1}")
        return None

    def _reason(self, place: str, now: Inputs) -> str:
        """What has changed since the last build: first the step's instruction, arguments and files, then its parent.

        A step that has moved is compared with itself at its old place, not with the step that was here.
        """
        if not self._use:
            return "--no-cache"
        if (self._folder / now.key).exists():
            return "the image of this step was removed"
        here = self._before(place)
        moved = self._elsewhere(place, now.instruction) if here is None or here.instruction != now.instruction else None
        was = moved[0] if moved else here
        if was is None:
            return "not built before"
        if was.instruction != now.instruction:
            return f"instruction changed: it was {_quoted(was)}"
        if names := _differing(was.arguments, now.arguments):
            return f"--build-arg {', '.join(names)} changed"
        if paths := _differing(was.files, now.files):
            verbs = ("added" if p not in was.files else "changed" if p in now.files else "removed" for p in paths)
            more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
            return ", ".join(map(" ".join, [*zip(paths, verbs, strict=True)][:3])) + more
        if moved and moved[1] and here and here.parent == now.parent:  # below it, nothing has changed
            return f"order changed: it came after {_quoted(moved[1])}"
        if was.parent != now.parent:
            return "parent changed"
        return "the lab's epoch or platform changed" if was.settings != now.settings else "not built before"


def forget(store: Store) -> None:
    """Forget every step; images stay."""
    for path in (store.home / "cache" / "build").glob("*"):
        path.unlink(missing_ok=True)


def _differing(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The keys whose values differ, or that only one of the two has."""
    return sorted(key for key in {*was, *now} if was.get(key) != now.get(key))


def _quoted(step: Inputs) -> str:
    """A step's instruction, nearly as in the Dockerfile."""
    return repr(step.instruction.removesuffix(" # buildkit").replace("RUN /bin/sh -c ", "RUN ")[:60])


def _short(*texts: str) -> str:
    """A short digest of several texts."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]
