"""Where the learner is: the bar at a lesson's head and end, and the map of the course, both with links.

They are HTML in an output of the notebook, not widgets: JupyterLab opens their links, and a saved page shows them
without a kernel. They are shown anew when the progress file changes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote

from ..errors import LabError
from . import course, progress
from .course import Lesson, Task
from .markup import BLUE, GREEN, Message, html, plain
from .progress import Record

_shown: dict[str, LiveText] = {}  # by display_id; two outputs of one text change together


class LiveText:
    """A text in the outputs of this kernel: what `read` returns, shown anew after each cell that changes it."""

    def __init__(self, name: str, read: Callable[[], Message]) -> None:
        self._display_id = f"imagelab-{name}"
        self._read = read
        self._now = self._text()

    def __repr__(self) -> str:
        return repr(self._now)

    def _repr_html_(self) -> str:
        return self._now._repr_html_()

    def _ipython_display_(self) -> None:
        """Show it so that `refresh` can change it later, in this output and in earlier ones."""
        from IPython.display import display

        if refresh not in progress.after_change:
            progress.after_change.append(refresh)
        _shown[self._display_id] = self
        self._now = self._text()
        display(self._bundle(), raw=True, display_id=self._display_id)
        self._tell_page()

    def refresh(self) -> None:
        """Read it again, and change the outputs if it is another text now."""
        from IPython.display import update_display

        if repr(now := self._text()) != repr(self._now):
            self._now = now
            update_display(self._bundle(), raw=True, display_id=self._display_id)
            self._tell_page()

    def _tell_page(self) -> None:
        """Tell it to the page of the kernel's widgets, if there is one: see `LessonPage`."""
        if base := sys.modules.get("imagelab.widgets.base"):
            base.page().bars = {**base.page().bars, self._display_id: self._repr_html_()}

    def _text(self) -> Message:
        try:
            return self._read()
        except LabError as error:
            return Message(f'<p role="alert">{escape(str(error))}</p>', str(error))

    def _bundle(self) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def refresh(*_: Any) -> None:
    """Read every text again that this kernel has shown."""
    for text in _shown.values():
        text.refresh()


def bar(number: str) -> LiveText:
    """The bar of a lesson; raises NotFound for a lesson that there is none of."""
    lesson = course.lesson(number)
    return LiveText(f"bar-{number}", lambda: _bar(lesson, progress.read()))


def course_map() -> LiveText:
    """The whole course as a table: a row for each lesson, with its minutes and what is done."""
    return LiveText("map", lambda: _map(progress.read()))


def _bar(lesson: Lesson, record: Record) -> Message:
    place = course.LESSONS.index(lesson)
    parts = [f"**Lesson {lesson.number}** ({place + 1} of {len(course.LESSONS)})", *_counts(lesson, record)]
    words, link = _next(lesson, record)
    shown = [*map(html, parts), f"next: {link}"]
    if place:
        shown.append(f'<a href="{quote(course.LESSONS[0].notebook)}">all lessons</a>')
    return Message(
        f'<p role="status" data-imagelab="imagelab-bar-{lesson.number}" '
        f'style="border-left:5px solid {_colour(lesson, record)};padding:2px 14px;margin:0">'
        f"{' · '.join(shown)}</p>",
        " · ".join([*map(plain, parts), f"next: {words}"]),
    )


def _map(record: Record) -> Message:
    titles = ["Lesson", "Minutes", "Predictions", "Exercises", "Next"]
    rows, lines = [], ["  ".join(titles)]
    for lesson in course.LESSONS:
        name = f"{lesson.number} · {lesson.title}"
        (made, predictions), (solved, exercises) = (_done(lesson, record, kind, more=None) for kind in (False, True))
        words, link = ("done", "done") if _to_do(lesson, record) is None else _next(lesson, record)
        cells = [str(lesson.minutes), f"{made} of {predictions}", f"{solved} of {exercises}"]
        linked = f'<a href="{quote(lesson.notebook)}">{escape(name)}</a>'
        rows.append(f'<tr><th scope="row" style="text-align:left">{linked}</th>'
                    + "".join(f"<td>{cell}</td>" for cell in cells)
                    + f'<td style="text-align:left">{link}</td></tr>')  # fmt: skip
        lines.append("  ".join([name, *cells, words]))
    head = "".join(f'<th scope="col" style="text-align:left">{title}</th>' for title in titles)
    caption = '<caption style="text-align:left">The course, and what you have done of it</caption>'
    body = f"{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return Message(f'<table data-imagelab="imagelab-map">{body}</table>', "\n".join(lines))


def _counts(lesson: Lesson, record: Record) -> list[str]:
    """`predictions 2 of 4`, `exercises 1 of 2`, and the same of the sections marked "more" if they have any."""
    counts = []
    for is_exercise, noun in ((False, "predictions"), (True, "exercises")):
        done, of = _done(lesson, record, is_exercise)
        counts.append(f"{noun} {done} of {of}")
    pairs = [_done(lesson, record, kind, more=True) for kind in (False, True)]
    if of := sum(of for _, of in pairs):
        counts.append(f"more {sum(done for done, _ in pairs)} of {of}")
    return counts


def _done(lesson: Lesson, record: Record, is_exercise: bool, more: bool | None = False) -> tuple[int, int]:
    """How many questions or exercises are done, and how many there are; `more` None counts the sections of both."""
    tasks = [task for task in lesson.tasks if task.is_exercise is is_exercise and more in (None, task.more)]
    return sum(_is_done(task, record) for task in tasks), len(tasks)


def _is_done(task: Task, record: Record) -> bool:
    if task.is_exercise:
        return "solved" in record["exercises"].get(task.name, {})
    return task.name in record["predictions"]


def _to_do(lesson: Lesson, record: Record) -> Task | None:
    """The first question or exercise of the lesson's core that is not done."""
    return next((task for task in lesson.tasks if not task.more and not _is_done(task, record)), None)


def _next(lesson: Lesson, record: Record) -> tuple[str, str]:
    """What comes next, as words and as HTML with a link to its section or its lesson."""
    if task := _to_do(lesson, record):
        kind = "an exercise" if task.is_exercise else "a prediction"
        return f"{kind} in {plain(task.heading)}", f'{kind} in <a href="{task.link}">{html(task.heading)}</a>'
    after = course.LESSONS[course.LESSONS.index(lesson) + 1 :][:1]
    if not after:
        return "nothing, this is the last lesson", "nothing, this is the last lesson"
    name = f"{after[0].number} · {after[0].title}"
    return name, f'<a href="{quote(after[0].notebook)}">{escape(name)}</a>'


def _colour(lesson: Lesson, record: Record) -> str:
    return GREEN if _to_do(lesson, record) is None else BLUE
