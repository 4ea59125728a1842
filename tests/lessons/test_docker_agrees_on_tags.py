"""Lesson 04 in two places at once: each command in the lab and in Docker, each move of a tag repeated there."""

from __future__ import annotations

import re
import shlex

import nbformat
import pytest

from imagelab.cli import magic
from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "04-tags.ipynb"


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
        self.docker, self.folder, self.seen, self.lab = docker, folder, 0, None

    def repeat(self, lab) -> None:
        """Do in Docker what has been done to the lab's tags since; another lab is brought there as it is."""
        if lab is not self.lab:
            self.docker("image", "prune", "--all", "--force")
            self.lab, self.seen = lab, len(lab.tag_log())
            for image in lab.images(all=True):
                self._load(image)
            tags = {name: lab.store.image(digest) for name, digest in lab.tags().items()}
        else:
            last = {move.name: move.new for move in self.skip()}
            tags = {name: lab.store.image(new) for name, new in last.items() if new}
        for name, image in tags.items():
            self._load(image)
            self.docker("tag", image.id, name.familiar)

    def _load(self, image) -> None:
        if self.docker.run("image", "inspect", image.id).returncode:
            self.lab.save(image, self.folder / "image.tar")
            self.docker("load", "-i", self.folder / "image.tar")

    def skip(self):
        """The moves since the last look."""
        new = self.lab.tag_log()[self.seen :]
        self.seen += len(new)
        return new


def in_turn(source):
    """A cell as Python whose docker commands are calls of `docker`."""
    if source.startswith("%%docker"):
        return "\n".join(f"docker({command!r})" for command in commands(source))
    return re.sub(r"^%docker (.*)$", lambda line: f"docker({line[1]!r})", source, flags=re.M)


def test_docker_does_and_prints_what_the_lesson_shows(docker, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path))
    beside, compared = Beside(docker, tmp_path), []
    names = {}

    def both(command):
        lab, words = names["lab"], magic.words(command, names)
        beside.repeat(lab)
        capsys.readouterr()
        magic.docker(shlex.join(words))
        here = capsys.readouterr().out
        printed = "".join(output.get("text", "") for output in cell.outputs)
        assert here.strip() in printed, "the committed output"
        if words[0] != "--as":  # the Engine is no Docker 29
            assert said(docker(*words)) == said(here), command
        beside.skip()
        compared.append(words[0])

    names["docker"] = both
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if cell.cell_type == "code":
            exec(in_turn(cell.source), names)
    assert sorted(compared) == ["--as", *["image"], *["images"] * 2, *["rmi"] * 2, *["tag"] * 3]


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
