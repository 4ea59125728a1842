"""Conditions on containers: their image, whether they run, and which files they have written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import LabError, NotFound
from .goal import Condition, Verdict

if TYPE_CHECKING:
    from ...containers import Container
    from ...lab import Lab
    from ...oci.image import Image


@dataclass(frozen=True)
class ContainerCondition(Condition):
    """Something that must be true of the container `name`. Subclasses define `sentence` and `check_container`."""

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        """Check the condition on the container."""
        raise NotImplementedError

    def check(self, lab: Lab) -> Verdict:
        """Check the condition in the lab; it does not hold if there is no container of this name."""
        try:
            return self.check_container(lab.container(self.name), lab)
        except NotFound:
            return Verdict(False, f"there is no container called {self.name}")


@dataclass(frozen=True)
class Runs(ContainerCondition):
    """Its program is running."""

    sentence = "runs"

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        return Verdict(container.running, f"it is {container.status}")


@dataclass(frozen=True)
class MadeFrom(ContainerCondition):
    """Its image has this ID; `called` describes the image."""

    image_id: str
    called: str

    @property
    def sentence(self) -> str:
        return f"is a container of {self.called}"

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        return Verdict(container.image_id == self.image_id, f"its image is {container.image_id.short}")


@dataclass(frozen=True)
class SameContainer(ContainerCondition):
    """It is the container with this ID or, with `replaced`, a different one of that name."""

    id: str
    replaced: bool = False

    @property
    def sentence(self) -> str:
        return f"is {'not the' if self.replaced else 'the'} same container as at the start"

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        return Verdict((container.id == self.id) != self.replaced, f"its ID is {container.short}")


@dataclass(frozen=True)
class NothingChanged(ContainerCondition):
    """Its writable layer is empty."""

    sentence = "has changed nothing"

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        changed = ", ".join(path for _, path in container.diff())
        return Verdict(not changed, f"it has changed {changed}" if changed else "its diff is empty")


@dataclass(frozen=True)
class Wrote(ContainerCondition):
    """Its writable layer has a file at this path, added or changed."""

    path: str

    @property
    def sentence(self) -> str:
        return f"has written `{self.path}`"

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        letters = {path: letter for letter, path in container.diff()}
        letter = letters.get(self.path)
        listed = f"its diff lists {letter} {self.path}" if letter else "its diff does not list it"
        return Verdict(letter in ("A", "C"), listed)


@dataclass(frozen=True)
class KeepsFile(ContainerCondition):
    """A file in it has these bytes, which are never shown."""

    path: str
    content: bytes

    @property
    def sentence(self) -> str:
        return f"has `{self.path}` as it was at the start"

    def check_container(self, container: Container, lab: Lab) -> Verdict:
        content = read(container, self.path)
        if content is None:
            return Verdict(False, f"it has no `{self.path}`")
        return Verdict(content == self.content, "it has" if content == self.content else "its content is different")


@dataclass(frozen=True)
class SameFileAsContainer(Condition):
    """The image of this name has the same file as a container has now."""

    container: str
    path: str

    @property
    def sentence(self) -> str:
        return f"shows `{self.path}` as {self.container} has it"

    @property
    def other(self) -> str:
        return self.container

    def check_image(self, image: Image, lab: Lab) -> Verdict:
        try:
            theirs = read(lab.container(self.container), self.path)
        except NotFound:
            return Verdict(False, f"there is no container called {self.container}")
        entry = image.tree().get(self.path.strip("/"))
        mine = entry.read() if entry else None
        return Verdict(mine is not None and mine == theirs, f"it shows {(mine or b'')[:20]!r}")


def read(container: Container, path: str) -> bytes | None:
    """The bytes of a file in a container; None if there is no such file."""
    try:
        return container.read(path)
    except LabError:
        return None
