"""Exercise: a lab to work in, a goal, and a check of what the learner has made.

An exercise has a lab of its own with a starting state; a goal, which is a list of conditions on the lab and never on
what was typed; hints, the last of them nearly the solution; a solution; and common mistakes, each with its message.
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
from .markup import BLUE, GREEN, ORANGE, Message, bullets, card, folded, html, paragraph, plain

if TYPE_CHECKING:
    from ..drawings import Drawing
    from ..lab import Lab


@dataclass(frozen=True)
class Mistake:
    """A common mistake: code that makes it, a test that recognises it in the lab, and the message to show."""

    code: str
    matches: Callable[[Exercise], bool]  # tried in order; the first match counts
    message: str


class Exercise:
    """A task in a lab of its own: `lab` to work in, `check()`, `hint()`, `solution()`, `reset()`.

    `name` is `lesson.topic`. `start` makes the starting state, `goal` the conditions, which may depend on that state.
    `summary` is what to learn from it, shown once it is solved. `folder` holds files that the exercise provides.
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
        summary: str,
    ) -> None:
        self.name, self.task, self.summary = name, task, summary
        self.variable = name.rpartition(".")[2]  # its name in the notebook: settings = exercise("01.settings")
        self.hints, self.mistakes = tuple(hints), tuple(mistakes)
        self._start, self._goal, self._solution = start, goal, solution.strip()
        self._hints_given = 0

    @property
    def folder(self) -> Path:
        """The folder with the files of this exercise; removed with it."""
        _ = self.lab  # its start writes them
        return self._folder

    @cached_property
    def _folder(self) -> Path:
        path = Path(tempfile.mkdtemp(prefix="imagelab-exercise-"))
        weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        return path

    @cached_property
    def lab(self) -> Lab:
        """The lab to work in, in its starting state when first used."""
        from ..lab import Lab

        self.__dict__["lab"] = lab = Lab.temporary(epoch=0, current=False)  # `%docker` stays with the lab of the lesson
        self._start(self)
        self._at_start = _state(lab)
        return lab

    @property
    def goal(self) -> list[goal.Condition]:
        """The conditions, all of which must hold."""
        return [*self._goal(self)] if self.lab else []

    def draw(self) -> Drawing:
        """The goal as a picture, with each condition marked as met or missing in the lab now."""
        return goal.draw(self.goal, self.lab)

    def check(self) -> Message:
        """Check each condition in the lab, and name the mistake if it is a common one; records the try."""
        verdicts = [(condition, condition.check(self.lab)) for condition in self.goal]
        solved = all(verdict.holds for _, verdict in verdicts)
        untouched = _state(self.lab) == self._at_start
        if not untouched:
            progress.tried(self.name, solved=solved)
        lines, mentioned = [], {""}
        for condition, verdict in verdicts:
            actual = f" ({verdict.actual})" if verdict.actual not in mentioned else ""
            mentioned.add(verdict.actual)
            mark = "met" if verdict.holds else "missing"
            lines.append(f"**{mark}**: `{condition.name}` {condition.sentence}{actual}")
        if solved:
            return self._message(f"{self._title}: solved.", GREEN, lines, self.summary)
        if untouched:
            unchanged = f"Nothing has changed in `{self.variable}.lab` yet."
            return self._message(f"{self._title}: not started.", BLUE, lines, unchanged)
        mistake = next((mistake.message for mistake in self.mistakes if mistake.matches(self)), "")
        return self._message(f"{self._title}: not solved yet.", ORANGE, lines, mistake)

    def hint(self) -> Message:
        """The next hint, or the last one again; records it."""
        self._hints_given = min(self._hints_given + 1, len(self.hints))
        progress.took_hint(self.name, self._hints_given)
        title = f"Hint {self._hints_given} of {len(self.hints)}"
        text = self.hints[self._hints_given - 1]
        return Message(card(title, paragraph(text)), plain(f"{title}: {text}"))

    def solution(self) -> Message:
        """One solution, as code to read; others may be as good."""
        code = f"<pre><code>{html(self._solution)}</code></pre>"
        return Message(card(f"{self._title}: one solution", code), self._solution)

    @property
    def solution_code(self) -> str:
        """The solution as Python code, which uses the exercise under the name `variable`."""
        return self._solution

    def reset(self) -> Exercise:
        """Start again with a new lab in the starting state; the containers of the old one are removed."""
        old: Lab | None = self.__dict__.pop("lab", None)
        for container in old.containers() if old else ():
            container.remove(force=True)
        self._hints_given = 0
        return self

    # For `Mistake.matches` ----------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the lab has an image of this name."""
        return Reference.parse(name).with_default_tag() in self.lab.tags()

    def settings(self, name: str) -> dict[str, Any]:
        """The `config` part of an image's config: Env, Cmd and so on."""
        return self.lab.image(name).config.get("config") or {}

    def same_image(self, name: str, other: str) -> bool:
        """Whether both names exist and point to the same image."""
        return self.has(name) and self.has(other) and self.lab.image(name).id == self.lab.image(other).id

    def built_on(self, name: str, base: str) -> bool:
        """Whether the first layers of an image are those of `base`."""
        below = self.lab.image(base).diff_ids
        return self.lab.image(name).diff_ids[: len(below)] == below

    def more_layers(self, name: str, base: str) -> bool:
        """Whether the image exists and has more layers than `base`."""
        return self.has(name) and len(self.lab.image(name).layers) > len(self.lab.image(base).layers)

    def content_of(self, name: str, path: str) -> bytes | None:
        """The bytes of a file in an image's file system; None if there is no such image or file."""
        entry = self.lab.image(name).tree().get(path) if self.has(name) else None
        return entry.read() if entry else None

    @property
    def _title(self) -> str:
        return f"Exercise {self.name}"

    def _message(self, title: str, colour: str, lines: list[str], comment: str) -> Message:
        body = (paragraph(comment) if comment else "") + bullets(lines)
        text = "\n".join([title, *([comment] if comment else []), *lines])
        return Message(card(title, body, colour=colour), plain(text))

    def __repr__(self) -> str:
        goals = "\n".join(f"  - {condition.name} {condition.sentence}" for condition in self.goal)
        return plain(f"{self._title}\n{self.task}\nThe goal:\n{goals}")

    def _repr_html_(self) -> str:
        hints = [folded(f"Hint {number}", hint) for number, hint in enumerate(self.hints, 1)]
        picture = goal.draw(self.goal)._repr_html_()
        return card(self._title, paragraph(self.task), picture, *hints)


def _state(lab: Lab) -> frozenset[tuple[str, ...]]:
    """What a check depends on: images and their names, containers, their states and changed files."""
    images = ((image.id, name) for image in lab.images(True) for name in [*(n.canonical for n in image.names), ""])
    return frozenset([*images, *((one.id, one.status, repr(one.diff())) for one in lab.containers())])
