"""Goals: one list of conditions, which is both drawn and checked.

A condition knows how to say itself and how to look at a Lab. The picture of a goal is made from what the conditions
say, the check from what they see, so the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import NotFound
from ...oci.reference import Reference

if TYPE_CHECKING:
    from ...drawings import Drawing
    from ...lab import Lab
    from ...oci.image import Image


@dataclass(frozen=True, slots=True)
class Seen:
    """What a condition found: whether it holds, and what is there."""

    holds: bool
    what: str


@dataclass(frozen=True)
class Condition:
    """Something that must be true of the image with a name. Subclasses say what (`says`) and look (`judge`)."""

    name: str

    @property
    def says(self) -> str:
        """The condition as a sentence about the image, without its name."""
        raise NotImplementedError

    @property
    def other(self) -> str | None:
        """The name of another image that the condition compares with."""
        return None

    def judge(self, image: Image, lab: Lab) -> Seen:
        """Look at the image."""
        raise NotImplementedError

    def look(self, lab: Lab) -> Seen:
        """Look at the image of that name in the lab, if there is one."""
        try:
            image = lab.image(self.name)
        except NotFound:
            return Seen(False, f"there is no image called {self.name}")
        return self.judge(image, lab)


class Exists(Condition):
    """There is an image of this name."""

    says = "is there"

    def judge(self, image: Image, lab: Lab) -> Seen:
        return Seen(True, f"its ID is {image.id.short}")


@dataclass(frozen=True)
class Layers(Condition):
    """It has so many layers."""

    number: int

    @property
    def says(self) -> str:
        return f"has {_count(self.number, 'layer')}"

    def judge(self, image: Image, lab: Lab) -> Seen:
        return Seen(len(image.layers) == self.number, f"it has {_count(len(image.layers), 'layer')}")


@dataclass(frozen=True)
class HasFile(Condition):
    """It shows a file at this path, with something in it."""

    path: str

    @property
    def says(self) -> str:
        return f"shows a file `{self.path}` with something in it"

    def judge(self, image: Image, lab: Lab) -> Seen:
        entry = image.tree().get(self.path)
        if entry is None:
            return Seen(False, f"it shows no `{self.path}`")
        what = f"`{self.path}` is a {entry.kind} of {_count(entry.size, 'byte')}"
        return Seen(entry.kind == "file" and entry.size > 0, what)


@dataclass(frozen=True)
class NoFile(Condition):
    """It shows nothing at this path."""

    path: str

    @property
    def says(self) -> str:
        return f"shows no `{self.path}`"

    def judge(self, image: Image, lab: Lab) -> Seen:
        entry = image.tree().get(self.path)
        what = f"`{self.path}` is there, {_count(entry.size, 'byte')}" if entry else "it is not there"
        return Seen(entry is None, what)


@dataclass(frozen=True)
class Command(Condition):
    """Its config says to run this."""

    words: tuple[str, ...]

    @property
    def says(self) -> str:
        return f"runs `{' '.join(self.words)}` (Cmd)"

    def judge(self, image: Image, lab: Lab) -> Seen:
        command = (image.config.get("config") or {}).get("Cmd") or []
        said = f"Cmd is `{' '.join(command)}`" if command else "its config has no Cmd"
        return Seen(tuple(command) == self.words, said)


@dataclass(frozen=True)
class Variable(Condition):
    """Its config sets an environment variable to this value."""

    variable: str
    value: str

    @property
    def says(self) -> str:
        return f"sets {self.variable}={self.value} (Env)"

    def judge(self, image: Image, lab: Lab) -> Seen:
        variables = (image.config.get("config") or {}).get("Env") or []
        return Seen(f"{self.variable}={self.value}" in variables, f"Env is `{', '.join(variables) or 'empty'}`")


@dataclass(frozen=True)
class StandsOn(Condition):
    """Its first layers are those of another image, and it has so many more."""

    base: str
    more: int

    @property
    def says(self) -> str:
        return f"has all layers of {self.base}, and {_count(self.more, 'more layer') if self.more else 'no more'}"

    @property
    def other(self) -> str:
        return self.base

    def judge(self, image: Image, lab: Lab) -> Seen:
        base = lab.image(self.base).diff_ids
        shared = sum(1 for _ in _while_equal(image.diff_ids, base))
        more = len(image.diff_ids) - shared
        holds = shared == len(base) and more == self.more
        return Seen(holds, f"it has {shared} of the {len(base)} layers of {self.base}, and {more} of its own")


@dataclass(frozen=True)
class Leads(Condition):
    """It is the image with this manifest digest."""

    digest: str
    called: str

    @property
    def says(self) -> str:
        return f"leads to {self.called}"

    def judge(self, image: Image, lab: Lab) -> Seen:
        return Seen(image.digest == self.digest, f"it leads to {image.id.short}")


@dataclass(frozen=True)
class Unmoved(Condition):
    """Tags, (name, manifest digest) each, point where they did; `name` is what to call them together."""

    tags: tuple[tuple[Reference, str], ...]

    says = "lead where they led at the start"

    def look(self, lab: Lab) -> Seen:
        now = lab.tags()
        moved = [name.familiar for name, digest in self.tags if now.get(name) != digest]
        return Seen(not moved, f"moved or gone: {', '.join(moved)}" if moved else "all do")


@dataclass(frozen=True)
class HoldsLayer(Condition):
    """One of its layers has this diffID."""

    diff_id: str
    called: str

    @property
    def says(self) -> str:
        return f"holds {self.called}"

    def judge(self, image: Image, lab: Lab) -> Seen:
        held = ", ".join(diff_id.short for diff_id in image.diff_ids) or "none"
        return Seen(self.diff_id in image.diff_ids, f"its diffIDs begin {held}")


def draw(conditions: Sequence[Condition], lab: Lab | None = None) -> Drawing:
    """The goal as a picture; with a lab, each condition is marked as met or missing there."""
    from ...drawings.drawing import CONFIG, PLAIN, QUIET, TAG, Drawing, box, digraph, row, text

    graph = digraph(rankdir="LR", ranksep="0.6")
    names = list(dict.fromkeys(condition.name for condition in conditions))
    words = []
    for name in names:
        rows = []
        for condition in conditions:
            if condition.name == name:
                holds = lab is not None and condition.look(lab).holds
                mark = "" if lab is None else "met: " if holds else "missing: "
                rows.append(row(text(mark + condition.says.replace("`", ""), limit=70), fill=QUIET if holds else PLAIN))
                words.append(f"{mark}{name} {condition.says}".replace("`", ""))
        graph.node(f"n{names.index(name)}", box(name, rows, fill=TAG))
    others = list(dict.fromkeys(c.other for c in conditions if c.other and c.other not in names))
    for other in others:
        graph.node(f"n{[*names, *others].index(other)}", box(other, fill=CONFIG, subtitle="is there from the start"))
    for name, other in dict.fromkeys((c.name, c.other) for c in conditions if c.other):
        ends = [f"n{[*names, *others].index(end)}" for end in (name, other)]
        graph.edge(*ends, style="dashed", label=" compared with ")
    return Drawing(graph, f"The goal: {' and '.join(names)}", "\n".join(words))


def _while_equal(mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    shared = []
    for a, b in zip(mine, theirs, strict=False):
        if a != b:
            break
        shared.append(a)
    return shared


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
