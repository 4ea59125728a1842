"""What lesson 01 prints for a docker command is what Docker prints of the same image, saved here and loaded there."""

from __future__ import annotations

import re
import shlex

import nbformat
import pytest

from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "01-what-an-image-contains.ipynb"
BUILDS = ("lab = Lab.temporary", "rootfs = ", "said = ", "archive = ")  # the cells that make the image and save it


@pytest.fixture(scope="module")
def lesson():
    """The names of the lesson once its image is made and written to `archive`."""
    names: dict[str, object] = {}
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if cell.cell_type == "code" and any(start in cell.source for start in BUILDS):
            exec(re.sub(r"^%.*$", "", cell.source, flags=re.M), names)
    return names


def docker_cells():
    found = [cell for cell in nbformat.read(LESSON, as_version=4).cells if cell.source.startswith("%docker ")]
    return [(cell.source.removeprefix("%docker "), cell.outputs[0].text) for cell in found]


def words(text):
    """The words of an output, without those that are not of the image: how long ago, and whose parent is here."""
    text = re.sub(r"\d+ years ago", "", text)
    return [word for word in text.split() if not re.fullmatch(r"[0-9a-f]{12}|<missing>", word)]


def test_docker_loads_the_lesson_s_archive_and_says_the_same(lesson, docker):
    said = docker("load", "-i", lesson["archive"]).splitlines()  # first of another shop:1.0, if a lesson left one
    assert said[-1] == "Loaded image: shop:1.0"
    asked = docker_cells()
    assert len(asked) >= 4
    for command, printed in asked:
        said = docker(*shlex.split(command))
        if command.startswith("history"):
            assert words(said) == words(printed)
            assert said.split("\n")[1].split()[0] == printed.split("\n")[1].split()[0] == lesson["image"].id.short
        else:
            assert said.strip() == printed.strip()
