"""The course: its lessons in order, each with its notebook and title, its questions and its exercises."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import NotFound
from .exercises import EXERCISES
from .predictions import PREDICTIONS


@dataclass(frozen=True, slots=True)
class Lesson:
    """One notebook of the course: `number` is `04`, `notebook` its file's name."""

    number: str
    notebook: str
    title: str

    @property
    def predictions(self) -> list[str]:
        """The names of its questions, in the order in which they are asked."""
        return [name for name in PREDICTIONS if name.startswith(f"{self.number}.")]

    @property
    def exercises(self) -> list[str]:
        """The names of its exercises, in order."""
        return [name for name in EXERCISES if name.startswith(f"{self.number}.")]


LESSONS = [
    Lesson("00", "00-start-here.ipynb", "Start here"),
    Lesson("01", "01-what-an-image-contains.ipynb", "What an image contains"),
    Lesson("02", "02-layers.ipynb", "Layers"),
    Lesson("03", "03-building.ipynb", "Building"),
    Lesson("04", "04-tags.ipynb", "Tags"),
    Lesson("05", "05-digests.ipynb", "Digests"),
    Lesson("06", "06-image-and-container.ipynb", "Image and container"),
]


def lesson(number: str) -> Lesson:
    """The lesson of this number; raises NotFound, listing those there are."""
    for one in LESSONS:
        if one.number == number:
            return one
    raise NotFound(f"the course has no lesson {number!r}; lessons: {', '.join(one.number for one in LESSONS)}")
