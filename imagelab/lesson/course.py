"""The course: its lessons in order, each with its notebook and title, its questions and its exercises.

The notebooks are those of the installed package, or of the repository it is developed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from ..errors import NotFound
from .exercises import EXERCISES
from .minutes import Section, core, rounded, sections, source
from .predictions import PREDICTIONS

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Task:
    """A question or an exercise: its name, its section's heading and whether that is marked "more", and its address.

    `link` is the address of the heading's cell, from another notebook of the course too.
    """

    name: str
    is_exercise: bool
    heading: str
    more: bool
    link: str


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

    @property
    def tasks(self) -> list[Task]:
        """Its questions and exercises in the order of the notebook. Raises OSError if the notebook is missing."""
        return [
            Task(name, kind == "exercise", section.heading, section.more, self._link(section))
            for section in _sections(self.notebook)
            for cell in section.cells
            for kind, name in re.findall(r'^(?:\w+ = )?(predict|exercise)\("([\w.]+)"\)', source(cell), flags=re.M)
        ]

    def _link(self, section: Section) -> str:
        # By the cell's id, not by the heading's text: JupyterLab waits for the cell of a notebook that it is opening,
        # and gives up on a heading that it has not rendered yet.
        return f"{quote(self.notebook)}#cell-id={quote(section.cells[0]['id'])}"

    @property
    def minutes(self) -> int:
        """The minutes of its core, by the rule of `minutes`."""
        return rounded(core(_sections(self.notebook)))


LESSONS = [
    Lesson("00", "00-start-here.ipynb", "Start here"),
    Lesson("01", "01-what-an-image-contains.ipynb", "What an image contains"),
    Lesson("02", "02-layers.ipynb", "Layers"),
    Lesson("03", "03-building.ipynb", "Building"),
    Lesson("04", "04-tags.ipynb", "Tags"),
    Lesson("05", "05-digests.ipynb", "Digests"),
    Lesson("06", "06-image-and-container.ipynb", "Image and container"),
    Lesson("07", "07-registries.ipynb", "Registries"),
]


def lesson(number: str) -> Lesson:
    """The lesson of this number; raises NotFound, listing those there are."""
    for one in LESSONS:
        if one.number == number:
            return one
    raise NotFound(f"the course has no lesson {number!r}; lessons: {', '.join(one.number for one in LESSONS)}")


def notebooks() -> Path:
    """The folder with the course's notebooks."""
    return packaged if (packaged := _HERE / "notebooks").is_dir() else _HERE.parents[1] / "notebooks"


def _sections(notebook: str) -> list[Section]:
    path = notebooks() / notebook
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> list[Section]:
    return sections(path)
