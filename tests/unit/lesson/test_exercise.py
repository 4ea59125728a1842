"""Exercises as objects: a lab of their own, hints in turn, a reset that resets (tests/lessons: what they ask)."""

from __future__ import annotations

import pytest

from imagelab import Lab
from imagelab.errors import NotFound
from imagelab.lesson import course, progress
from imagelab.lesson.exercises import exercise


def test_each_one_is_fresh_and_has_a_lab_of_its_own():
    first, second = exercise("01.notes"), exercise("01.notes")
    assert first.lab.home != second.lab.home
    first.lab.append("shop:1.0", {"x": "1"}, tag="mine:1")
    assert not second.has("mine:1")


def test_docker_speaks_to_an_exercise_s_lab_once_its_card_is_shown(lab):
    lab = Lab.temporary()
    notes = exercise("01.notes")
    repr(notes), notes.check()
    assert Lab.current() is lab
    notes._repr_mimebundle_()
    assert Lab.current() is notes.lab
    assert notes.reset().lab is Lab.current()
    lab.use()
    notes.reset()
    assert Lab.current() is lab, "the lab that is given up was not spoken to"


def test_untouched_is_not_a_try(progress_folder):
    notes = exercise("01.notes")
    assert "not started" in repr(notes.check())
    repr(notes), notes._repr_html_(), notes.draw()
    assert list(progress_folder.iterdir()) == []


def test_a_try_that_fits_no_mistake_still_says_what_is_missing():
    notes = exercise("01.notes")
    notes.lab.append("shop:1.0", {"other.txt": "1"}, tag="other:1")
    printed = repr(notes.check())
    assert "not solved yet" in printed
    assert "✗ not yet: shop:clean shows no app/notes.txt" in printed
    assert "(there is no image called shop:clean)" in printed
    assert progress.read()["exercises"]["01.notes"] == {"tries": 1}


def test_what_a_container_does_is_a_try(progress_folder):
    kept = exercise("06.kept")
    assert "not started" in repr(kept.check())
    kept.lab.container("draft").start()
    assert "not solved yet" in repr(kept.check())
    assert progress.read()["exercises"]["06.kept"] == {"tries": 1}


def test_reset_ends_the_containers_of_the_lab_that_is_given_up():
    kept = exercise("06.kept")
    till = kept.lab.container("till").start()
    assert till.running
    kept.reset()
    assert till.gone
    assert not kept.lab.container("till").running


def test_hints_come_one_by_one_and_the_last_stays():
    me = exercise("00.me")
    printed = [repr(me.hint()) for _ in range(4)]
    assert [line.split(":")[0] for line in printed] == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    assert progress.read()["exercises"]["00.me"] == {"hints": 3}


def test_reset_brings_the_start_back():
    notes = exercise("01.notes")
    exec(notes.solution_code, {"notes": notes})
    assert "solved" in repr(notes.check())
    assert notes.reset() is notes
    assert not notes.has("shop:clean") and notes.has("shop:1.0")
    assert "not started" in repr(notes.check())


def test_the_drawing_of_the_goal_follows_the_lab():
    notes = exercise("01.notes")
    assert "not yet: shop:clean: not there" in notes.draw().text
    assert "no image of this name" in notes.draw().svg
    exec(notes.solution_code, {"notes": notes})
    assert "not yet" not in notes.draw().text and "✗" not in notes.draw().svg


def test_the_start_is_the_same_everywhere():
    """So that the committed notebook shows the learner's own digests."""
    assert exercise("01.settings").lab.image("shop:1.0").id == exercise("01.notes").lab.image("shop:1.0").id


def test_files_that_come_with_an_exercise_go_with_it():
    lost = exercise("01.lost")
    folder = lost.folder
    assert (folder / "lost.tar").is_file()
    del lost
    assert not folder.exists()


def test_an_unknown_name_lists_the_known():
    with pytest.raises(NotFound, match=r"00\.me"):
        exercise("nothing")


def test_the_check_of_a_solved_exercise_leads_on():
    first, *_, last = [task.name for task in course.lesson("04").tasks if task.is_exercise]
    for name, target in ((first, "04-tags.ipynb#"), (last, "05-digests.ipynb"), (course.LESSONS[-1].exercises[-1], "")):
        task = exercise(name)
        exec(task.solution_code, {task.variable: task})
        shown = task.check()._repr_html_()
        assert (f'<a href="{target}' in shown) if target else ("<a " not in shown)
        task.reset()
