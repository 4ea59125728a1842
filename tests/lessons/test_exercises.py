"""Every exercise proven three ways: untouched it is not solved, the solution solves it, each mistake is told apart."""

from __future__ import annotations

import pytest

from imagelab.lesson.exercises import EXERCISES, exercise
from imagelab.lesson.markup import plain

MISTAKES = [(name, number) for name in EXERCISES for number in range(len(exercise(name).mistakes))]


@pytest.fixture(autouse=True)
def progress_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path))


def work(task, code):
    """Do what a learner would, in the words of the lesson."""
    exec(code, {task.variable: task})


@pytest.mark.parametrize("name", EXERCISES)
def test_untouched_it_is_not_solved(name):
    said = repr(exercise(name).check())
    assert "not started" in said and "missing" in said


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_solves_it(name):
    task = exercise(name)
    work(task, task.solution_code)
    said = repr(task.check())
    assert f"Exercise {name}: solved." in said and "missing" not in said and plain(task.summary) in said


@pytest.mark.parametrize(("name", "number"), MISTAKES)
def test_each_mistake_gets_its_own_message(name, number):
    task = exercise(name)
    mistake = task.mistakes[number]
    work(task, mistake.code)
    said = repr(task.check())
    assert "not solved yet" in said
    assert plain(mistake.message) in said
    others = [plain(other.message) for other in task.mistakes if other is not mistake]
    assert not [message for message in others if message in said]


@pytest.mark.parametrize(("name", "number"), MISTAKES)
def test_a_mistake_can_be_mended_and_solved(name, number):
    task = exercise(name)
    work(task, task.mistakes[number].code)
    task.check()
    task.reset()
    work(task, task.solution_code)
    assert "solved" in repr(task.check())


@pytest.mark.parametrize("name", EXERCISES)
def test_the_goal_is_drawn_from_what_is_checked(name):
    task = exercise(name)
    work(task, task.solution_code)
    drawn = task.draw().text.splitlines()
    checked = [line for line in repr(task.check()).splitlines() if "met: " in line]
    assert len(drawn) == len(checked) == len(task.goal)
    for line, condition in zip(drawn, task.goal, strict=True):
        assert line == plain(f"met: {condition.name} {condition.sentence}")


@pytest.mark.parametrize("name", EXERCISES)
def test_hints_lead_from_a_nudge_to_nearly_the_answer(name):
    task = exercise(name)
    assert len(task.hints) >= 3
    assert not any(task.solution_code in hint for hint in task.hints)
    assert "`" in task.hints[-1], "the last hint shows code"


@pytest.mark.parametrize("name", EXERCISES)
def test_no_two_mistakes_share_a_message(name):
    messages = [mistake.message for mistake in exercise(name).mistakes]
    assert len(messages) >= 3 and len(set(messages)) == len(messages)
