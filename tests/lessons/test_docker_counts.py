"""What lesson 02 says of layers and sizes is what Docker says of the same images, loaded there."""

from __future__ import annotations

import json
import re

import nbformat
import pytest

from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "02-layers.ipynb"
MAKE = ("rootfs = ", "album = ", "photo = ", "service = ", "shelf = ")  # the cells that make the images


@pytest.fixture(scope="module")
def lesson():
    """The names of the lesson once its images are made."""
    names: dict[str, object] = {}
    for number, cell in enumerate(nbformat.read(LESSON, as_version=4).cells):
        if cell.cell_type == "code" and (number < 2 or cell.source.startswith(MAKE)):
            exec(re.sub(r"^%.*$", "", cell.source, flags=re.M), names)
    return names


@pytest.fixture(scope="module")
def loaded(lesson, docker, tmp_path_factory):
    """Docker, with the lesson's images in it."""
    folder = tmp_path_factory.mktemp("saved")
    for lab in ("lab", "shelf"):
        lesson[lab].save([name.familiar for image in lesson[lab].images() for name in image.names], folder / lab)
        docker("load", "-i", folder / lab)
    return docker


def printed(command):
    """What the lesson shows for a docker command, line by line."""
    cells = nbformat.read(LESSON, as_version=4).cells
    return next(c.outputs[0].text for c in cells if c.source == f"%docker {command}").splitlines()


def cells(line):
    """A line's columns, without those that are not of the image: how long ago, and whose parent is here."""
    found = re.split(r"\s{2,}", re.sub(r"\d+ years ago", "N years ago", line.rstrip()))
    return [cell for cell in found if not re.fullmatch(r"[0-9a-f]{12}|<missing>", cell)]


@pytest.mark.parametrize("name", ["album:1.0", "service:1.0"])
def test_the_history_is_docker_s(loaded, name):
    said = loaded("history", name).splitlines()
    assert [cells(line) for line in said] == [cells(line) for line in printed(f"history {name}")]


def test_docker_shares_what_the_lesson_shares(loaded):
    """`docker system df -v`: SIZE, SHARED SIZE and UNIQUE SIZE of each image."""
    said = loaded("system", "df", "-v").splitlines()
    shown = [line for line in printed("system df -v") if re.match(r"(runtime|web|api) ", line)]
    assert len(shown) == 3
    for line in shown:
        assert cells(line) in [cells(other) for other in said]


def test_docker_s_sizes_are_the_ones_that_the_lesson_measured(lesson, loaded):
    for name in ("before", "album", "private", "service", "runtime", "web", "api"):
        image = lesson[name]
        found = json.loads(loaded("image", "inspect", image.names[0].familiar))[0]
        assert found["Size"] == image.size
        assert found["RootFS"]["Layers"] == [*image.diff_ids]


def test_a_deleted_secret_is_out_of_docker_s_sight_and_in_what_it_sends(loaded):
    container = loaded("create", "service:1.0", "sh").strip()
    seen = loaded.run("export", container).stdout
    loaded("rm", container)
    assert b"app/ready" in seen and b"hunter2" not in seen
    assert b"DB_PASSWORD=hunter2" in loaded.run("save", "service:1.0").stdout
