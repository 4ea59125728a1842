"""Conditions on an image's digests: which differ from those of another image, and whether its blobs match them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LabError
from .goal import Condition, Verdict

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image

NAMES: dict[str, Callable[[Image], str]] = {
    "image ID": lambda image: image.id.short,
    "diffID of its first layer": lambda image: image.diff_ids[0].short if image.diff_ids else "(none)",
}


@dataclass(frozen=True)
class Differs(Condition):
    """Its identifier of this kind (a key of NAMES) differs from that of another image."""

    base: str
    kind: str

    @property
    def sentence(self) -> str:
        return f"has a different {self.kind} from {self.base}"

    @property
    def other(self) -> str:
        return self.base

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        mine, theirs = NAMES[self.kind](image), NAMES[self.kind](lab.image(self.base))
        return Verdict(mine != theirs, f"its {self.kind} is {mine}, that of {self.base} is {theirs}")


@dataclass(frozen=True)
class SameBytes(Condition):
    """A file in it holds the same bytes as in another image."""

    base: str
    path: str

    @property
    def sentence(self) -> str:
        return f"holds the same bytes in `{self.path}` as {self.base}"

    @property
    def other(self) -> str:
        return self.base

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        try:
            mine = image.read(self.path)
        except LabError:
            return Verdict(False, f"it shows no file `{self.path}`")
        return Verdict(mine == lab.image(self.base).read(self.path), f"`{self.path}` begins {mine[:20]!r}")


class Intact(Condition):
    """Every blob of it, hashed now, has the digest that it is stored under."""

    sentence = "is intact: each of its blobs hashes to its digest"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        blobs = {image.digest, image.id, *(layer.digest for layer in image.layers)}
        damaged = [damage.digest[7:19] for damage in lab.verify() if damage.digest in blobs]
        return Verdict(not damaged, f"damaged: {', '.join(damaged)}" if damaged else f"all its {len(blobs)} blobs do")
