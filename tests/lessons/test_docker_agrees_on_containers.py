"""Lesson 06 on a real Docker: each of its commands there too, and what it prints is what the lesson shows.

Docker runs busybox where the lesson's containers run an interpreter; names, states, files and refusals are the same.
"""

from __future__ import annotations

import re
import shlex
from itertools import groupby

import nbformat
import pytest

from imagelab import Entry, Lab
from imagelab.cli import magic
from lessons.test_docker_agrees_on_tags import commands
from lessons.test_notebooks import ROOT

LESSON = ROOT / "notebooks" / "06-image-and-container.ipynb"
IN_PYTHON = {  # what the lesson does without a docker command, and the command that does it in Docker
    "os.kill(left.pid, signal.SIGKILL)": "kill left",
    "right.stop(timeout=0).start()": "restart -t 0 right",
}
# What a scene says first; its lines end where they are long.
SCENE = re.compile(r"^Section 06\..*?\.\n(?:%docker speaks to this lab\.\n)?", re.DOTALL)
REFUSED = {'lab.container("left").remove()': "rm left", 'lab.rmi("shop:1.0")': "rmi shop:1.0"}


def plain(text):
    """Without IDs, which are others; with the lines of a diff in one order, since Docker's is by chance."""
    text = re.sub(r"\b(sha256:)?[0-9a-f]{64}\b|\b[0-9a-f]{12}\b", "<id>", text)
    lines = [re.sub(r" {2,}", "  ", line).rstrip() for line in text.strip().splitlines() if line.strip()]
    found: list[str] = []
    for is_diff, group in groupby(lines, key=lambda line: bool(re.match("[ACD] /", line))):
        together = list(group)
        found += sorted(together) if is_diff else together
    return found


def in_python(cell):
    """How the lines begin that a cell prints in Python, not in docker's words."""
    return tuple(re.findall(r'^print\("([^"]*)"', cell.source, flags=re.M))


def without(beginnings, lines):
    return [line for line in lines if not line.startswith(beginnings)]


@pytest.fixture
def docker_shop(docker, busybox, tmp_path):
    """The lesson's shop:1.0 in Docker, with busybox for its shell; what is left of it goes at the end."""
    lab = Lab(tmp_path / "lab", epoch=0)
    programs = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "cat", "rm", "sleep", "echo")}
    loop = "echo open; while true; do sleep 1; done"
    image = lab.append(None, {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), **programs})
    image = image.append({"menu.txt": "soup 4\n"}).with_config(Cmd=["sh", "-c", loop], Env=["PATH=/bin"])
    lab.tag(image, "shop:1.0")
    lab.save("shop:1.0", tmp_path / "shop.tar")
    docker("load", "-i", tmp_path / "shop.tar")
    yield str(image.id)
    for id_ in docker("ps", "-aq").split():
        docker("rm", "-f", id_)
    docker.run("rmi", "-f", "shop:1.0", "shop:2.0")


def test_docker_does_and_prints_what_the_lesson_shows(docker, docker_shop, tmp_path):
    (tmp_path / "note.txt").write_text("table 7: 1 soup\n")
    names = {"note": tmp_path / "note.txt", "copy": tmp_path / "orders.txt", "first": docker_shop}
    compared = []
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        for source, command in REFUSED.items():
            if source in cell.source:
                refused = docker.run(*shlex.split(command)).stderr.decode()
                assert plain(refused.replace("Error response from daemon: ", "")) == plain(cell.outputs[0].text)
                compared.append(f"{command}, refused")
        printed = ""
        asked = commands(cell.source)
        for source, command in IN_PYTHON.items():
            if source in cell.source:
                docker(*shlex.split(command))
        for command in asked:
            words = magic.words(command, names)
            if words[0] == "run":
                words[1:1] = ["--network", "none"]
            printed += f"$ docker {command}\n" * cell.source.startswith("%%docker") + docker(*words)
            compared.append(words[0])
        if asked and cell.outputs:
            shown = plain(SCENE.sub("", cell.outputs[0].text))
            assert without(in_python(cell), shown) == plain(printed), cell.source
    assert {*compared} == {
        "run", "ps", "logs", "start", "exec", "diff", "cp", "stop", "commit", "tag", "rm", "rm left, refused",
        "rmi shop:1.0, refused", "volume",
    }  # fmt: skip
    assert (tmp_path / "orders.txt").read_text() == "table 7: 1 soup\n"
    assert docker("inspect", "--format", "{{.Image}}", "right").strip() == docker_shop, "the tag moved, and it did not"
