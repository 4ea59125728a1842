"""Conditions on which layer holds which file.

That decides which build steps run again after a change, and which files are handed out with the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .goal import Condition, Verdict

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image


def layers_with(image: Image, path: str) -> list[int]:
    """The numbers, from 1, of the layers that hold something at this path, hidden by later layers or not."""
    return [number for number, layer in enumerate(image.layers, 1) if path in layer.changes().entries]


@dataclass(frozen=True)
class MadeBefore(Condition):
    """The file `made` is in a layer below the first that holds `later`, so a change of `later` does not remake it."""

    made: str
    later: str

    @property
    def sentence(self) -> str:
        return f"makes `{self.made}` in a layer below the first one that holds `{self.later}`"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        made, later = layers_with(image, self.made), layers_with(image, self.later)
        actual = ", ".join(
            f"`{path}` is first in layer {layers[0]}" if layers else f"no layer holds `{path}`"
            for path, layers in ((self.made, made), (self.later, later))
        )
        return Verdict(bool(made and later) and made[0] < later[0], actual)


@dataclass(frozen=True)
class InNoLayer(Condition):
    """No layer holds this path, not even one that a later layer hides."""

    path: str

    @property
    def sentence(self) -> str:
        return f"holds `{self.path}` in no layer"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        layers = layers_with(image, self.path)
        none = f"none of its {len(image.layers)} layers does"
        return Verdict(not layers, f"layer {layers[0]} holds it" if layers else none)
