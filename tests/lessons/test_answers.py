"""docs/answers.md is what the lessons say today, and docs/teaching.md speaks of every lesson as long as it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from imagelab.lesson import course, progress
from imagelab.lesson.exercises import EXERCISES
from imagelab.lesson.predictions import PREDICTIONS

ROOT = Path(__file__).parents[2]
ANSWERS, TEACHING = (ROOT / "docs" / name for name in ("answers.md", "teaching.md"))


def test_the_answers_are_those_of_the_lessons():
    done = subprocess.run([sys.executable, ROOT / "tools" / "answers.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), "python tools/answers.py --write"


def test_each_question_and_each_exercise_has_an_answer():
    headings = re.findall(r"^### (Question|Exercise) ([\w.]+),", ANSWERS.read_text("utf-8"), flags=re.M)
    assert sorted(headings) == sorted([*(("Question", q) for q in PREDICTIONS), *(("Exercise", e) for e in EXERCISES)])


def test_the_teacher_s_page_has_every_lesson_with_its_minutes():
    text = TEACHING.read_text("utf-8")
    headings = re.findall(r"^### (\d\d) · (.*)$", text, flags=re.M)
    assert headings == [(lesson.number, lesson.title) for lesson in course.LESSONS]
    day = [column.split("|")[4] for column in text.splitlines() if re.match(r"\| (first|then|last) ", column)]
    planned = dict(re.findall(r"\b(\d\d) \((\d+)\)", " ".join(day)))
    assert planned == {lesson.number: str(lesson.minutes) for lesson in course.LESSONS}


def test_the_table_of_a_class_is_as_the_teacher_s_page_says(tmp_path):
    for learner in ("ada", "grace"):
        (tmp_path / learner).mkdir()
        (tmp_path / learner / progress.NAME).write_text(
            '{"version": 1, "predictions": {"00.tar": {"said": "b", "right": true, "when": ""}}, "exercises": {}}'
        )
    table = progress.collect(tmp_path)
    assert list(table["LEARNER"]) == ["ada", "grace"]
    assert list(table.groupby("LESSON").sum(numeric_only=True).index) == ["00"]
