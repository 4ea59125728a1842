"""Lesson 04 in two places at once: each command in the lab and in Docker, each move of a tag repeated there."""

from __future__ import annotations

import re
import shlex

import nbformat
import pytest

from imagelab.cli import magic
from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "04-tags.ipynb"
OURS = ("tag-undo",)  # docker has no such command


def commands(source):
    """The docker commands of a cell."""
    if source.startswith("%%docker"):
        return magic.commands(source.removeprefix("%%docker"))
    return re.findall(r"^%docker (.*)$", source, flags=re.M)


def said(text):
    """What was printed, without how long ago; the lines of a table in one order, for Docker's is by chance here."""
    lines = [re.sub(r"\d+ years ago", "", line).split() for line in text.strip().splitlines()]
    return sorted(lines) if lines and lines[0][:1] == ["REPOSITORY"] else lines


class Beside:
    """A Docker Engine whose tags are kept where the lesson's lab has its own."""

    def __init__(self, docker, folder) -> None:
        self.docker, self.folder, self.seen = docker, folder, 0
        docker("image", "prune", "--all", "--force")

    def repeat(self, lab) -> list[str]:
        """Do in Docker what has been done to the lab's tags since; returns what it printed."""
        printed = []
        for move in self.skip(lab):
            name = move.name.familiar
            if not move.new:
                printed += self.docker("rmi", name).splitlines()
                continue
            image = lab.store.image(move.new)
            if self.docker.run("image", "inspect", image.id).returncode:
                lab.save(image, self.folder / "image.tar")
                self.docker("load", "-i", self.folder / "image.tar")
            self.docker("tag", image.id, name)
        return printed

    def skip(self, lab):
        """The moves since the last look."""
        new = lab.tag_log()[self.seen :]
        self.seen += len(new)
        return new


def test_docker_does_and_prints_what_the_lesson_shows(docker, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path))
    beside, names, compared = Beside(docker, tmp_path), {}, []
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if "Your turn" in cell.source:
            break
        if cell.cell_type != "code":
            continue
        asked = commands(cell.source)
        exec("" if asked else re.sub(r"^%.*$", "", cell.source, flags=re.M), names)
        if "lab" not in names:
            continue
        printed = beside.repeat(names["lab"])
        if "lab.rmi(" in cell.source:
            assert printed == names["lines"]
            compared.append("rmi")
        for command in asked:
            capsys.readouterr()
            magic.docker(command)
            here = capsys.readouterr().out
            assert here.strip() in cell.outputs[0].text, "the committed output"
            if command.startswith(OURS):
                beside.repeat(names["lab"])
                continue
            beside.skip(names["lab"])
            assert said(docker(*shlex.split(command))) == said(here), command
            compared.append(command.split()[0])
    assert sorted(compared) == ["image", "images", "images", "images", "images", "rmi", "rmi", "tag", "tag"]


def test_docker_refuses_and_keeps_as_the_lesson_says(docker, lab_of_two_names):
    """rmi by ID of an image with two names; prune beside a container; a container keeps the ID it was made from."""
    image = lab_of_two_names
    refused = docker.run("rmi", image.id.short)
    assert refused.returncode == 1 and b"image is referenced in multiple repositories" in refused.stderr
    made = docker("create", "shop:1.0", "/bin/true").strip()
    docker("rmi", "shop:latest")
    docker("tag", "shop:2.0", "shop:1.0")
    assert docker("inspect", "--format", "{{.Image}}", made).strip() == image.id
    assert docker("ps", "-a", "--filter", f"id={made}", "--format", "{{.Image}}").strip() == image.id.short
    assert image.id not in docker("image", "prune", "--force")
    docker("rm", made)
    assert image.id in docker("image", "prune", "--force")


@pytest.fixture
def lab_of_two_names(docker, tmp_path):
    from imagelab import Lab

    lab = Lab.temporary(epoch=0, current=False)
    image = lab.append(None, {"menu.txt": "soup 4\n"}, "shop:1.0")
    lab.tag(image, "shop:latest")
    lab.append(None, {"menu.txt": "soup 5\n"}, "shop:2.0")
    lab.save("shop", tmp_path / "shop.tar")
    docker("load", "-i", tmp_path / "shop.tar")
    return image
