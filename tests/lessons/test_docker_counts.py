"""What lesson 02 says of layers and sizes is what Docker says of the same images, loaded there."""

from __future__ import annotations

import json

import nbformat
import pytest

from imagelab import Lab
from imagelab.lesson import scenes
from imagelab.lesson.scene import prepared
from lessons.test_docker_agrees import columns, elsewhere, same_but_the_ids
from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "02-layers.ipynb"


@pytest.fixture(scope="module")
def labs():
    """The lesson's lab after its last section, and the lab of the section on sizes."""
    cells = nbformat.read(LESSON, as_version=4).cells
    names = {"Lab": Lab}
    exec(next(cell.source for cell in cells if "shelf = three_images()" in cell.source), names)
    return [prepared(f"02.{len(scenes.sections('02'))}"), names["shelf"]]


@pytest.fixture(scope="module")
def archives(labs, tmp_path_factory):
    """The lesson's images, an archive for each lab."""
    folder = tmp_path_factory.mktemp("saved")
    for number, lab in enumerate(labs):
        lab.save([name.familiar for image in lab.images() for name in image.names], folder / f"{number}.tar")
    return [folder / f"{number}.tar" for number in range(len(labs))]


@pytest.fixture(scope="module")
def loaded(archives, docker):
    """Docker, with the lesson's images in it."""
    for archive in archives:
        docker("load", "-i", archive)
    return docker


@pytest.fixture(scope="module")
def other(archives, tmp_path_factory):
    """Another lab, with the lesson's images in it."""
    lab = Lab(tmp_path_factory.mktemp("other"), current=False)
    for archive in archives:
        lab.load(archive)
    return lab


def printed(command):
    """What the lesson shows for a docker command."""
    cells = nbformat.read(LESSON, as_version=4).cells
    return next(cell.outputs[0].text for cell in cells if cell.source == f"%docker {command}")


@pytest.mark.parametrize("name", ["album:1.0", "service:1.0"])
def test_the_history_is_docker_s(loaded, other, name, capsys):
    """Word by word in a lab that loaded the same archives: an ID where an image is linked to the one above.

    The lesson's own lab made every step, so only the IDs differ there.
    """
    said, here = loaded("history", name), elsewhere(other, f"history {name}", capsys)
    assert columns(said) == columns(here)
    assert same_but_the_ids(printed(f"history {name}"), here)
    assert "<missing>" in [row[0] for row in columns(said)]


def test_docker_shares_what_the_lesson_shares(loaded):
    """`docker system df -v`: SIZE, SHARED SIZE and UNIQUE SIZE of each image."""
    said = columns(loaded("system", "df", "-v"))
    shown = [row for row in columns(printed("system df -v")) if row[0] in ("runtime", "web", "api")]
    assert len(shown) == 3
    for row in shown:
        assert row in said


def test_docker_s_sizes_are_the_ones_that_the_lesson_measured(labs, loaded):
    images = [image for lab in labs for image in lab.images() if image.names]
    assert len(images) == 9
    for image in images:
        found = json.loads(loaded("image", "inspect", image.names[0].familiar))[0]
        assert found["Size"] == image.size
        assert found["RootFS"]["Layers"] == [*image.diff_ids]


def test_a_deleted_secret_is_out_of_docker_s_sight_and_in_what_it_sends(loaded):
    container = loaded("create", "service:1.0", "sh").strip()
    seen = loaded.run("export", container).stdout
    loaded("rm", container)
    assert b"app/ready" in seen and b"hunter2" not in seen
    assert b"DB_PASSWORD=hunter2" in loaded.run("save", "service:1.0").stdout
