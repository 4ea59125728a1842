"""The rule for a lesson's minutes, part by part."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imagelab.lesson import minutes


def prose(text: str, **metadata: object) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": metadata, "source": text}


def code(text: str, html: str = "") -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": text, "outputs": [{"data": {"text/html": html}}]}


def written(path, *cells):
    path.write_text(json.dumps({"cells": cells}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (prose("word " * 300), 2),
        (prose("word\n" * 150 + "<details><summary>**blob**</summary>" + " note" * 1000 + "</details>"), 1),
        (prose("| a | b |\n|---|---|\n" + "| one | two |\n" * 74), 1),
        (prose("word " * 149 + "![chain](x.svg)"), 1.25),
        (code("line\n\n" * 24), 2),
        (code("line\n" * 12, "<table><tr></table><img alt='x'>"), 1.5),
        (code('predict("04.same")', "<table>"), 1 + 1 / 12),
        (code('reveal("04.same", n=1)', "<table>"), 1 / 12),
        (code('twins = exercise("04.twins")\ntwins', "<img>"), 6 + 2 / 12),
        (code("TagBoard(bench)", "<img><table>"), 2 + 1 / 12),
        (code("from imagelab.widgets import TagBoard"), 1 / 12),
    ],
)  # fmt: skip
def test_each_kind_of_cell_has_its_minutes(tmp_path, cell, expected):
    [section] = minutes.sections(written(tmp_path / "x.ipynb", cell))
    assert section.minutes == pytest.approx(expected)


def test_a_section_marked_more_does_not_count(tmp_path):
    notebook = written(
        tmp_path / "04-tags.ipynb", prose("# 04 · Tags"), prose("## 1. Names\n" + "word " * 1500), code("x\n" * 60),
        prose("## 2. More: the log", **{minutes.FOLDED: True}), code('exercise("04.back")'), prose("word " * 3000),
        prose("## 3. What you have seen\n" + "word " * 300),
    )  # fmt: skip
    lesson = minutes.sections(notebook)
    assert [(section.heading, section.more) for section in lesson] == [
        ("04 · Tags", False), ("1. Names", False), ("2. More: the log", True), ("3. What you have seen", False)
    ]  # fmt: skip
    assert sum(len(section.cells) for section in minutes.core(lesson)) == 4
    assert minutes.lesson_minutes(notebook) == 15  # 10 of words, 5 of code, 2 of words: 17
