"""The minutes a lesson takes, computed from its notebook by one rule, and the number of its cells.

The rule: 1 minute for 150 words of prose, 5 seconds for a line of code, 15 seconds
for a picture or a table, 1 minute for a prediction, 2 minutes for a widget, 6 minutes for an exercise; the sum is
rounded to 5 minutes. What is folded does not count: notes (`<details>`), and sections marked "more", whose heading cell
opens folded in JupyterLab. Questions, exercises and widgets include the words and pictures that they show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORDS_A_MINUTE = 150
LINE, PICTURE = 5 / 60, 15 / 60
PREDICTION, WIDGET, EXERCISE = 1, 2, 6
FOLDED = "jp-MarkdownHeadingCollapsed"  # JupyterLab's mark of a heading whose section is folded

Cell = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, the cells below it, and whether it is a section marked "more"."""

    heading: str
    more: bool
    cells: list[Cell]

    @property
    def minutes(self) -> float:
        """The minutes of its cells, not rounded."""
        return sum(map(_minutes, self.cells))


def lesson_minutes(notebook: Path) -> int:
    """The minutes of a lesson's core, rounded to 5. Raises OSError, and ValueError for a file that is no notebook."""
    return rounded(core(sections(notebook)))


def core(lesson: Iterable[Section]) -> list[Section]:
    """The sections of a lesson that are not marked "more"."""
    return [section for section in lesson if not section.more]


def rounded(lesson: Iterable[Section]) -> int:
    """The minutes of some sections together, rounded to 5."""
    return max(5, 5 * round(sum(section.minutes for section in lesson) / 5))


def sections(notebook: Path) -> list[Section]:
    """A notebook's sections in order: each begins with a cell that has a `##` heading, the first one with the title."""
    in_order: list[Section] = []
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        heading = re.search(r"^## (.*)", source(cell), flags=re.M) if cell["cell_type"] == "markdown" else None
        if heading or not in_order:
            title = heading[1] if heading else source(cell).partition("\n")[0].lstrip("# ")
            in_order.append(Section(title, bool(cell["metadata"].get(FOLDED)), []))
        in_order[-1].cells.append(cell)
    return in_order


def source(cell: Cell) -> str:
    """A cell's text, which nbformat allows to be stored as a list of lines."""
    return "".join(cell["source"])


def _minutes(cell: Cell) -> float:
    text = source(cell)
    if cell["cell_type"] == "markdown":
        prose = re.sub(r"<details.*?</details>", "", text, flags=re.S)
        words = len(re.findall(r"\w[^\s|]*", prose))
        return words / WORDS_A_MINUTE + PICTURE * len(re.findall(r"<img\b|!\[", prose))
    minutes = LINE * sum(bool(line.strip()) for line in text.splitlines())
    tasks = {
        r'\bpredict\("': PREDICTION, r'\bexercise\("': EXERCISE, rf"\b(?:{'|'.join(_widgets())})\(": WIDGET,
        r'\breveal\("|\bbegin\("|\bprogress\.|\.check\(\)': 0,
    }  # fmt: skip
    asked = [price for pattern, price in tasks.items() if re.search(pattern, text)]
    return minutes + (sum(asked) if asked else PICTURE * _pictures(cell))


def _pictures(cell: Cell) -> int:
    """How many pictures and tables a cell's outputs show."""
    shown = ("".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", []))
    return sum(len(re.findall(r"<img\b|<table\b|<svg\b", html)) for html in shown)


def _widgets() -> list[str]:
    from .. import widgets

    return widgets.__all__
