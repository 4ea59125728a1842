"""Every exercise proven: untouched it is not solved, both solutions solve it, each mistake is told apart."""

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
    assert "not started" in said and "✗ not yet" in said


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_solves_it(name):
    task = exercise(name)
    work(task, task.solution_code)
    said = repr(task.check())
    assert f"Exercise {name}: solved." in said and "not yet" not in said and plain(task.summary) in said


@pytest.mark.parametrize("name", EXERCISES)
def test_the_docker_solution_solves_it_step_by_step(name):
    task = exercise(name)
    for step in task.steps:
        assert ": solved" not in repr(task.check())
        assert step in repr(task.run_step()) and "exit code" not in repr(task.run_step)
    said = repr(task.check())
    assert f"Exercise {name}: solved." in said and "not yet" not in said
    assert repr(task.run_step()) == "Every step has been run."


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
    goal, now = task.draw_goal().text.splitlines(), task.draw().text.splitlines()
    assert len(goal) == len(task.goal)
    assert now == [f"as in the goal: {line}" for line in goal]
    for condition, line in zip(task.goal, goal, strict=True):
        assert line == f"{condition.name}: {'; '.join(condition.lines)}"


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
