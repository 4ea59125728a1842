"""Conditions on an image's digests: which differ from those of another image, and whether its blobs match them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LabError
from .goal import Condition, Lines, Look

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image

NAMES: dict[str, Callable[[Image], str]] = {
    "image ID": lambda image: image.id.short,
    "diffID of its first layer": lambda image: image.diff_ids[0].short if image.diff_ids else "(none)",
}


@dataclass(frozen=True)
class Differs(Condition):
    """Its identifier of this kind (a key of NAMES) is not `theirs`, that of another image."""

    base: str
    identifier: str
    theirs: str
    place = "digests"

    @classmethod
    def of(cls, name: str, base: str, identifier: str, lab: Lab) -> Differs:
        """The condition, with the identifier that `base` has now."""
        return cls(name, base, identifier, NAMES[identifier](lab.image(base)))

    @property
    def sentence(self) -> str:
        return f"has a different {self.identifier} from {self.base}"

    @property
    def lines(self) -> Lines:
        return (f"{self.identifier}: not that of {self.base}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        mine = NAMES[self.identifier](image)
        lines = (f"{self.identifier}: that of {self.base}",) if mine == self.theirs else self.lines
        return Look(lines, f"its {self.identifier} is {mine}, that of {self.base} is {self.theirs}")


@dataclass(frozen=True)
class SameBytes(Condition):
    """A file in it holds `content`, the bytes that it has in another image."""

    base: str
    path: str
    content: bytes
    place = "files"

    @classmethod
    def of(cls, name: str, base: str, path: str, lab: Lab) -> SameBytes:
        """The condition, with the bytes that the file has in `base` now."""
        return cls(name, base, path, lab.image(base).read(path))

    @property
    def sentence(self) -> str:
        return f"holds the same bytes in `{self.path}` as {self.base}"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: the bytes that it has in {self.base}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        try:
            mine = image.read(self.path)
        except LabError:
            return Look((f"{self.path}: not there",), f"it shows no file `{self.path}`")
        lines = self.lines if mine == self.content else (f"{self.path}: other bytes",)
        return Look(lines, f"`{self.path}` begins {mine[:20]!r}")


class Intact(Condition):
    """Every blob of it, hashed now, has the digest that it is stored under."""

    place = "digests"
    sentence = "is intact: each of its blobs hashes to its digest"
    lines = ("each blob hashes to its digest",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        blobs = {image.digest, image.id, *(layer.digest for layer in image.layers)}
        damaged = [damage.digest[7:19] for damage in lab.verify() if damage.digest in blobs]
        if damaged:
            return Look((f"damaged: blob {', '.join(damaged)}",), f"damaged: {', '.join(damaged)}")
        return Look(self.lines, f"all its {len(blobs)} blobs do")
