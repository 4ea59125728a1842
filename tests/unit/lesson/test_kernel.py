"""What a kernel keeps: questions and exercises are the same ones when their cells are run again."""

from __future__ import annotations

import pytest

from imagelab.errors import NotFound
from imagelab.lesson import begin, course, exercise, kernel, predict, progress, reveal


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(kernel, "_questions", {})
    monkeypatch.setattr(kernel, "_exercises", {})


def test_a_question_keeps_its_answer_when_its_cell_is_run_again():
    predict("00.again").choose("a")
    assert "You chose (a)" in reveal("00.again", first="1", again="1", louder="2")._repr_html_()


def test_a_reveal_belongs_to_its_question_by_name():
    predict("00.again"), predict("00.tar")
    shown = repr(reveal("00.tar", text=29, tar=2048))
    assert "2,048" in shown and repr(reveal("00.again", first="1", again="1", louder="2")) != shown


def test_an_exercise_keeps_its_lab_when_its_cell_is_run_again():
    me = exercise("00.me")
    me.lab.tag(me.lab.append(None, {"a": "b"}), "mine:1.0")
    assert exercise("00.me") is me
    assert me.reset() is exercise("00.me") and not me.has("mine:1.0")


@pytest.mark.parametrize("ask", [predict, reveal, exercise, begin, progress.bar])
def test_a_name_that_is_not_there_is_answered_with_those_that_are(ask):
    with pytest.raises(NotFound, match="s: 00"):
        ask("99.nothing")


def test_every_question_and_exercise_belongs_to_a_lesson():
    assert [name for one in course.LESSONS for name in one.predictions] == list(course.PREDICTIONS)
    assert [name for one in course.LESSONS for name in one.exercises] == list(course.EXERCISES)
