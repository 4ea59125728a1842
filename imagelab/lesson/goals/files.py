"""Conditions on files and bytes of an image: what it shows, wastes and shares.

Conditions as in `goal`, which are said and judged in the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...analysis.waste import waste
from ...errors import NotFound
from ...filesystem.tree import Tree
from .goal import Condition, Seen

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image


@dataclass(frozen=True)
class Tells(Condition):
    """It shows a file with this text in it, spaces around it not counted; the text itself is never said."""

    path: str
    text: str
    called: str

    @property
    def says(self) -> str:
        return f"shows a file `{self.path}` with {self.called} in it, and nothing else"

    def judge(self, image: Image, lab: Lab) -> Seen:
        entry = image.tree().get(self.path)
        if entry is None or entry.kind != "file":
            return Seen(False, f"it shows no file `{self.path}`")
        right = entry.read().strip() == self.text.encode()
        return Seen(right, f"`{self.path}` has {entry.size:,} bytes" + ", and is something else" * (not right))


@dataclass(frozen=True)
class SameFiles(Condition):
    """It shows the very file system of another image: paths, bytes, modes, owners, times."""

    like: str

    @property
    def says(self) -> str:
        return f"shows the same files as {self.like}, bytes and modes"

    @property
    def other(self) -> str:
        return self.like

    def judge(self, image: Image, lab: Lab) -> Seen:
        mine, theirs = image.tree(), lab.image(self.like).tree()
        differ = sorted({*Tree.diff(mine, theirs).paths(), *Tree.diff(theirs, mine).paths()})
        first = next((path for path in differ if path not in mine or mine[path].kind != "dir"), *differ[:1] or [""])
        return Seen(not differ, f"it differs in `{first}`" if differ else "they are the same")


@dataclass(frozen=True)
class Above(Condition):
    """It has all layers of another image below its own, however many those are."""

    base: str

    @property
    def says(self) -> str:
        return f"has all layers of {self.base} below its own"

    @property
    def other(self) -> str:
        return self.base

    def judge(self, image: Image, lab: Lab) -> Seen:
        below = lab.image(self.base).diff_ids
        found = image.diff_ids[: len(below)] == below
        return Seen(found, "they are there" if found else "it begins with another layer")


class NoWaste(Condition):
    """No layer of it holds a byte that a later one covers or removes."""

    says = "wastes no bytes"

    def judge(self, image: Image, lab: Lab) -> Seen:
        found = waste(image.layers)
        return Seen(not found.wasted, f"it has {found.size:,} bytes, and wastes {found.wasted:,}")


@dataclass(frozen=True)
class Shares(Condition):
    """It has layers in common with another image that hold at least so many bytes of files."""

    sharer: str
    least: int

    @property
    def says(self) -> str:
        return f"shares layers of at least {self.least:,} bytes with {self.sharer}"

    @property
    def other(self) -> str:
        return self.sharer

    def judge(self, image: Image, lab: Lab) -> Seen:
        try:
            theirs = set(lab.image(self.sharer).chain_ids)
        except NotFound:
            return Seen(False, f"there is no image called {self.sharer}")
        layers = zip(image.chain_ids, image.layers, strict=True)
        shared = sum(layer.files_size for chain_id, layer in layers if chain_id in theirs)
        return Seen(shared >= self.least, f"it shares {shared:,} bytes")
