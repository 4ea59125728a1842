"""The bar and the map: what is done, and where the links lead."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat
import pytest

from imagelab.lesson import begin, course, progress


class Links(HTMLParser):
    """The links of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.targets.append(dict(attrs)["href"])


def links(shown):
    return Links(shown._repr_html_()).targets


def solve(*names):
    for name in names:
        progress.tried(name, solved=True)


def answer(*names):
    for name in names:
        progress.predicted(name, "a", False)


def test_the_bar_counts_what_is_done_and_says_what_comes_next():
    counts = "predictions 0 of 2 · exercises 0 of 1 · next: a prediction in 3. Where is the file?"
    assert repr(begin("00")) == f"Lesson 00 (1 of {len(course.LESSONS)}) · {counts}"
    answer("00.tar")
    assert "predictions 1 of 2 · exercises 0 of 1 · next: a prediction in 5." in repr(progress.bar("00"))
    answer("00.again")
    assert "predictions 2 of 2 · exercises 0 of 1 · next: an exercise in 6. Your turn" in repr(progress.bar("00"))
    solve("00.me")
    assert repr(progress.bar("00")).endswith("exercises 1 of 1 · next: 01 · What an image contains")


def test_it_is_a_status_with_real_links():
    bar = progress.bar("04")
    assert 'role="status"' in bar._repr_html_()
    assert links(bar) == [course.lesson("04").tasks[0].link, "00-start-here.ipynb"]
    answer(*course.lesson("04").predictions)
    solve(*course.lesson("04").exercises)
    assert links(progress.bar("04")) == ["05-digests.ipynb", "00-start-here.ipynb"]


@pytest.mark.parametrize("lesson", course.LESSONS, ids=lambda lesson: lesson.number)
def test_every_link_on_the_way_through_a_lesson_leads_to_a_heading(lesson):
    """The link names the cell by its id: JupyterLab waits for a cell that it has not rendered yet."""
    notebook = nbformat.read(course.notebooks() / lesson.notebook, as_version=4)
    cells = {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "markdown"}
    tasks = [task for task in lesson.tasks if not task.more]
    assert tasks
    for task in tasks:
        file, _, anchor = links(progress.bar(lesson.number))[0].partition("#")
        assert file == lesson.notebook
        assert f"## {task.heading}" in cells[unquote(anchor).removeprefix("cell-id=")]
        solve(task.name) if task.is_exercise else answer(task.name)
    assert "#" not in "".join(links(progress.bar(lesson.number)))


@pytest.mark.parametrize("lesson", course.LESSONS, ids=lambda lesson: lesson.number)
def test_each_question_and_exercise_of_a_lesson_stands_in_its_notebook_once(lesson):
    assert sorted(task.name for task in lesson.tasks) == sorted([*lesson.predictions, *lesson.exercises])


def test_what_goes_further_is_counted_apart_and_does_not_come_next(monkeypatch):
    tasks = [
        course.Task("04.same", False, "1. One", False, ""), course.Task("04.back", True, "2. More: two", True, ""),
        course.Task("04.twins", True, "3. Three", False, ""),
    ]  # fmt: skip
    monkeypatch.setattr(course.Lesson, "tasks", tasks)
    assert "predictions 0 of 1 · exercises 0 of 1 · more 0 of 1 · next: a prediction in 1. One" in repr(
        progress.bar("04")
    )
    answer("04.same")
    assert repr(progress.bar("04")).endswith("next: an exercise in 3. Three")
    solve("04.twins")
    assert repr(progress.bar("04")).endswith("more 0 of 1 · next: 05 · Digests")
    solve("04.back")
    assert "more 1 of 1" in repr(progress.bar("04"))


def test_the_map_has_a_row_for_each_lesson():
    answer("00.tar", "00.again")
    solve("00.me")
    shown = progress.map()._repr_html_()
    rows = [re.sub(r"<[^>]*>", "|", row) for row in re.findall(r"<tr>(.*?)</tr>", shown)]
    assert len(rows) == len(course.LESSONS) + 1
    for row, lesson in zip(rows[1:], course.LESSONS, strict=True):
        assert lesson.title in row and f"|{lesson.minutes}|" in row
        assert f"of {len(lesson.predictions)}|" in row and f"of {len(lesson.exercises)}|" in row
    assert "2 of 2" in rows[1] and "1 of 1" in rows[1] and rows[1].endswith("|done|")
    assert [target for target in links(progress.map()) if "#" not in target] == [
        lesson.notebook for lesson in course.LESSONS
    ]


def test_a_damaged_file_is_told_in_its_place(progress_folder):
    (progress_folder / progress.NAME).write_text("nonsense")
    for shown in (progress.bar("04"), progress.map()):
        assert 'role="alert"' in shown._repr_html_() and "move it away" in repr(shown)
