"""The answers to every question and exercise of the course, for teachers: docs/answers.md.

    python tools/answers.py [--write]

Prints a difference from the file there is, and exits with 1 if there is one; with --write it writes the file. The
reasons are those in the lessons' committed outputs, with the values that were measured there.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat

from imagelab.lesson import course
from imagelab.lesson.exercises import exercise
from imagelab.lesson.predictions import PREDICTIONS

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "docs" / "answers.md"
HEAD = """<!-- Written by tools/answers.py from the lessons: change them, and run it with --write. -->

# Answers

For teachers: every question of the course with its answer, and every exercise with a solution. [Teaching
imagelab](teaching.md) says how a class goes. A learner finds the same in the notebooks, after an answer of their own.
"""


def main() -> int:
    """Compare or write; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/answers.md")
    text = "\n".join([HEAD, *(line for lesson in course.LESSONS for line in of_lesson(lesson))]) + "\n"
    if parser.parse_args().write:
        FILE.write_text(text, "utf-8")
        return 0
    before = FILE.read_text("utf-8") if FILE.exists() else ""
    sys.stdout.writelines(difflib.unified_diff(before.splitlines(True), text.splitlines(True), "there", "would be"))
    return int(text != before)


def of_lesson(lesson: course.Lesson) -> Iterator[str]:
    """The lines of one lesson: questions and exercises in the order of the notebook, each with its section."""
    yield f"## {lesson.number} · {lesson.title}\n"
    reasons = dict(revealed(ROOT / "notebooks" / lesson.notebook))
    for task in lesson.tasks:
        yield f"### {'Exercise' if task.is_exercise else 'Question'} {task.name}, in section {task.heading}\n"
        yield from of_exercise(task.name) if task.is_exercise else of_question(task.name, reasons[task.name])


def revealed(path: Path) -> Iterator[tuple[str, str]]:
    """The name of each question that a notebook reveals, and what the reveal printed."""
    for cell in nbformat.read(path, as_version=4).cells:
        for name in re.findall(r'^reveal\("([\w.]+)"', cell.source, flags=re.M):
            yield name, next(out.data["text/plain"] for out in cell.outputs if out.output_type != "stream")


def of_question(name: str, answer: str) -> Iterator[str]:
    """A question, its options, and why each is right or wrong."""
    prediction = PREDICTIONS[name]()
    yield f"{prediction.question}\n"
    for letter, option in prediction.options.items():
        yield f"- {f'**({letter}) {option}**' if letter == prediction.answer else f'({letter}) {option}'}"
    yield "\n" + "\n\n".join(answer.splitlines()[1:]) + "\n"


def of_exercise(name: str) -> Iterator[str]:
    """An exercise, and its solution in docker's words and in Python."""
    task = exercise(name)
    yield f"{task.task}\n"
    yield from (f"```\n{code}\n```\n" for code in ("\n".join(task.steps), task.solution_code))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMAGELAB_PROGRESS"] = folder  # nobody's own
        sys.exit(main())
