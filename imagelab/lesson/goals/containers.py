"""Conditions on containers: their image, whether they run, and what they have written.

Conditions as those in `goal`, whose `name` is a container's. None of them looks at how it came about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LabError, NotFound
from .goal import Condition, Seen

if TYPE_CHECKING:
    from ...containers import Container
    from ...lab import Lab
    from ...oci.image import Image


@dataclass(frozen=True)
class OfContainer(Condition):
    """Something that must be true of the container with a name. Subclasses say what, and `see`."""

    def see(self, one: Container, lab: Lab) -> Seen:
        """Look at the container."""
        raise NotImplementedError

    def look(self, lab: Lab) -> Seen:
        """Look at the container of that name in the lab, if there is one."""
        try:
            return self.see(lab.container(self.name), lab)
        except NotFound:
            return Seen(False, f"there is no container called {self.name}")


@dataclass(frozen=True)
class Runs(OfContainer):
    """Its program runs now."""

    says = "runs"

    def see(self, one: Container, lab: Lab) -> Seen:
        return Seen(one.running, f"it is {one.status}")


@dataclass(frozen=True)
class MadeFrom(OfContainer):
    """It is a container of the image with this ID."""

    image_id: str
    called: str

    @property
    def says(self) -> str:
        return f"is a container of {self.called}"

    def see(self, one: Container, lab: Lab) -> Seen:
        return Seen(one.image_id == self.image_id, f"its image is {one.image_id.short}")


@dataclass(frozen=True)
class Still(OfContainer):
    """It is the container with this ID, or with `other_one`, a different one of that name."""

    id: str
    other_one: bool = False

    @property
    def says(self) -> str:
        return f"is {'not the' if self.other_one else 'the'} same container as at the start"

    def see(self, one: Container, lab: Lab) -> Seen:
        return Seen((one.id == self.id) != self.other_one, f"its ID is {one.short}")


@dataclass(frozen=True)
class AsNew(OfContainer):
    """Nothing is in its writable layer."""

    says = "has changed nothing"

    def see(self, one: Container, lab: Lab) -> Seen:
        changed = ", ".join(path for _, path in one.diff())
        return Seen(not changed, f"it has changed {changed}" if changed else "its diff is empty")


@dataclass(frozen=True)
class Wrote(OfContainer):
    """A file at this path is in its writable layer, added or changed."""

    path: str

    @property
    def says(self) -> str:
        return f"has written `{self.path}`"

    def see(self, one: Container, lab: Lab) -> Seen:
        letters = {path: letter for letter, path in one.diff()}
        said = (
            f"its diff says {letters[self.path]} {self.path}" if self.path in letters else "its diff does not list it"
        )
        return Seen(letters.get(self.path) in ("A", "C"), said)


@dataclass(frozen=True)
class Keeps(OfContainer):
    """It shows a file with these bytes, which are never said."""

    path: str
    content: bytes

    @property
    def says(self) -> str:
        return f"has `{self.path}` as it was at the start"

    def see(self, one: Container, lab: Lab) -> Seen:
        found = read(one, self.path)
        if found is None:
            return Seen(False, f"it has no `{self.path}`")
        return Seen(found == self.content, "it has" if found == self.content else "it says something else")


@dataclass(frozen=True)
class AsIn(Condition):
    """The image of this name shows a file as a container has it now."""

    container: str
    path: str

    @property
    def says(self) -> str:
        return f"shows `{self.path}` as {self.container} has it"

    @property
    def other(self) -> str:
        return self.container

    def judge(self, image: Image, lab: Lab) -> Seen:
        try:
            theirs = read(lab.container(self.container), self.path)
        except NotFound:
            return Seen(False, f"there is no container called {self.container}")
        entry = image.tree().get(self.path.strip("/"))
        mine = entry.read() if entry else None
        return Seen(mine is not None and mine == theirs, f"it shows {(mine or b'')[:20]!r}")


def read(one: Container, path: str) -> bytes | None:
    """The bytes of a file as a container has it now; None if it has none there."""
    try:
        return one.read(path)
    except LabError:
        return None
