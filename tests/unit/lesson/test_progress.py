"""Progress: written by answers and solutions only, readable, collected, and never in two minds."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from imagelab.errors import Invalid
from imagelab.lesson import progress


def test_nothing_recorded_is_an_empty_table_and_no_file(progress_folder):
    assert len(progress.table()) == 0
    assert list(progress_folder.iterdir()) == []


def test_the_first_prediction_counts():
    progress.predicted("01.layers", "a", False)
    progress.predicted("01.layers", "b", True)
    assert progress.read()["predictions"]["01.layers"]["said"] == "a"
    assert progress.table().iloc[0].to_dict() == {
        "LESSON": "01", "PREDICTIONS RIGHT": 0, "PREDICTIONS MADE": 1, "DID NOT KNOW": 0, "EXERCISES SOLVED": 0,
        "EXERCISES TRIED": 0, "HINTS TAKEN": 0,
    }  # fmt: skip


def test_who_does_not_know_has_made_a_prediction_that_is_not_right():
    progress.predicted("01.layers", progress.DONT_KNOW, None)
    row = progress.table().iloc[0]
    assert (row["PREDICTIONS RIGHT"], row["PREDICTIONS MADE"], row["DID NOT KNOW"]) == (0, 1, 1)
    assert "predictions 1 of 3" in repr(progress.bar("01"))


def test_tries_are_counted_until_it_is_solved():
    for solved in (False, True, True):
        progress.tried("01.notes", solved=solved)
    progress.took_hint("01.notes", 2)
    progress.took_hint("01.notes", 1)
    record = progress.read()["exercises"]["01.notes"]
    assert (record["tries"], record["hints"]) == (2, 2)
    assert record["solved"].endswith("Z")


def test_a_hint_is_not_a_try():
    progress.took_hint("01.notes", 1)
    assert progress.table()["EXERCISES TRIED"][0] == 0


def test_the_file_is_where_the_learner_s_folder_is(monkeypatch, tmp_path):
    monkeypatch.delenv("IMAGELAB_PROGRESS")
    monkeypatch.chdir(tmp_path)
    progress.predicted("00.tar", "b", True)
    assert json.loads((tmp_path / ".imagelab-progress.json").read_text())["predictions"]["00.tar"]["right"] is True


@pytest.mark.parametrize(
    "damage", ["", "[]", "{}", "nul", '{"predictions": []}', '{"predictions": {"a": 1}, "exercises": {}}']
)
def test_a_damaged_file_is_refused_and_left_alone(progress_folder, damage):
    (progress_folder / progress.NAME).write_text(damage)
    with pytest.raises(Invalid, match="move it away"):
        progress.predicted("00.tar", "b", True)
    assert (progress_folder / progress.NAME).read_text() == damage


def test_two_notebooks_at_once_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: progress.predicted(f"01.q{n}", "a", True), range(40)))
    assert len(progress.read()["predictions"]) == 40


def test_a_teacher_collects_the_folders(tmp_path, monkeypatch):
    for learner, right in (("ada", True), ("bob/lessons", False)):
        monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path / learner))
        progress.predicted("00.tar", "b", right)
    (tmp_path / "eve").mkdir()
    (tmp_path / "eve" / progress.NAME).write_text("not JSON")
    (tmp_path / "idle").mkdir()
    table = progress.collect(tmp_path)
    assert list(table["LEARNER"]) == ["ada", "bob/lessons", "eve"]
    assert list(table["PREDICTIONS RIGHT"]) == [1, 0, 0]
    assert "cannot be read" in table["LESSON"][2]
