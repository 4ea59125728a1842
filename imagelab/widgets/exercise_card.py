"""ExerciseCard: an exercise's task, its goal beside the lab now, and its conditions, which follow every cell.

The buttons check, give a hint, show the solution, run it step by step, and start again. Each mark has a word, and a
sentence that a screen reader announces says what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import ipywidgets

from ..drawings import Drawing
from .base import Readable, after_each_cell, button, html_area, show_errors, side_by_side, status

if TYPE_CHECKING:
    from ..lab import Lab

SIDE = '<div style="flex:1 1 max-content;max-width:100%;overflow-x:auto"><p style="margin:0"><b>{}</b></p>{}</div>'
ERROR = 'role="alert"'


class Condition(Protocol):
    """A condition of a goal: `name` is its subject, `sentence` the rest."""

    @property
    def name(self) -> str: ...
    @property
    def sentence(self) -> str: ...


class Verdict(Protocol):
    """Whether a condition holds, and what the lab has in fact."""

    @property
    def holds(self) -> bool: ...
    @property
    def actual(self) -> str: ...


class Shown(Protocol):
    """Something with HTML."""

    def _repr_html_(self) -> str: ...


class Task(Protocol):
    """The exercise behind a card. Its texts are marked up; `variable` is its name in the notebook."""

    task: str
    summary: str
    variable: str
    hints: tuple[str, ...]
    hints_given: int
    steps_run: int
    commands: int

    @property
    def title(self) -> str: ...
    @property
    def par(self) -> int: ...
    @property
    def steps(self) -> Sequence[str]: ...
    @property
    def lab(self) -> Lab: ...
    def verdicts(self) -> Sequence[tuple[Condition, Verdict]]: ...
    def marked(self, verdicts: Any) -> Sequence[str]: ...
    def draw(self) -> Drawing: ...
    def draw_goal(self) -> Drawing: ...
    def check(self) -> Shown: ...
    def hint(self) -> Shown: ...
    def solution(self) -> Shown: ...
    def run_step(self) -> Shown: ...
    def reset(self) -> object: ...
    def next(self) -> Shown: ...


class ExerciseCard(Readable):
    """The card of an exercise; `words` makes HTML of its marked-up texts. `html` and `plain` are for no kernel."""

    def __init__(self, task: Task, words: Callable[[str], str], *, html: str, plain: str) -> None:
        self._task, self._words = task, words
        self._drawn = ""
        self._met: frozenset[int] | None = None  # before the first look
        self._seen: object = None  # what the last look has shown of the lab
        self._answered_of: object = None  # what the answer is about, if it goes once that has changed
        self.head, self.pictures, self.conditions = html_area(), html_area(), html_area()
        self.feedback, self.counts, self.answer = html_area(), html_area(), html_area()
        self.check = button("Check", "Check each condition, and say what may have gone wrong")
        self.hint = button("Hint", "Show the next hint; hints are counted")
        self.solution = button("Solution", "Show one solution, in docker commands and in Python")
        self.step = button("Run next step", "Run the next step of the solution in this exercise's lab")
        self.reset = button("Reset", "Start again with a new lab in the starting state")
        self.next = button("Next", "Show a link to what comes after this exercise")
        self.link = ipywidgets.Output()  # JupyterLab opens a notebook's links in an output, and not in other widgets
        self.step.layout.display = "none"
        for pressed, action in (
            (self.check, self._check), (self.hint, self._hint), (self.solution, self._solution),
            (self.step, self._step), (self.reset, self._reset), (self.next, self._next),
        ):  # fmt: skip
            pressed.on_click(show_errors(self.answer, action))
        self._redraw_safely = show_errors(self.feedback, self._redraw)
        row = side_by_side(self.check, self.hint, self.solution, self.step, self.reset, self.next)
        above: list[ipywidgets.Widget] = [self.head, self.pictures, self.conditions, self.feedback, self.counts]
        super().__init__([*above, row, self.answer, self.link], html=html, plain=plain)
        self.redraw()
        after_each_cell(self, ExerciseCard.redraw)

    def redraw(self) -> None:
        """Look at the lab again; what has not changed stays as it is on the page."""
        self._redraw_safely()

    def _redraw(self, *_: object) -> None:
        task = self._task
        verdicts = task.verdicts()
        _set(self.head, f"<p><b>{escape(task.title)}</b></p><p>{self._words(task.task)}</p>")
        now = task.draw()
        if now.source != self._drawn:  # its layout takes a tenth of a second
            sides = SIDE.format("The goal", task.draw_goal()._repr_html_()) + SIDE.format("Now", now._repr_html_())
            _set(self.pictures, f'<div style="display:flex;flex-wrap:wrap;gap:1em">{sides}</div>')
            self._drawn = now.source
        items = "".join(f"<li>{self._words(line)}</li>" for line in task.marked(verdicts))
        _set(self.conditions, f'<ul aria-label="Conditions">{items}</ul>')
        met = frozenset(number for number, (_, verdict) in enumerate(verdicts) if verdict.holds)
        if met != self._met or ERROR in self.feedback.value:  # what is announced is announced once
            _set(self.feedback, status(self._progress(verdicts, met)))
        self._met = met
        self._seen = now.source, items
        if self._answered_of not in (None, self._seen):
            _set(self.answer, "")
            self._answered_of = None
        _set(self.counts, f"<p>{self._words(self._counts())}</p>")
        self.hint.description = f"Hint ({task.hints_given} of {len(task.hints)} shown)"
        self.step.disabled = task.steps_run == len(task.steps)

    def _progress(self, verdicts: Sequence[tuple[Condition, Verdict]], met: frozenset[int]) -> str:
        """How many conditions are met, which have changed since the last look, and once all are, what that shows."""
        task = self._task
        if len(met) == len(verdicts):
            return f"<p>{self._words(f'✓ **{task.title}: solved.** {task.summary}')}</p>"
        sentences = [f"{len(met)} of {len(verdicts)} conditions are met."]
        before = met if self._met is None else self._met
        for change, numbers in (("Met now", met - before), ("No longer met", before - met)):
            names = [f"`{verdicts[number][0].name}` {verdicts[number][0].sentence}" for number in sorted(numbers)]
            sentences += [f"{change}: {'; '.join(names)}."] if names else []
        return f"<p>{self._words(' '.join(sentences))}</p>"

    def _counts(self) -> str:
        from ..lab import Lab

        task = self._task
        lab = f"`{task.variable}.lab`"
        if Lab.current() is task.lab:
            spoken = f"`%docker` speaks to this exercise's lab, which is {lab} in Python."
        else:
            spoken = f"`%docker` speaks to another lab now: `{task.variable}.lab.use()` makes it speak to this one."
        commands = "command that changes" if task.par == 1 else "commands that change"
        return (
            f"{spoken} Par: {task.par} docker {commands} the lab. You: {task.commands}; "
            "commands that only look are not counted, and Python is not."
        )

    def _check(self, *_: object) -> None:
        self._reply(self._task.check()._repr_html_(), stays=False)

    def _hint(self, *_: object) -> None:
        self._reply(self._task.hint()._repr_html_())

    def _solution(self, *_: object) -> None:
        self.step.layout.display = ""
        self._reply(self._task.solution()._repr_html_())

    def _step(self, *_: object) -> None:
        self._reply(self._task.run_step()._repr_html_())

    def _reset(self, *_: object) -> None:
        self._task.reset()
        self.step.layout.display = "none"
        self._reply("<p>A new lab was set up.</p>", stays=False)

    def _reply(self, html: str, *, stays: bool = True) -> None:
        """Answer a button, in the place of the answer before; some answers go once the lab has changed."""
        self._answered_of = None
        _set(self.answer, status(html))
        self.link.outputs = ()
        self.redraw()
        self._answered_of = None if stays else self._seen

    def _next(self, *_: object) -> None:
        following = self._task.next()
        data = {"text/plain": repr(following), "text/html": status(following._repr_html_())}
        _set(self.answer, "")
        self.link.outputs = ({"output_type": "display_data", "data": data, "metadata": {}},)


def _set(area: ipywidgets.HTML, html: str) -> None:
    """Put HTML into an area, if that changes it, with its lines as close as in the text around."""
    html = html and f'<div style="line-height:1.5">{html}</div>'  # ipywidgets gives a line the height of a button
    if area.value != html:
        area.value = html
