"""Conditions on an image's identifiers: which differ, which stayed, and whether they are true.

Conditions as those in `goal`, on digests. None of them looks at how the image was made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LabError
from .goal import Condition, Seen

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image

NAMES: dict[str, Callable[[Image], str]] = {
    "image ID": lambda image: image.id.short,
    "diffID of its first layer": lambda image: image.diff_ids[0].short if image.diff_ids else "(none)",
}


@dataclass(frozen=True)
class Differs(Condition):
    """It has another name of this kind (a key of NAMES) than another image."""

    base: str
    kind: str

    @property
    def says(self) -> str:
        return f"has another {self.kind} than {self.base}"

    @property
    def other(self) -> str:
        return self.base

    def judge(self, image: Image, lab: Lab) -> Seen:
        mine, theirs = NAMES[self.kind](image), NAMES[self.kind](lab.image(self.base))
        return Seen(mine != theirs, f"the {self.kind} is {mine}, there it is {theirs}")


@dataclass(frozen=True)
class SameBytes(Condition):
    """A file in it holds the very bytes that it holds in another image."""

    base: str
    path: str

    @property
    def says(self) -> str:
        return f"holds the same bytes in `{self.path}` as {self.base}"

    @property
    def other(self) -> str:
        return self.base

    def judge(self, image: Image, lab: Lab) -> Seen:
        try:
            mine = image.read(self.path)
        except LabError:
            return Seen(False, f"it shows no file `{self.path}`")
        return Seen(mine == lab.image(self.base).read(self.path), f"`{self.path}` begins {mine[:20]!r}")


class Whole(Condition):
    """Every blob of it holds the bytes that its name says, hashed now."""

    says = "is whole: each of its blobs has the digest that is its name"

    def judge(self, image: Image, lab: Lab) -> Seen:
        blobs = {image.digest, image.id, *(layer.digest for layer in image.layers)}
        wrong = [damage.digest[7:19] for damage in lab.verify() if damage.digest in blobs]
        return Seen(not wrong, f"wrong: {', '.join(wrong)}" if wrong else f"all its {len(blobs)} blobs were hashed")
