"""Exercise: a lab to work in, a goal, and a check of what the learner has made.

An exercise has a lab of its own with a starting state; a goal, which is a list of conditions on the lab and never on
what was typed; hints, the last of them nearly the solution; two solutions, in docker's commands and in Python; and
common mistakes, each with its message. In a notebook it shows a card that follows the lab.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..errors import LabError
from ..oci.reference import Reference
from . import progress, steps
from .goals import picture
from .markup import BLUE, GREEN, ORANGE, Message, bullets, card, code, folded, html, paragraph, plain

if TYPE_CHECKING:
    from ..drawings import Drawing
    from ..lab import Lab
    from ..registry.server.embedded import EmbeddedRegistry
    from ..widgets.exercise_card import ExerciseCard
    from .goals.goal import Condition, Verdict

_shown: weakref.WeakSet[Exercise] = weakref.WeakSet()  # exercises with a card, whose `%docker` commands are counted


@dataclass(frozen=True)
class Mistake:
    """A common mistake: code that makes it, a test that recognises it in the lab, and the message to show."""

    code: str
    matches: Callable[[Exercise], bool]  # tried in order; the first match counts
    message: str


class Exercise:
    """A task in a lab of its own: `lab` to work in, `check()`, `hint()`, `solution()`, `reset()`.

    `name` is `lesson.topic`. `start` makes the starting state; `goal` the conditions and `docker` the docker solution
    (notebook cells, see `steps`), both from that state. `solution` is one in Python, with the exercise under the name
    `variable`. `summary` is what to learn from it, shown once it is solved. `folder` holds files that the exercise
    provides, and those of the learner's builds.
    """

    def __init__(
        self,
        name: str,
        task: str,
        *,
        start: Callable[[Exercise], None],
        goal: Callable[[Exercise], Sequence[Condition]],
        hints: Sequence[str],
        docker: Callable[[Exercise], Sequence[str]],
        solution: str,
        mistakes: Sequence[Mistake],
        summary: str,
    ) -> None:
        self.name, self.task, self.summary = name, task, summary
        self.variable = name.rpartition(".")[2]  # its name in the notebook: settings = exercise("01.settings")
        self.hints, self.mistakes = tuple(hints), tuple(mistakes)
        self.solution_code = solution.strip()
        self.hints_given = 0
        self.commands = 0  # `%docker` commands that changed the lab, since the card was first shown
        self.steps_run = 0
        self._start, self._make_goal, self._make_steps = start, goal, docker
        self._goal: list[Condition] = []
        self._steps: list[str] = []
        self._recorded = False  # as solved
        self._card: ExerciseCard | None = None

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

        self.__dict__["lab"] = lab = Lab.temporary(epoch=0, current=False)  # `%docker` speaks to it once it is shown
        self._start(self)
        self._goal, self._steps = [*self._make_goal(self)], [*self._make_steps(self)]
        self._at_start = self._state()
        return lab

    @cached_property
    def registry(self) -> EmbeddedRegistry:
        """A registry of its own, which `lab` reaches by the name `VARIABLE.test`; empty when first used."""
        return self.lab.registry(name=f"{self.variable}.test")

    @property
    def goal(self) -> list[Condition]:
        """The conditions, all of which must hold; they compare with the starting state, whatever has moved since."""
        _ = self.lab
        return self._goal

    @property
    def steps(self) -> list[str]:
        """The docker solution: notebook cells with `%docker` commands, and with files to write."""
        _ = self.lab
        return self._steps

    @property
    def par(self) -> int:
        """How many docker commands that change the lab the docker solution has."""
        return sum(map(steps.changes_the_lab, self.steps))

    @property
    def untouched(self) -> bool:
        """Whether the lab and the folder are in their starting state."""
        _ = self.lab
        return self._state() == self._at_start

    def draw(self) -> Drawing:
        """The lab now, as far as the goal speaks of it; what is not yet as in the goal is marked."""
        return picture.draw(self.goal, self.lab)

    def draw_goal(self) -> Drawing:
        """The goal as a picture: what the lab looks like once every condition holds."""
        return picture.draw(self.goal)

    def verdicts(self) -> list[tuple[Condition, Verdict]]:
        """Each condition, and whether it holds in the lab now. Once all do, the exercise is recorded as solved."""
        verdicts = [(condition, condition.check(self.lab)) for condition in self.goal]
        if all(verdict.holds for _, verdict in verdicts) and not self._recorded:
            progress.tried(self.name, solved=True)
            self._recorded = True
        return verdicts

    def marked(self, verdicts: Sequence[tuple[Condition, Verdict]]) -> list[str]:
        """The conditions with their marks, as marked-up text; what is there is said once."""
        lines, mentioned = [], {""}
        for condition, verdict in verdicts:
            actual = f" ({verdict.actual})" if verdict.actual not in mentioned else ""
            mentioned.add(verdict.actual)
            mark = "✓ **met**" if verdict.holds else "✗ **not yet**"
            lines.append(f"{mark}: `{condition.name}` {condition.sentence}{actual}")
        return lines

    def check(self) -> Message:
        """Check each condition in the lab, and name the mistake if it is a common one; records the try."""
        verdicts = self.verdicts()
        if all(verdict.holds for _, verdict in verdicts):
            after = self.next()._repr_html_() if self._following()[1] else ""
            return self._message(f"{self.title}: solved.", GREEN, self.marked(verdicts), self.summary, after)
        if self.untouched:
            unchanged = f"Nothing has changed in `{self.variable}.lab` yet."
            return self._message(f"{self.title}: not started.", BLUE, self.marked(verdicts), unchanged)
        progress.tried(self.name, solved=False)
        mistake = next((mistake.message for mistake in self.mistakes if self._made(mistake)), "")
        return self._message(f"{self.title}: not solved yet.", ORANGE, self.marked(verdicts), mistake)

    def hint(self) -> Message:
        """The next hint, or the last one again; records it."""
        self.hints_given = min(self.hints_given + 1, len(self.hints))
        progress.took_hint(self.name, self.hints_given)
        title = f"Hint {self.hints_given} of {len(self.hints)}"
        text = self.hints[self.hints_given - 1]
        return Message(card(title, paragraph(text)), plain(f"{title}: {text}"))

    def solution(self) -> Message:
        """One solution in docker's commands and one in Python, as notebook cells to read; others may be as good."""
        cells = "".join(code(step) for step in self.steps)
        python = f"<details><summary>The same in Python</summary>{code(self.solution_code)}</details>"
        shown = card(f"{self.title}: one solution, cell by cell", cells, python)
        return Message(shown, "\n\n".join([*self.steps, f"# The same in Python\n{self.solution_code}"]))

    def run_step(self) -> Message:
        """Run the next cell of the docker solution in the lab, and show what it printed; after the last, say so."""
        if self.steps_run == len(self.steps):
            return Message(paragraph("Every step has been run."), "Every step has been run.")
        step = self.steps[self.steps_run]
        output, exit_code = steps.run(step, {self.variable: self}, self.lab)
        self.steps_run += exit_code == 0
        failed = f"exit code {exit_code}: this step needs the state that the steps before it leave" if exit_code else ""
        title = f"Step {self.steps_run + bool(exit_code)} of {len(self.steps)}"
        text = "\n".join(line for line in (step, output.rstrip(), failed) if line)
        return Message(card(title, code(step), code(output.rstrip() or "(it prints nothing)"), paragraph(failed)), text)

    def reset(self) -> Exercise:
        """Start again with a new lab in the starting state; the containers of the old one are removed.

        `%docker` speaks to the new lab if it spoke to the old one.
        """
        from ..lab import Lab

        old: Lab | None = self.__dict__.pop("lab", None)
        for container in old.containers() if old else ():
            container.remove(force=True)
        if registry := self.__dict__.pop("registry", None):
            registry.close()
        for path in self._folder.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self.hints_given = self.commands = self.steps_run = 0
        if old and Lab.current() is old:
            self.lab.use()
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

    def _made(self, mistake: Mistake) -> bool:
        """Whether the lab shows this mistake; a test that needs an image which is not there says no."""
        with suppress(LabError, OSError, LookupError):
            return mistake.matches(self)
        return False

    # Shown --------------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """`Exercise 00.me`."""
        return f"Exercise {self.name}"

    def next(self) -> Message:
        """What comes after it in the course, as a link."""
        words, link = self._following()
        shown = f'<a href="{link}">{html(words)}</a>' if link else html(words)
        return Message(f"<p>Next: {shown}</p>", plain(f"Next: {words}."))

    def _following(self) -> tuple[str, str]:
        """What comes after it, marked up, and where that is: a notebook and perhaps a cell in it, as a link."""
        from . import course

        lesson = course.lesson(self.name[:2])
        tasks = [task for task in lesson.tasks if task.is_exercise]
        own = next(number for number, task in enumerate(tasks) if task.name == self.name)
        if after := tasks[own + 1 :]:
            section = plain(after[0].heading)
            return f"exercise **{after[0].name}**, in section {section}", after[0].link
        if lessons := course.LESSONS[course.LESSONS.index(lesson) + 1 :]:
            name = f"**{lessons[0].number} · {lessons[0].title}**"
            return f"what you have seen, below, and then lesson {name}", quote(lessons[0].notebook)
        return "what you have seen, below", ""

    def _state(self) -> frozenset[tuple[str, ...]]:
        """What a check depends on: images, names, containers, their changes, the folder and the registry's tags."""
        lab = self.lab
        images = ((image.id, name) for image in lab.images(True) for name in [*(n.canonical for n in image.names), ""])
        containers = ((one.id, one.status, repr(one.diff())) for one in lab.containers())
        files = [path for path in self._folder.rglob("*") if path.is_file()]
        pushed = [
            (repository, tag, digest)
            for repository, tags in (self.registry.tags() if "registry" in self.__dict__ else {}).items()
            for tag, digest in tags.items()
        ]
        return frozenset([*images, *containers, *pushed, *((str(path), path.read_bytes().hex()) for path in files)])

    def _message(self, title: str, colour: str, lines: list[str], comment: str, after: str = "") -> Message:
        body = (paragraph(comment) if comment else "") + bullets(lines) + after
        text = "\n".join([title, *([comment] if comment else []), *lines])
        return Message(card(title, body, colour=colour), plain(text))

    def _par(self) -> str:
        return f"Par: {self.par} docker command{'s' * (self.par != 1)}."

    def __repr__(self) -> str:
        goals = "\n".join(f"  - {condition.name} {condition.sentence}" for condition in self.goal)
        return plain(f"{self.title}\n{self.task}\nThe goal:\n{goals}\n{self._par()}")

    def _repr_html_(self) -> str:
        conditions = bullets([f"`{condition.name}` {condition.sentence}" for condition in self.goal])
        hints = [folded(f"Hint {number}", hint) for number, hint in enumerate(self.hints, 1)]
        shown = self.draw_goal()._repr_html_() + paragraph("The goal:") + conditions + paragraph(self._par())
        return card(self.title, paragraph(self.task), shown, *hints)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        from ..cli import magic
        from ..widgets.exercise_card import ExerciseCard

        self.lab.use()
        _shown.add(self)
        if _counting not in magic.around_each:
            magic.around_each.append(_counting)
        if self._card is None:
            self._card = ExerciseCard(self, html, html=self._repr_html_(), plain=repr(self))
        self._card.redraw()
        return dict(self._card._repr_mimebundle_(**kwargs))


@contextmanager
def _counting(lab: Lab) -> Iterator[None]:
    """Count a `%docker` command on an exercise's lab, if it changes the lab."""
    before = {task: task._state() for task in _shown if task.lab is lab}
    yield
    for task, state in before.items():
        task.commands += task._state() != state
