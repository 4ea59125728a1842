"""A lesson says how long it takes, by the rule of `imagelab.lesson.minutes`, as README and the map do; it is short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagelab.lesson import course, minutes, progress

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NOT_YET: set[str] = set()  # to be cut to a core of 25 to 30 minutes; must stay empty
each = pytest.mark.parametrize("lesson", course.LESSONS, ids=lambda lesson: lesson.number)


def said(lesson):
    """The minutes at the lesson's head."""
    title = minutes.source(minutes.sections(NOTEBOOKS / lesson.notebook)[0].cells[0])
    return int(re.search(r"^\*(\d+) minutes\b", title, flags=re.M)[1])


@each
def test_its_core_is_short_and_its_head_says_its_minutes(lesson):
    """25 to 30 minutes (the first lesson may be shorter) in at most 60 cells."""
    core = minutes.core(minutes.sections(NOTEBOOKS / lesson.notebook))
    rounded, cells = minutes.rounded(core), sum(len(section.cells) for section in core)
    faults = []
    if not (15 if lesson.number == "00" else 25) <= rounded <= 30:
        faults.append(f"the rule gives {rounded} minutes")
    if cells > 60:
        faults.append(f"it has {cells} cells")
    if said(lesson) != rounded:
        faults.append(f"its head says {said(lesson)} minutes, the rule gives {rounded}")
    if lesson.number in NOT_YET:
        assert faults, "it keeps the rule now: take it out of NOT_YET"
    else:
        assert not faults


@each
def test_readme_says_the_same_minutes(lesson):
    readme = (NOTEBOOKS.parent / "README.md").read_text("utf-8")
    row = re.search(rf"^\| \[[^]]*\]\(notebooks/{lesson.notebook}\) \|.*\| (\d+) \|$", readme, flags=re.M)
    assert row and int(row[1]) == said(lesson)


def test_the_map_in_lesson_00_is_todays(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path))
    cells = [cell for part in minutes.sections(NOTEBOOKS / course.LESSONS[0].notebook) for cell in part.cells]
    [cell] = [cell for cell in cells if minutes.source(cell) == "progress.map()"]
    shown = "".join(cell["outputs"][0]["data"]["text/plain"])
    assert shown == repr(progress.map()), "python tools/run_notebooks.py notebooks/00-start-here.ipynb"
