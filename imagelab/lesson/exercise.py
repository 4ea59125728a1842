"""Exercise: a lab, a goal, and a check of the state that the learner has reached.

It has a lab of its own with a starting state, a goal (conditions on the state reached, never on what was typed), hints
from a nudge to nearly the answer, a solution, and the mistakes people make, each with a word of its own.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..oci.reference import Reference
from . import progress
from .goals import goal
from .markup import BLUE, GREEN, ORANGE, Said, bullets, card, folded, html, paragraph, plain

if TYPE_CHECKING:
    from ..drawings import Drawing
    from ..lab import Lab


@dataclass(frozen=True)
class Mistake:
    """A wrong answer people give: code that leads there, how to recognise it in the lab, and what to say."""

    code: str
    seen_in: Callable[[Exercise], bool]  # asked in turn; the first that fits speaks
    message: str


class Exercise:
    """A task in a lab of its own: `lab` to work in, `check()`, `hint()`, `solution()`, `reset()`.

    `folder` is for files that the exercise gives. `goal` is a list of conditions, or a function of the exercise where
    the start decides them.
    """

    def __init__(
        self,
        name: str,
        task: str,
        *,
        start: Callable[[Exercise], None],
        goal: Callable[[Exercise], Sequence[goal.Condition]],
        hints: Sequence[str],
        solution: str,
        mistakes: Sequence[Mistake],
        because: str,
    ) -> None:
        self.name, self.task, self.because = name, task, because
        self.variable = name.rpartition(".")[2]  # what the lesson calls it: settings = exercise("01.settings")
        self.hints, self.mistakes = tuple(hints), tuple(mistakes)
        self._start, self._goal, self._solution = start, goal, solution.strip()
        self._hints_given = 0

    @property
    def folder(self) -> Path:
        """Where the files are that this exercise gives; removed with it."""
        _ = self.lab  # its start puts them there
        return self._folder

    @cached_property
    def _folder(self) -> Path:
        path = Path(tempfile.mkdtemp(prefix="imagelab-exercise-"))
        weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        return path

    @cached_property
    def lab(self) -> Lab:
        """The lab to work in, with its starting state."""
        from ..lab import Lab

        self.__dict__["lab"] = lab = Lab.temporary(epoch=0, current=False)  # `%docker` goes on with the lesson's own
        self._start(self)
        self._at_start = _state(lab)
        return lab

    @property
    def goal(self) -> list[goal.Condition]:
        """The conditions that must all hold."""
        return [*self._goal(self)] if self.lab else []

    def draw(self) -> Drawing:
        """The goal as a picture, each condition marked as met or missing in the lab now."""
        return goal.draw(self.goal, self.lab)

    def check(self) -> Said:
        """Look at the lab: what is there, what is missing. Once all is there, the exercise is solved."""
        seen = [(condition, condition.look(self.lab)) for condition in self.goal]
        solved = all(sight.holds for _, sight in seen)
        untouched = _state(self.lab) == self._at_start
        if not untouched:
            progress.tried(self.name, solved=solved)
        lines, said = [], {""}
        for condition, sight in seen:
            what = f" ({sight.what})" if sight.what not in said else ""
            said.add(sight.what)
            lines.append(f"**{'met' if sight.holds else 'missing'}**: `{condition.name}` {condition.says}{what}")
        if solved:
            return self._say(f"{self._title}: solved.", GREEN, lines, self.because)
        if untouched:
            nothing = f"Nothing has changed in `{self.variable}.lab` yet."
            return self._say(f"{self._title}: not begun.", BLUE, lines, nothing)
        words = next((mistake.message for mistake in self.mistakes if mistake.seen_in(self)), "")
        return self._say(f"{self._title}: not there yet.", ORANGE, lines, words)

    def hint(self) -> Said:
        """The next hint; the last one again when there is no next."""
        self._hints_given = min(self._hints_given + 1, len(self.hints))
        progress.took_hint(self.name, self._hints_given)
        title = f"Hint {self._hints_given} of {len(self.hints)}"
        text = self.hints[self._hints_given - 1]
        return Said(card(title, paragraph(text)), plain(f"{title}: {text}"))

    def solution(self) -> Said:
        """One way to do it, as code to read; there are others."""
        shown = f"<pre><code>{html(self._solution)}</code></pre>"
        return Said(card(f"{self._title}: one solution", shown), self._solution)

    @property
    def solution_code(self) -> str:
        """The solution as Python; the exercise is called by its `variable` there."""
        return self._solution

    def reset(self) -> Exercise:
        """Start again: a fresh lab with the starting state. What is in `lab` now is given up, its containers end."""
        old: Lab | None = self.__dict__.pop("lab", None)
        for container in old.containers() if old else ():
            container.remove(force=True)
        self._hints_given = 0
        return self

    # What mistakes look at ---------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether an image has this name."""
        return Reference.parse(name).with_default_tag() in self.lab.tags()

    def settings(self, name: str) -> dict[str, Any]:
        """The `config` part of an image's config: Env, Cmd and so on."""
        return self.lab.image(name).config.get("config") or {}

    def same(self, name: str, other: str) -> bool:
        """Whether both names are there and lead to the same image."""
        return self.has(name) and self.has(other) and self.lab.image(name).id == self.lab.image(other).id

    def stands_on(self, name: str, base: str) -> bool:
        """Whether the image has all layers of `base` below its own."""
        below = self.lab.image(base).diff_ids
        return self.lab.image(name).diff_ids[: len(below)] == below

    def more_layers(self, name: str, base: str) -> bool:
        """Whether there is such an image, and it has more layers than `base`."""
        return self.has(name) and len(self.lab.image(name).layers) > len(self.lab.image(base).layers)

    def text_of(self, name: str, path: str) -> bytes | None:
        """The bytes of a file as an image shows it; None if there is no such image or file."""
        entry = self.lab.image(name).tree().get(path) if self.has(name) else None
        return entry.read() if entry else None

    @property
    def _title(self) -> str:
        return f"Exercise {self.name}"

    def _say(self, title: str, colour: str, lines: list[str], words: str) -> Said:
        shown = (paragraph(words) if words else "") + bullets(lines)
        return Said(card(title, shown, colour=colour), plain("\n".join([title, *([words] if words else []), *lines])))

    def __repr__(self) -> str:
        goals = "\n".join(f"  - {condition.name} {condition.says}" for condition in self.goal)
        return plain(f"{self._title}\n{self.task}\nThe goal:\n{goals}")

    def _repr_html_(self) -> str:
        hints = [folded(f"Hint {number}", hint) for number, hint in enumerate(self.hints, 1)]
        picture = goal.draw(self.goal)._repr_html_()
        return card(self._title, paragraph(self.task), picture, *hints)


def _state(lab: Lab) -> frozenset[tuple[str, ...]]:
    """What an exercise looks at: which images there are, under which names; containers, and what they have done."""
    images = ((image.id, name) for image in lab.images(True) for name in [*(n.canonical for n in image.names), ""])
    return frozenset([*images, *((one.id, one.status, repr(one.diff())) for one in lab.containers())])
