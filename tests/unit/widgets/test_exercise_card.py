"""The card of an exercise: marks that follow every cell, its buttons, what it counts, and how it fails in words."""

from __future__ import annotations

import atexit
import re
import shutil
from html import unescape

import pytest
from IPython.core.interactiveshell import InteractiveShell

from imagelab import Lab
from imagelab.lesson import course, progress
from imagelab.lesson.exercises import EXERCISES, exercise


@pytest.fixture(autouse=True)
def progress_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path / "progress"))


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(history_manager=None)
    shell.run_line_magic("load_ext", "imagelab")
    yield shell
    atexit.unregister(shell.atexit_operations)  # its history is gone with its folder by then
    InteractiveShell.clear_instance()


@pytest.fixture
def twins(shell):
    task = exercise("04.twins")
    shell.user_ns["twins"] = task
    task._repr_mimebundle_()
    return task


@pytest.fixture
def card(twins):
    return twins._card


def words(area):
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", area.value))).strip()


def test_a_docker_command_changes_the_marks_by_itself(shell, card, capsys):
    assert words(card.feedback) == "1 of 2 conditions are met."
    assert "✗ not yet : proof:1.0 points to the image that two of the four names lead to" in words(card.conditions)
    assert words(card.counts).startswith("%docker speaks to this exercise's lab, which is twins.lab in Python.")
    assert "Par: 1 docker command that changes the lab. You: 0;" in words(card.counts)
    shell.run_cell("%docker images\n%docker tag shop:latest proof:1.0")
    assert capsys.readouterr().err == ""
    assert "not yet" not in words(card.conditions) and words(card.conditions).count("✓ met") == 2
    assert words(card.feedback).startswith("✓ Exercise 04.twins: solved. Two names, one image ID")
    assert 'role="status"' in card.feedback.value
    assert "You: 1;" in words(card.counts)
    assert progress.read()["exercises"]["04.twins"]["solved"]


def test_python_changes_the_marks_as_well_and_is_not_counted(shell, card):
    shell.run_cell('twins.lab.tag("shop:latest", "proof:1.0")')
    assert "solved" in words(card.feedback) and "You: 0;" in words(card.counts)


def test_commands_are_counted_that_change_the_lab(shell, twins, card):
    cell = "%%docker\nimages\nhistory shop:1.0\ntag shop:1.0 a:1\ntag shop:1.0 a:1\nrmi a:1\nrmi nosuch"
    shell.run_cell(cell)
    assert twins.commands == 2, "one tag and one rmi: the rest changed nothing"
    other = Lab.temporary()
    other.append(None, {"a": "1"}, "a:1")
    shell.run_cell("%docker tag a:1 b:1")
    assert twins.commands == 2 and other.tags()
    assert "%docker speaks to another lab now: twins.lab.use()" in words(card.counts)
    twins._repr_mimebundle_()
    assert Lab.current() is twins.lab and "speaks to this exercise's lab" in words(card.counts)


def test_what_changes_is_announced_once(shell, card):
    shell.run_cell("%docker tag shop:1.0 shop:latest")
    printed = card.feedback.value
    assert words(card.feedback) == (
        "0 of 2 conditions are met. No longer met: the four names point where they pointed at the start."
    )
    shell.run_cell("1")
    assert card.feedback.value is printed
    shell.run_cell("%docker tag shop:1.1 shop:latest")
    assert words(card.feedback).startswith("1 of 2 conditions are met. Met now: the four names")


def test_a_picture_is_drawn_again_only_when_it_changes(shell, twins, card):
    drawn = card.pictures.value
    assert drawn.count("<img ") == 2 and "The goal" in drawn and "Now" in drawn
    shell.run_cell("1")
    assert card.pictures.value is drawn
    shell.run_cell("%docker tag shop:1.0 proof:1.0")
    assert card.pictures.value != drawn
    assert twins.draw()._repr_html_() in card.pictures.value and twins.draw_goal()._repr_html_() in card.pictures.value


def test_the_check_names_the_mistake(shell, card):
    card.check.click()
    assert "not started" in words(card.answer)
    shell.run_cell("%docker tag shop:1.0 proof:1.0")
    card.check.click()
    assert "their configs tell of two histories" in words(card.answer) and 'role="status"' in card.answer.value
    assert progress.read()["exercises"]["04.twins"] == {"tries": 1}


def test_hints_are_counted(card):
    assert card.hint.description == "Hint (0 of 3 shown)"
    for number in (1, 2):
        card.hint.click()
        assert f"Hint {number} of 3" in words(card.answer)
    assert card.hint.description == "Hint (2 of 3 shown)"
    assert progress.read()["exercises"]["04.twins"] == {"hints": 2}


def test_the_solution_runs_step_by_step(shell, twins, card):
    assert card.step.layout.display == "none"
    card.solution.click()
    assert "%docker tag shop:latest proof:1.0" in words(card.answer) and "twins.lab.tag" in words(card.answer)
    assert card.step.layout.display != "none" and not card.step.disabled
    card.step.click()
    assert "Step 1 of 2 %docker images REPOSITORY TAG" in words(card.answer)
    assert "solved" not in words(card.feedback)
    card.step.click()
    assert "(it prints nothing)" in words(card.answer)
    assert "solved" in words(card.feedback) and card.step.disabled
    assert twins.commands == 0, "a step that the card runs is not the learner's"


