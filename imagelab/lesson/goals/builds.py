"""Conditions on which layer holds which file, and on the instructions that an image was built by.

Layers decide which build steps run again after a change, and which files are handed out with the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ...filesystem.entry import Entry
from .goal import Condition, Lines, Look

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image


def layers_with(image: Image, path: str, content: bytes | None = None) -> list[int]:
    """The numbers, from 1, of the layers that hold something at this path, hidden by later layers or not.

    With `content`, of those too that hold a file with these bytes at any path.
    """

    def held(entry: Entry) -> bool:
        return entry.kind == "file" and content is not None and entry.size == len(content) and entry.read() == content

    return [
        number
        for number, layer in enumerate(image.layers, 1)
        if path in layer.changes().entries or any(map(held, layer.changes().entries.values()))
    ]


@dataclass(frozen=True)
class MadeBefore(Condition):
    """Every layer with the file `made` is below the first one that holds `later`, whose bytes are `content`.

    So a change of `later` does not remake `made`.
    """

    made: str
    later: str
    content: bytes
    place = "layers"

    @property
    def sentence(self) -> str:
        return f"makes `{self.made}` in a layer below the first one that holds `{self.later}`"

    @property
    def lines(self) -> Lines:
        return (f"holds {self.made}", f"holds {self.later}")

    def look_at(self, image: Image, lab: Lab) -> Look:
        made, later = layers_with(image, self.made), layers_with(image, self.later, self.content)
        actual = ", ".join(
            f"`{path}` is first in layer {layers[0]}" if layers else f"no layer holds `{path}`"
            for path, layers in ((self.made, made), (self.later, later))
        )
        if made and later and made[-1] > later[0] > made[0]:
            actual += f", and `{self.made}` again in layer {made[-1]}"
        held = [
            [path for path, layers in ((self.made, made), (self.later, later)) if number in layers]
            for number in sorted({*made, *later})
        ]
        return Look(tuple(f"holds {' and '.join(paths)}" for paths, _ in groupby(held)), actual)


@dataclass(frozen=True)
class InNoLayer(Condition):
    """No layer holds this path, or `content` at any other: not even one that a later layer hides."""

    path: str
    content: bytes
    place = "layers"

    @property
    def sentence(self) -> str:
        return f"holds `{self.path}` in no layer"

    @property
    def lines(self) -> Lines:
        return (f"no layer holds {self.path}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        layers = layers_with(image, self.path, self.content)
        if layers:
            return Look(tuple(f"layer {number} holds {self.path}" for number in layers), f"layer {layers[0]} holds it")
        return Look(self.lines, f"none of its {len(image.layers)} layers does")


@dataclass(frozen=True)
class SameInstructions(Condition):
    """Its history has the instructions of another image, `instructions`, and no others."""

    like: str
    instructions: Lines
    place = "settings"

    @classmethod
    def of(cls, name: str, like: str, lab: Lab) -> SameInstructions:
        """The condition, with the instructions that `like` was built by."""
        return cls(name, like, instructions(lab.image(like)))

    @property
    def sentence(self) -> str:
        return f"was built by the instructions of {self.like}"

    @property
    def lines(self) -> Lines:
        return self.instructions

    def look_at(self, image: Image, lab: Lab) -> Look:
        lines = instructions(image)
        return Look(lines, "it was" if lines == self.lines else f"its last instruction is `{(lines or ('none',))[-1]}`")


def instructions(image: Image) -> Lines:
    """What the history of an image says of each step, oldest first."""
    return tuple(str(record.get("created_by", "")) for record in image.config.get("history") or [])
