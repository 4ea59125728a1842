"""What lesson 01 prints for a docker command is what Docker prints of the same image, saved here and loaded there."""

from __future__ import annotations

import re
import shlex

import nbformat
import pytest

from imagelab.lesson.scene import prepared
from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "01-what-an-image-contains.ipynb"


@pytest.fixture(scope="module")
def lab():
    """The lab in which the lesson saves its image."""
    return prepared("01.7")


def docker_cells():
    found = [cell for cell in nbformat.read(LESSON, as_version=4).cells if cell.source.startswith("%docker ")]
    return [(cell.source.removeprefix("%docker "), cell.outputs[0].text) for cell in found]


def columns(history):
    """The rows of a history, without how long ago; docker fills them with blanks."""
    rows = [re.split(r"\s{2,}", line.rstrip()) for line in history.rstrip().splitlines()]
    return [[re.sub(r"\d+ years ago", "N years ago", column) for column in row] for row in rows]


def as_loaded(history):
    """A history printed where the image was made, as it reads where the image was loaded: the steps are missing."""
    titles, image, *steps = columns(history)
    return [titles, image, *(["<missing>", *step[1:]] for step in steps)]


def test_docker_loads_the_lesson_s_archive_and_says_the_same(lab, docker, tmp_path):
    lab.save("shop:1.0", tmp_path / "shop.tar")
    said = docker("load", "-i", tmp_path / "shop.tar").splitlines()  # first of another shop:1.0, if a lesson left one
    assert said[-1] == "Loaded image: shop:1.0"
    asked = docker_cells()
    assert len(asked) >= 5
    for command, printed in asked:
        said = docker(*shlex.split(command))
        if command.startswith("history"):
            assert columns(said) == as_loaded(printed)
        else:
            assert said.strip() == printed.strip()
