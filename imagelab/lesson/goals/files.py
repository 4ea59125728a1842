"""Conditions on the files of an image, the bytes it wastes, and the layers it shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...analysis.waste import waste
from ...errors import NotFound
from ...filesystem.tree import Tree
from .goal import Condition, Verdict

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image


@dataclass(frozen=True)
class FileText(Condition):
    """A file in it has this text, spaces around it not counted. The text is never shown; `called` describes it."""

    path: str
    text: str
    called: str

    @property
    def sentence(self) -> str:
        return f"shows a file `{self.path}` with {self.called} in it, and nothing else"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        entry = image.tree().get(self.path)
        if entry is None or entry.kind != "file":
            return Verdict(False, f"it shows no file `{self.path}`")
        same = entry.read().strip() == self.text.encode()
        return Verdict(same, f"`{self.path}` has {entry.size:,} bytes" + ", with another text" * (not same))


@dataclass(frozen=True)
class SameFiles(Condition):
    """Its file system equals that of another image: paths, bytes, modes, owners, times."""

    like: str

    @property
    def sentence(self) -> str:
        return f"shows the same files as {self.like}, with the same bytes and modes"

    @property
    def other(self) -> str:
        return self.like

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        mine, theirs = image.tree(), lab.image(self.like).tree()
        differ = sorted({*Tree.diff(mine, theirs).paths(), *Tree.diff(theirs, mine).paths()})
        first = next((path for path in differ if path not in mine or mine[path].kind != "dir"), *differ[:1] or [""])
        return Verdict(not differ, f"it differs in `{first}`" if differ else "they are the same")


@dataclass(frozen=True)
class HasLayersOf(Condition):
    """Its first layers are those of another image, and it may have any number of its own."""

    base: str

    @property
    def sentence(self) -> str:
        return f"has all layers of {self.base} below its own"

    @property
    def other(self) -> str:
        return self.base

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        below = lab.image(self.base).diff_ids
        same = image.diff_ids[: len(below)] == below
        return Verdict(same, "it has" if same else "its first layers are others")


class NoWaste(Condition):
    """No layer of it holds a byte that a later one covers or removes."""

    sentence = "wastes no bytes"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        usage = waste(image.layers)
        return Verdict(not usage.wasted, f"it has {usage.size:,} bytes, and wastes {usage.wasted:,}")


@dataclass(frozen=True)
class Shares(Condition):
    """The layers it shares with another image hold at least this many bytes of files."""

    sharer: str
    least: int

    @property
    def sentence(self) -> str:
        return f"shares layers of at least {self.least:,} bytes with {self.sharer}"

    @property
    def other(self) -> str:
        return self.sharer

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        try:
            theirs = set(lab.image(self.sharer).chain_ids)
        except NotFound:
            return Verdict(False, f"there is no image called {self.sharer}")
        layers = zip(image.chain_ids, image.layers, strict=True)
        shared = sum(layer.files_size for chain_id, layer in layers if chain_id in theirs)
        return Verdict(shared >= self.least, f"it shares {shared:,} bytes")
