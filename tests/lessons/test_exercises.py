"""Every exercise proven: untouched it is not solved, both solutions solve it, each mistake is told apart."""

from __future__ import annotations

import shutil
import sys

import pytest

from imagelab.errors import LabError
from imagelab.lesson import steps
from imagelab.lesson.exercises import EXERCISES, exercise
from imagelab.lesson.markup import plain
from imagelab.widgets import build_progress
from lessons.kernels import kernel
from lessons.near_misses import breaks

MISTAKES = [(name, number) for name in EXERCISES for number in range(len(exercise(name).mistakes))]


@pytest.fixture(autouse=True)
def progress_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path))


def work(task, code):
    """Do what a learner would, in the words of the lesson."""
    exec(code, {task.variable: task})


@pytest.mark.parametrize("name", EXERCISES)
def test_it_is_set_up_without_a_progress_bar_and_its_pictures_have_no_marks_of_markup(name, monkeypatch):
    """The learner did not ask for what it builds and pushes; and a picture shows a backtick as it is."""
    shown = []
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    monkeypatch.setattr(build_progress, "is_watched", lambda: shown.append(name))
    task = exercise(name)
    for drawing in (task.draw(), task.draw_goal()):
        assert "`" not in drawing.svg and "`" not in drawing.text
    assert shown == []


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


class Solved:
    """An exercise in its solved state, as often as it is needed."""

    def __init__(self, name):
        self.task = exercise(name)
        work(self.task, self.task.solution_code)
        served = "registry" in vars(self.task)
        self.fresh = served or bool(self.task.lab.containers())  # what runs cannot be copied: it is made anew
        home = self.task.lab.home
        self.tags = []
        self.saved, self.files = home.parent / "solved", home.parent / "files"
        if not self.fresh:
            shutil.copytree(home, self.saved)
            shutil.copytree(self.task.folder, self.files)

    def again(self):
        if self.fresh:
            if not self._mended():
                self.task.reset()
                work(self.task, self.task.solution_code)
                self.tags = [(name.familiar, self.task.lab.image(name.familiar)) for name in self.task.lab.tags()]
        else:
            for path, saved in ((self.task.lab.home, self.saved), (self.task.folder, self.files)):
                shutil.rmtree(path)
                shutil.copytree(saved, path)
        assert ": solved." in repr(self.task.check())
        return self.task

    def _mended(self):
        """Put the tags back where they were; whether that is enough."""
        if "registry" in vars(self.task):
            return False
        try:
            for name, image in self.tags:
                self.task.lab.tag(image, name)
        except LabError:
            return False
        return all(verdict.holds for _, verdict in self.task.verdicts())


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n[:2] == "06")) for n in EXERCISES])
def test_a_near_miss_is_not_called_solved(name):
    solved = Solved(name)
    labels = [[label for label, _ in breaks(condition, solved.task)] for condition in solved.task.goal]
    for number, own in enumerate(labels):
        for label in own:
            task = solved.again()
            condition = task.goal[number]
            dict(breaks(condition, task))[label]()
            verdict = condition.check(task.lab)
            said = repr(task.check())
            assert not verdict.holds and ": solved." not in said, f"{condition}: {label}"
            assert (condition.look(task.lab).lines == condition.lines) is verdict.holds
            assert f"✗ not yet: {condition.name} {plain(condition.sentence)}" in said
            assert task.draw().svg
    task.reset()


@pytest.mark.parametrize("name", EXERCISES)
def test_a_docker_solution_without_one_of_its_commands_does_not_solve_it(name):
    commands = [number for number, step in enumerate(exercise(name).steps) if steps.changes_the_lab(step)]
    for left_out in commands:
        task = exercise(name)
        for number, step in enumerate(task.steps):
            if number != left_out:
                steps.run(step, {task.variable: task}, task.lab)
        assert ": solved." not in repr(task.check()), task.steps[left_out]
        task.reset()


@pytest.mark.parametrize("name", EXERCISES)
def test_an_unrelated_change_is_a_try_and_no_mistake(name):
    task = exercise(name)
    task.lab.append(None, {"nothing.txt": "to do with it\n"}, "unrelated:1.0")
    if task.lab.containers() or name == "06.diverge":
        task.lab.run("shop:1.0", name="unrelated", detach=True)
    said = repr(task.check())
    assert ": not solved yet." in said
    named = [mistake for mistake in task.mistakes if plain(mistake.message) in said]
    assert not [mistake for mistake in named if "nothing is called `me:1.0`" not in mistake.message]
    task.reset()


def test_the_docker_solutions_work_as_cells_of_a_notebook_and_their_commands_are_the_par(tmp_path):
    with kernel(tmp_path) as running:
        running.run('from imagelab.lesson import begin, exercise\nbegin("00")')
        for name in EXERCISES:
            task = exercise(name)
            (shown,) = running.run(f'{task.variable} = exercise("{name}")\n{task.variable}')
            assert shown["data"]["text/plain"] == repr(task)
            for step in task.steps:
                outputs = running.run(step)
                assert not [output for output in outputs if output["output_type"] == "error"], (step, outputs)
            (checked,) = running.run(f"{task.variable}.check()")
            assert f"Exercise {name}: solved." in checked["data"]["text/plain"]
            (counted,) = running.run(f"print({task.variable}.commands)")
            assert int(counted["text"]) == task.par, name
            running.run(f"{task.variable}.reset()")
            task.reset()
