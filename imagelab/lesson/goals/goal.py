"""Goals: conditions on a Lab, each of which is checked and drawn from the same lines.

A condition has `lines`, what its part of the picture shows in the goal, and `look`, what that part shows in a lab. It
holds when the two are equal, so the picture and the check cannot disagree. What a condition compares with (the layers
of another image, the bytes of a file) is fixed when it is made, in the starting state: a name that moves later changes
no condition.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, ClassVar, Literal

from ...errors import LabError, NotFound
from ...oci.reference import Reference

if TYPE_CHECKING:
    from ...lab import Lab
    from ...oci.image import Image

Lines = tuple[str, ...]
Kind = Literal["image", "container", "names", "folder", "registry"]
Place = Literal["title", "state", "settings", "files", "digests", "layers", "writable", "names"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a condition's part of the picture shows in a lab, and the same as a clause for the learner."""

    lines: Lines
    actual: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition holds, and what the lab has in fact."""

    holds: bool
    actual: str


@dataclass(frozen=True)
class Condition:
    """Something that must be true of the image called `name`. Subclasses define `sentence`, `lines` and `look_at`."""

    name: str

    kind: ClassVar[Kind] = "image"  # what has this name
    place: ClassVar[Place]  # where its lines stand in the picture

    @property
    def sentence(self) -> str:
        """The condition as a sentence without its subject: `has 3 layers`."""
        raise NotImplementedError

    @property
    def lines(self) -> Lines:
        """What its part of the picture shows in the goal."""
        raise NotImplementedError

    def look_at(self, image: Image, lab: Lab) -> Look:
        """What its part of the picture shows for this image."""
        raise NotImplementedError

    def look_in(self, lab: Lab) -> Look:
        """What its part of the picture shows in a lab: nothing if there is no image of this name."""
        try:
            image = lab.image(self.name)
        except NotFound:
            return Look((), f"there is no image called {self.name}")
        return self.look_at(image, lab)

    def short_id(self, lab: Lab) -> str:
        """The short ID of the image that its part of the picture stands for; raises NotFound where there is none."""
        return lab.image(self.name).id.short

    def look(self, lab: Lab) -> Look:
        """What its part of the picture shows in a lab; in one that is damaged, that it cannot be read."""
        try:
            return self.look_in(lab)
        except (LabError, OSError) as error:
            return Look(("cannot be read",), str(error))

    def check(self, lab: Lab) -> Verdict:
        """Whether it holds in a lab: whether its part of the picture is as in the goal."""
        look = self.look(lab)
        return Verdict(look.lines == self.lines, look.actual)


class Exists(Condition):
    """There is an image of this name."""

    place = "title"
    sentence = "exists"
    lines = ("an image",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        return Look(self.lines, f"its ID is {image.id.short}")


@dataclass(frozen=True)
class Layers(Condition):
    """It has this number of layers."""

    number: int
    place = "layers"

    @property
    def sentence(self) -> str:
        return f"has {count(self.number, 'layer')}"

    @property
    def lines(self) -> Lines:
        return ("a layer",) * self.number

    def look_at(self, image: Image, lab: Lab) -> Look:
        return Look(("a layer",) * len(image.layers), f"it has {count(len(image.layers), 'layer')}")


@dataclass(frozen=True)
class HasFile(Condition):
    """Its file system has a file at this path, with something other than white space in it."""

    path: str
    place = "files"

    @property
    def sentence(self) -> str:
        return f"shows a file `{self.path}` that is not empty"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: a file with something in it",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        entry = image.tree().get(self.path)
        if entry is None:
            return Look((f"{self.path}: not there",), f"it shows no `{self.path}`")
        actual = f"`{self.path}` is a {entry.kind} of {count(entry.size, 'byte')}"
        if entry.kind != "file":
            return Look((f"{self.path}: a {entry.kind}",), actual)
        return Look(self.lines if entry.read().strip() else (f"{self.path}: an empty file",), actual)


@dataclass(frozen=True)
class OnlyFile(Condition):
    """Its file system has no other file than the one at this path."""

    path: str
    place = "files"
    lines = ("no other file",)

    @property
    def sentence(self) -> str:
        return f"shows no file but `{self.path}`"

    def look_at(self, image: Image, lab: Lab) -> Look:
        others = [path for path, entry in image.tree().items() if entry.kind != "dir" and path != self.path]
        listed = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        return Look((f"also {listed}",), f"it also shows {listed}") if others else Look(self.lines, "it shows no other")


@dataclass(frozen=True)
class NoFile(Condition):
    """Its file system has nothing at this path."""

    path: str
    place = "files"

    @property
    def sentence(self) -> str:
        return f"shows no `{self.path}`"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: not there",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        entry = image.tree().get(self.path)
        if entry is None:
            return Look(self.lines, "it does not exist")
        return Look((f"{self.path}: a {entry.kind}",), f"`{self.path}` exists, {count(entry.size, 'byte')}")


@dataclass(frozen=True)
class Command(Condition):
    """Its config says to run this command: its Entrypoint and its Cmd, one after the other."""

    words: tuple[str, ...]
    place = "settings"

    @property
    def sentence(self) -> str:
        return f"runs `{' '.join(self.words)}` (Cmd)"

    @property
    def lines(self) -> Lines:
        return (f"runs {json.dumps(self.words)}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        settings = image.config.get("config") or {}
        program, command = settings.get("Entrypoint") or [], settings.get("Cmd") or []
        if not program and not command:
            return Look(("runs nothing: no Cmd",), "its config has no Cmd")
        before = f"Entrypoint is `{json.dumps(program)}`, " if program else ""
        return Look((f"runs {json.dumps([*program, *command])}",), f"{before}Cmd is `{json.dumps(command)}`")


@dataclass(frozen=True)
class Variable(Condition):
    """Its config sets an environment variable to this value; of several lines for one variable, the last counts."""

    variable: str
    value: str
    place = "settings"

    @property
    def sentence(self) -> str:
        return f"sets {self.variable}={self.value} (Env)"

    @property
    def lines(self) -> Lines:
        return (f"{self.variable}={self.value}",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        lines = (image.config.get("config") or {}).get("Env") or []
        actual = f"Env is `{', '.join(lines) or 'empty'}`"
        own = [line for line in lines if line.partition("=")[0] == self.variable and "=" in line]
        return Look((own[-1],) if own else (f"no {self.variable}",), actual)


@dataclass(frozen=True)
class BuiltOn(Condition):
    """Its first layers are those of another image, whose diffIDs are `below`, and `more` are its own (None: any)."""

    base: str
    below: tuple[str, ...]
    more: int | None
    place = "layers"

    @classmethod
    def of(cls, name: str, base: str, lab: Lab, more: int | None) -> BuiltOn:
        """The condition, with the layers that `base` has now."""
        return cls(name, base, tuple(lab.image(base).diff_ids), more)

    @property
    def sentence(self) -> str:
        if self.more is None:
            return f"has all layers of {self.base} below its own"
        return f"has all layers of {self.base}, and {count(self.more, 'more layer') if self.more else 'no more'}"

    @property
    def lines(self) -> Lines:
        return self._lines(len(self.below), self.more or 0)

    def _lines(self, shared: int, more: int) -> Lines:
        own = ("layers of its own",) if self.more is None else ("a layer of its own",) * more
        return (*(f"layer {number} of {self.base}" for number in range(1, shared + 1)), *own)

    def look_at(self, image: Image, lab: Lab) -> Look:
        pairs = zip(image.diff_ids, self.below, strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        more = len(image.diff_ids) - shared
        actual = f"it has {shared} of the {len(self.below)} layers of {self.base}, and {more} of its own"
        return Look(self._lines(shared, more), actual)


@dataclass(frozen=True)
class PointsTo(Condition):
    """It is the image with this manifest digest; `called` describes that image."""

    digest: str
    called: str
    place = "title"

    @property
    def sentence(self) -> str:
        return f"points to {self.called}"

    @property
    def lines(self) -> Lines:
        return (self.called,)

    def look_at(self, image: Image, lab: Lab) -> Look:
        lines = self.lines if image.digest == self.digest else ("another image",)
        return Look(lines, f"it points to {image.id.short}")


@dataclass(frozen=True)
class Unmoved(Condition):
    """No tag has moved: `tags` are (name, manifest digest), `name` describes them together."""

    tags: tuple[tuple[Reference, str], ...]
    kind = "names"
    place = "names"
    sentence = "point where they pointed at the start"

    @property
    def lines(self) -> Lines:
        return tuple(f"{name.familiar}: as at the start" for name, _ in self.tags)

    def look_in(self, lab: Lab) -> Look:
        now = lab.tags()
        lines, moved = [], []
        for name, digest in self.tags:
            if now.get(name) != digest:
                moved.append(name.familiar)
            state = "as at the start" if now.get(name) == digest else "moved" if name in now else "gone"
            lines.append(f"{name.familiar}: {state}")
        return Look(tuple(lines), f"moved or gone: {', '.join(moved)}" if moved else "all do")


@dataclass(frozen=True)
class HoldsLayer(Condition):
    """One of its layers has this diffID; `called` describes the layer."""

    diff_id: str
    called: str
    place = "layers"

    @property
    def sentence(self) -> str:
        return f"holds {self.called}"

    @property
    def lines(self) -> Lines:
        return (self.called,)

    def look_at(self, image: Image, lab: Lab) -> Look:
        held = ", ".join(diff_id.short for diff_id in image.diff_ids) or "none"
        lines = self.lines if self.diff_id in image.diff_ids else ("another layer",)
        return Look(lines, f"its diffIDs begin {held}")


def count(number: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number:,} {noun}" + "s" * (number != 1)
