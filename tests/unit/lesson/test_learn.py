"""`imagelab learn`: what it says, and what it refuses. That it opens a browser is tested in a browser."""

from __future__ import annotations

import pytest

from imagelab.cli import run
from imagelab.cli.command import Session
from imagelab.lesson import course


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_it_put_where(here, capsys):
    assert run(["learn", "--no-open"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"The course is in {here / 'imagelab-course'}",
        f"  {', '.join(lesson.number for lesson in course.LESSONS)}: put there",
    ]  # fmt: skip
    (here / "imagelab-course" / "04-tags.ipynb").write_text("mine")
    assert run(["learn", "--no-open"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == ["  04: yours, left as it is"]


def test_inside_the_course_it_means_that_course(here, monkeypatch, capsys):
    assert run(["learn", "--no-open", "mine"]) == 0
    monkeypatch.chdir(here / "mine")
    assert run(["learn", "--no-open"]) == 0
    assert not (here / "mine" / "imagelab-course").exists()
    capsys.readouterr()
    assert run(["learn", "--where"]) == 0
    assert capsys.readouterr().out == f"{here / 'mine'}\n"


def test_where_does_nothing_else(here, capsys):
    assert run(["learn", "--where", "mine"]) == 0
    assert capsys.readouterr().out == f"{here / 'mine'}\n"
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(("lesson", "count"), [("4", 1), ("04", 1), ("all", len(course.LESSONS))])
def test_reset_says_what_it_kept(here, capsys, lesson, count):
    run(["learn", "--no-open"])
    (here / "imagelab-course" / "04-tags.ipynb").write_text("mine")
    capsys.readouterr()
    assert run(["learn", "--reset", lesson]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "04-tags.ipynb: as it was at first; yours is 04-tags.bak-1.ipynb" in lines
    assert len(lines) == count + 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--reset", "12"], 1, "the course has no lesson '12'; lessons: 00, 01"),
        (["--reset", "04"], 1, "there is no course in"),
        (["a", "b"], 1, "requires at most 1 argument"),
        (["--port", "x"], 125, 'invalid argument "x"'),
        (["taken"], 1, "taken"),
    ],
)  # fmt: skip
def test_a_mistake_is_told(here, capsys, words, code, message):
    (here / "taken").write_text("a file")
    assert run(["learn", *words]) == code
    assert message in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["taken"]


def test_a_notebook_does_not_become_jupyterlab(here, capsys):
    assert run(["learn", "mine"], session=Session(notebook=True)) == 1
    assert "--no-open" in capsys.readouterr().err
