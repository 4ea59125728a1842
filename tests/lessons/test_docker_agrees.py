"""What lesson 01 prints for a docker command is what Docker prints of the same image, saved here and loaded there."""

from __future__ import annotations

import re
import shlex

import nbformat
import pytest

from imagelab import Lab
from imagelab.cli import run
from imagelab.cli.command import Session
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


def elsewhere(lab, command, capsys):
    """What a docker command prints here in a lab that has loaded its images, as Docker has; `lab` is that lab."""
    capsys.readouterr()
    assert run(shlex.split(command), name="docker", session=Session(lab=lab)) == 0
    return capsys.readouterr().out


def same_but_the_ids(printed, loaded):
    """Two histories: where the image was made each step may have an ID, elsewhere it is `<missing>`."""
    return [row[1:] for row in columns(printed)] == [row[1:] for row in columns(loaded)]


def test_docker_loads_the_lesson_s_archive_and_says_the_same(lab, docker, tmp_path, capsys):
    lab.save("shop:1.0", tmp_path / "shop.tar")
    said = docker("load", "-i", tmp_path / "shop.tar").splitlines()  # first of another shop:1.0, if a lesson left one
    assert said[-1] == "Loaded image: shop:1.0"
    other = Lab(tmp_path / "other", current=False)
    other.load(tmp_path / "shop.tar")
    asked = docker_cells()
    assert len(asked) >= 5
    for command, printed in asked:
        said = docker(*shlex.split(command))
        if command.startswith("history"):
            here = elsewhere(other, command, capsys)
            assert columns(said) == columns(here) and same_but_the_ids(printed, here)
            ids = [row[0] for row in columns(said)[1:]]
            assert ids[0] == lab.image("shop:1.0").id.short and set(ids[1:]) == {"<missing>"}
        else:
            assert said.strip() == printed.strip()
