"""Conditions on the layers that a Dockerfile has made.

These are conditions (see `goal`) on which layer brings which file: that decides what a change makes Docker do again,
and what is handed out with the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .goal import Condition, Seen

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image


def layers_with(image: Image, path: str) -> list[int]:
    """The numbers, from 1, of the layers that hold something at this path, whether it is shown or not."""
    return [number for number, layer in enumerate(image.layers, 1) if path in layer.changes().entries]


@dataclass(frozen=True)
class MadeBefore(Condition):
    """One file is made in a layer below the first that holds another, so a change of that one does not undo it."""

    made: str
    later: str

    @property
    def says(self) -> str:
        return f"makes `{self.made}` in a layer below the first one that holds `{self.later}`"

    def judge(self, image: Image, lab: Lab) -> Seen:
        made, later = layers_with(image, self.made), layers_with(image, self.later)
        told = ", ".join(
            f"`{path}` first comes in layer {found[0]}" if found else f"no layer holds `{path}`"
            for path, found in ((self.made, made), (self.later, later))
        )
        return Seen(bool(made and later) and made[0] < later[0], told)


@dataclass(frozen=True)
class InNoLayer(Condition):
    """No layer holds this path, not even one that a later layer hides."""

    path: str

    @property
    def says(self) -> str:
        return f"holds `{self.path}` in no layer"

    def judge(self, image: Image, lab: Lab) -> Seen:
        found = layers_with(image, self.path)
        return Seen(not found, f"layer {found[0]} holds it" if found else f"none of its {len(image.layers)} layers "
        "does")