def test_a_step_that_fails_says_so_and_stays_the_next(shell, card):
    back = exercise("04.back")
    back._repr_mimebundle_()
    card = back._card
    card.solution.click()
    card.step.click()
    back.lab.rmi("shop:1.0")
    card.step.click()
    assert "exit code 1: this step needs the state that the steps before it leave" in words(card.answer)
    assert "No such image: shop:1.0" in words(card.answer) and back.steps_run == 1
    card.reset.click()
    for _ in back.steps:
        card.step.click()
    assert "solved" in words(card.feedback)


def test_reset_starts_again_and_docker_speaks_to_the_new_lab(shell, twins, card):
    old = twins.lab
    shell.run_cell("%docker tag shop:latest proof:1.0")
    card.hint.click()
    card.reset.click()
    assert twins.lab is not old and Lab.current() is twins.lab
    assert "not yet" in words(card.conditions) and "solved" not in words(card.feedback)
    assert "You: 0;" in words(card.counts) and card.hint.description == "Hint (0 of 3 shown)"
    shell.run_cell("%docker tag shop:latest proof:1.0")
    assert "solved" in words(card.feedback)


def test_next_says_what_follows(shell):
    in_order = [task for task in course.lesson("04").tasks if task.is_exercise]
    lines = [f"Next: exercise {task.name}, in section {task.heading}." for task in in_order[1:]]
    lines.append("Next: what you have seen, below, and then lesson 05 · Digests.")
    notebooks = ["04-tags.ipynb#", "04-tags.ipynb#", '05-digests.ipynb"']
    for task, line, notebook in zip(in_order, lines, notebooks, strict=True):
        one = exercise(task.name)
        one._repr_mimebundle_()
        one._card.check.click()
        one._card.next.click()
        [shown] = one._card.link.outputs
        assert shown["data"]["text/plain"] == line and one._card.answer.value == ""
        assert f'<a href="{notebook}' in shown["data"]["text/html"]
        one._card.hint.click()
        assert one._card.link.outputs == ()


def test_an_error_is_told_in_words_and_the_card_recovers(shell, twins, card):
    saved = twins.lab.home.parent / "saved"
    shutil.copytree(twins.lab.home, saved)
    shutil.rmtree(twins.lab.home)
    shell.run_cell("1")
    assert 'role="alert"' in card.feedback.value and "No such file or directory" in words(card.feedback)
    shutil.copytree(saved, twins.lab.home, dirs_exist_ok=True)
    shell.run_cell("%docker tag shop:latest proof:1.0")
    assert "solved" in words(card.feedback) and 'role="alert"' not in card.feedback.value


def test_a_card_is_shown_again_as_far_as_it_has_got(shell, twins, card):
    shell.run_cell("%docker tag shop:latest proof:1.0")
    before = len(shell.events.callbacks["post_run_cell"])
    twins._repr_mimebundle_()
    assert twins._card is card and len(shell.events.callbacks["post_run_cell"]) == before


@pytest.mark.parametrize("name", EXERCISES)
def test_a_page_without_a_kernel_shows_the_untouched_exercise(name):
    task, solved = exercise(name), exercise(name)
    bundle = task._repr_mimebundle_()
    exec(solved.solution_code, {solved.variable: solved})
    again = solved._repr_mimebundle_()
    for kind in ("text/plain", "text/html"):
        assert bundle[kind] == again[kind], "what is committed does not depend on what a learner has done"
    assert bundle["text/html"].count("<img ") == 1 and bundle["text/html"].count("<details><summary>Hint") >= 3
    assert "not yet" not in bundle["text/html"] and "0x" not in bundle["text/plain"]
    for condition in task.goal:
        assert f"  - {condition.name} {condition.sentence}".replace("`", "") in bundle["text/plain"]
    assert f"Par: {task.par} docker command" in bundle["text/plain"]
    task.reset(), solved.reset()


def test_no_text_has_a_colour_without_a_ground(card):
    for area in (card.head, card.pictures, card.conditions, card.feedback, card.counts):
        for style in re.findall(r'style="([^"]*)"', area.value):
            assert not re.search(r"(?<![-\w])color:", style) or "background" in style


def test_what_check_and_reset_answered_goes_once_the_lab_is_another(shell, card):
    for button, answer in ((card.check, "not solved yet"), (card.reset, "A new lab was set up.")):
        shell.run_cell("%docker tag shop:1.0 proof:1.0")
        button.click()
        assert answer in words(card.answer) or "not started" in words(card.answer)
        shell.run_cell("%docker images")
        assert words(card.answer), "nothing has changed: it stays"
        shell.run_cell("%docker tag shop:latest proof:1.0")
        assert words(card.answer) == "", "it was about what the lab was"
    card.hint.click()
    shell.run_cell("%docker rmi proof:1.0")
    assert "Hint 1" in words(card.answer), "a hint stays true"
