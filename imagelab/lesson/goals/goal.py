"""Goals: conditions on a Lab, which are both drawn and checked.

A condition has a sentence that says it and a method that checks it. The picture of a goal and the check of an exercise
use the same list of conditions.
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
class Verdict:
    """Whether a condition holds, and what the lab has in fact."""

    holds: bool
    actual: str


@dataclass(frozen=True)
class Condition:
    """Something that must be true of the image called `name`. Subclasses define `sentence` and `check_image`."""

    name: str

    @property
    def sentence(self) -> str:
        """The condition as a sentence without its subject: `has 3 layers`."""
        raise NotImplementedError

    @property
    def other(self) -> str | None:
        """The name of another image that this one is compared with, if any."""
        return None

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        """Check the condition on the image."""
        raise NotImplementedError

    def check(self, lab: Lab) -> Verdict:
        """Check the condition in the lab; it does not hold if there is no image of this name."""
        try:
            image = lab.image(self.name)
        except NotFound:
            return Verdict(False, f"there is no image called {self.name}")
        return self.check_image(image, lab)


class Exists(Condition):
    """There is an image of this name."""

    sentence = "exists"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        return Verdict(True, f"its ID is {image.id.short}")


@dataclass(frozen=True)
class Layers(Condition):
    """It has this number of layers."""

    number: int

    @property
    def sentence(self) -> str:
        return f"has {_count(self.number, 'layer')}"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        return Verdict(len(image.layers) == self.number, f"it has {_count(len(image.layers), 'layer')}")


@dataclass(frozen=True)
class HasFile(Condition):
    """Its file system has a file at this path, which is not empty."""

    path: str

    @property
    def sentence(self) -> str:
        return f"shows a file `{self.path}` that is not empty"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        entry = image.tree().get(self.path)
        if entry is None:
            return Verdict(False, f"it shows no `{self.path}`")
        actual = f"`{self.path}` is a {entry.kind} of {_count(entry.size, 'byte')}"
        return Verdict(entry.kind == "file" and entry.size > 0, actual)


@dataclass(frozen=True)
class NoFile(Condition):
    """Its file system has nothing at this path."""

    path: str

    @property
    def sentence(self) -> str:
        return f"shows no `{self.path}`"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        entry = image.tree().get(self.path)
        actual = f"`{self.path}` exists, {_count(entry.size, 'byte')}" if entry else "it does not exist"
        return Verdict(entry is None, actual)


@dataclass(frozen=True)
class Command(Condition):
    """Its config has this command."""

    words: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return f"runs `{' '.join(self.words)}` (Cmd)"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        command = (image.config.get("config") or {}).get("Cmd") or []
        actual = f"Cmd is `{' '.join(command)}`" if command else "its config has no Cmd"
        return Verdict(tuple(command) == self.words, actual)


@dataclass(frozen=True)
class Variable(Condition):
    """Its config sets an environment variable to this value."""

    variable: str
    value: str

    @property
    def sentence(self) -> str:
        return f"sets {self.variable}={self.value} (Env)"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        variables = (image.config.get("config") or {}).get("Env") or []
        return Verdict(f"{self.variable}={self.value}" in variables, f"Env is `{', '.join(variables) or 'empty'}`")


@dataclass(frozen=True)
class BuiltOn(Condition):
    """Its first layers are those of another image, and it has `more` layers of its own."""

    base: str
    more: int

    @property
    def sentence(self) -> str:
        return f"has all layers of {self.base}, and {_count(self.more, 'more layer') if self.more else 'no more'}"

    @property
    def other(self) -> str:
        return self.base

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        base = lab.image(self.base).diff_ids
        shared = sum(1 for _ in _while_equal(image.diff_ids, base))
        more = len(image.diff_ids) - shared
        holds = shared == len(base) and more == self.more
        return Verdict(holds, f"it has {shared} of the {len(base)} layers of {self.base}, and {more} of its own")


@dataclass(frozen=True)
class PointsTo(Condition):
    """It is the image with this manifest digest; `called` describes that image."""

    digest: str
    called: str

    @property
    def sentence(self) -> str:
        return f"points to {self.called}"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        return Verdict(image.digest == self.digest, f"it points to {image.id.short}")


@dataclass(frozen=True)
class Unmoved(Condition):
    """No tag has moved: `tags` are (name, manifest digest), `name` describes them together."""

    tags: tuple[tuple[Reference, str], ...]

    sentence = "point where they pointed at the start"

    def check(self, lab: Lab) -> Verdict:
        now = lab.tags()
        moved = [name.familiar for name, digest in self.tags if now.get(name) != digest]
        return Verdict(not moved, f"moved or gone: {', '.join(moved)}" if moved else "all do")


@dataclass(frozen=True)
class HoldsLayer(Condition):
    """One of its layers has this diffID; `called` describes the layer."""

    diff_id: str
    called: str

    @property
    def sentence(self) -> str:
        return f"holds {self.called}"

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        held = ", ".join(diff_id.short for diff_id in image.diff_ids) or "none"
        return Verdict(self.diff_id in image.diff_ids, f"its diffIDs begin {held}")


def draw(conditions: Sequence[Condition], lab: Lab | None = None) -> Drawing:
    """The goal as a picture; with a lab, each condition is marked as met or missing."""
    from ...drawings.drawing import CONFIG, PLAIN, QUIET, TAG, Drawing, box, digraph, row, text

    graph = digraph(rankdir="LR", ranksep="0.6")
    names = list(dict.fromkeys(condition.name for condition in conditions))
    lines = []
    for name in names:
        rows = []
        for condition in conditions:
            if condition.name == name:
                holds = lab is not None and condition.check(lab).holds
                mark = "" if lab is None else "met: " if holds else "missing: "
                sentence = condition.sentence.replace("`", "")
                rows.append(row(text(mark + sentence, limit=70), fill=QUIET if holds else PLAIN))
                lines.append(f"{mark}{name} {sentence}")
        graph.node(f"n{names.index(name)}", box(name, rows, fill=TAG))
    others = list(dict.fromkeys(c.other for c in conditions if c.other and c.other not in names))
    for other in others:
        graph.node(f"n{[*names, *others].index(other)}", box(other, fill=CONFIG, subtitle="exists from the start"))
    for name, other in dict.fromkeys((c.name, c.other) for c in conditions if c.other):
        ends = [f"n{[*names, *others].index(end)}" for end in (name, other)]
        graph.edge(*ends, style="dashed", label=" compared with ")
    return Drawing(graph, f"The goal: {' and '.join(names)}", "\n".join(lines))


def _while_equal(mine: Sequence[str], theirs: Sequence[str]) -> list[str]:
    shared = []
    for a, b in zip(mine, theirs, strict=False):
        if a != b:
            break
        shared.append(a)
    return shared


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
