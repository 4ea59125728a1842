"""Scenes: the lab of a section, ready without the sections before it."""

from __future__ import annotations

import pytest

from imagelab import Lab
from imagelab.errors import NotFound
from imagelab.lesson import scenes
from imagelab.lesson.scene import _contents, prepared, scene


def tag_one(lab):
    lab.append(None, {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")


def tag_another(lab):
    lab.tag("shop:1.0", "shop:latest")
    lab.create(lab.base(), "sh", name="web")


@pytest.fixture(autouse=True)
def lesson(monkeypatch):
    monkeypatch.setattr(scenes, "lessons", lambda: ["09"])
    monkeypatch.setattr(scenes, "sections", lambda name: [tag_one, tag_another, scenes.nothing])


def names(lab):
    return sorted(name.familiar for image in lab.images() for name in image.names)


def test_a_section_begins_with_what_the_sections_before_it_leave(capsys):
    lab = scene("09.1")
    assert (names(lab), capsys.readouterr().out) == (
        [], "Section 09.1 begins with an empty lab. %docker speaks to this lab.\n"
    )  # fmt: skip
    assert names(scene("09.2")) == ["shop:1.0"]
    lab = scene("09.3")
    assert names(lab) == ["lab/shell:1.0", "shop:1.0", "shop:latest"]
    printed = capsys.readouterr().out.splitlines()[1:]
    assert printed == [
        "Section 09.3 begins with 2 images (lab/shell:1.0, shop:1.0, shop:latest) and 1 created container (web).",
        "%docker speaks to this lab.",
    ], "broken between words"


def test_containers_in_two_states_are_named_with_theirs():
    lab = Lab.temporary(epoch=0)
    lab.base()
    lab.create("lab/shell:1.0", "true", name="one")
    assert _contents(lab).endswith(" and 1 created container (one)")
    lab.run("lab/shell:1.0", "true", name="two")
    assert _contents(lab).endswith(" and 2 containers (two (exited), one (created))")


def test_the_lab_of_a_scene_is_the_one_that_docker_speaks_to():
    lab = scene("09.2")
    Lab.temporary()
    assert scene("09.2") is Lab.current()
    assert lab is not Lab.current()


def test_the_same_scene_has_the_same_digests_again():
    first, second = prepared("09.3"), prepared("09.3")
    assert first.store.tags() == second.store.tags()


def test_the_containers_of_the_scene_before_end():
    lab = scene("09.3")
    scene("09.1")
    assert list(lab.containers()) == []


@pytest.mark.parametrize("name", ["09.0", "09.4", "09.x", "09", "10.1", ""])
def test_a_section_that_is_not_there_is_answered_with_those_that_are(name):
    with pytest.raises(NotFound, match=r"09"):
        scene(name)
