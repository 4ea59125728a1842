"""Conditions on containers: their image, whether they run, and which files they have written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LabError, NotFound
from .goal import Condition, Lines, Look

if TYPE_CHECKING:
    from ...containers import Container
    from ...lab import Lab
    from ...oci.image import Image


@dataclass(frozen=True)
class ContainerCondition(Condition):
    """Something that must be true of the container `name`. Subclasses define `sentence`, `lines` and `look_inside`."""

    kind = "container"

    def look_inside(self, container: Container, lab: Lab) -> Look:
        """What its part of the picture shows for this container."""
        raise NotImplementedError

    def look_in(self, lab: Lab) -> Look:
        """What its part of the picture shows in a lab: nothing if there is no container of this name."""
        try:
            return self.look_inside(lab.container(self.name), lab)
        except NotFound:
            return Look((), f"there is no container called {self.name}")

    def short_id(self, lab: Lab) -> str:
        return lab.container(self.name).image_id.short


@dataclass(frozen=True)
class Runs(ContainerCondition):
    """Its program is running."""

    place = "state"
    sentence = "is running"
    lines = ("running",)

    def look_inside(self, container: Container, lab: Lab) -> Look:
        status = container.status
        return Look((status,), "it has exited" if status == "exited" else f"it is {status}")


@dataclass(frozen=True)
class MadeFrom(ContainerCondition):
    """Its image has this ID; `called` describes the image."""

    image_id: str
    called: str
    place = "title"

    @property
    def sentence(self) -> str:
        return f"is a container of {self.called}"

    @property
    def lines(self) -> Lines:
        return (self.called,)

    def look_inside(self, container: Container, lab: Lab) -> Look:
        lines = self.lines if container.image_id == self.image_id else ("another image",)
        return Look(lines, f"its image is {container.image_id.short}")


@dataclass(frozen=True)
class SameContainer(ContainerCondition):
    """It is the container with this ID or, with `replaced`, a different one of that name."""

    id: str
    replaced: bool = False
    place = "state"

    @property
    def sentence(self) -> str:
        return f"is {'not the' if self.replaced else 'the'} same container as at the start"

    @property
    def lines(self) -> Lines:
        return self._lines(self.replaced)

    def _lines(self, new: bool) -> Lines:
        return ("a new container",) if new else ("the container of the start",)

    def look_inside(self, container: Container, lab: Lab) -> Look:
        return Look(self._lines(container.id != self.id), f"its ID is {container.short}")


@dataclass(frozen=True)
class NothingChanged(ContainerCondition):
    """Its writable layer is empty."""

    place = "writable"
    sentence = "has changed nothing"
    lines = ("nothing",)

    def look_inside(self, container: Container, lab: Lab) -> Look:
        changes = container.diff()
        listed = ", ".join(path for _, path in changes)
        lines = tuple(f"{letter} {path}" for letter, path in changes)
        return Look(lines or self.lines, f"it has changed {listed}" if changes else "its diff is empty")


@dataclass(frozen=True)
class Wrote(ContainerCondition):
    """Its writable layer has a file at this path, with a text other than `original`, which its image has there."""

    path: str
    original: bytes
    place = "writable"

    @property
    def sentence(self) -> str:
        return f"has written `{self.path}`"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: a new text",)

    def look_inside(self, container: Container, lab: Lab) -> Look:
        letter = {path: letter for letter, path in container.diff()}.get(self.path)
        if letter not in ("A", "C"):
            state = "deleted" if letter else "as in the image"
            listed = f"its diff lists {letter} {self.path}" if letter else "its diff does not list it"
            return Look((f"{self.path}: {state}",), listed)
        content = (read(container, self.path) or b"").strip()
        if content in (b"", self.original.strip()):
            state = "the old text again" if content else "empty"
            return Look((f"{self.path}: {state}",), f"its diff lists {letter} {self.path}, and the file is {state}")
        return Look(self.lines, f"its diff lists {letter} {self.path}")


@dataclass(frozen=True)
class KeepsFile(ContainerCondition):
    """A file in it has these bytes, which are never shown."""

    path: str
    content: bytes
    place = "writable"

    @property
    def sentence(self) -> str:
        return f"has `{self.path}` as it was at the start"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: as at the start",)

    def look_inside(self, container: Container, lab: Lab) -> Look:
        content = read(container, self.path)
        if content is None:
            return Look((f"{self.path}: not there",), f"it has no `{self.path}`")
        if content != self.content:
            return Look((f"{self.path}: another text",), "its content is different")
        return Look(self.lines, "it has")


@dataclass(frozen=True)
class SameFileAsContainer(Condition):
    """The image of this name has the same file as a container has now."""

    container: str
    path: str
    place = "files"

    @property
    def sentence(self) -> str:
        return f"shows `{self.path}` as {self.container} has it"

    @property
    def lines(self) -> Lines:
        return (f"{self.path}: as {self.container} has it",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        try:
            theirs = read(lab.container(self.container), self.path)
        except NotFound:
            return Look((f"{self.path}: no container to compare",), f"there is no container called {self.container}")
        entry = image.tree().get(self.path.strip("/"))
        mine = entry.read() if entry else None
        if mine is None:
            return Look((f"{self.path}: not there",), f"it shows no `{self.path}`")
        lines = self.lines if mine == theirs else (f"{self.path}: not as {self.container} has it",)
        return Look(lines, f"it shows {mine[:20]!r}")


def read(container: Container, path: str) -> bytes | None:
    """The bytes of a file in a container; None if there is no such file."""
    try:
        return container.read(path)
    except LabError:
        return None
