"""A name and a config are parsed once, where they enter: what is passed on is a Reference, and an Image."""

import io
from contextlib import contextmanager

import pytest

from imagelab import Lab, Reference
from imagelab.archive import candidates
from imagelab.oci import image as images


@contextmanager
def counted(monkeypatch, holder, name):
    """The arguments of every call of a function, which does its work all the same."""
    calls, real = [], getattr(holder, name)

    def call(*args, **named):
        calls.append(args)
        return real(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(holder, name, call)
        yield calls


@pytest.fixture
def lab():
    lab = Lab.temporary()
    for number in range(22):
        lab.append(None, {"a": str(number)}, tag=f"team/app{number}:1.0")
    lab.images()
    return lab


def test_a_look_up_among_many_names_parses_the_one_that_is_looked_up(lab, monkeypatch):
    pinned = lab.pinned("team/app7:1.0")
    for text in (pinned, "team/app7:1.0"):
        with counted(monkeypatch, Reference, "parse") as parsed:
            assert lab.image(text).read("a") == b"7"
        assert parsed == [(text,)]


def test_a_name_that_has_only_pointed_to_an_image_is_found_in_the_log(lab, monkeypatch):
    pinned = lab.pinned("team/app7:1.0")
    lab.tag("team/app8:1.0", "team/app7:1.0")
    lab.images()
    with counted(monkeypatch, Reference, "parse") as parsed:
        assert lab.image(pinned).read("a") == b"7"
    assert parsed == [(pinned,), ("docker.io/team/app7:1.0",)]  # the second is read from the log


def test_save_parses_the_name_that_it_was_given(lab, monkeypatch):
    with counted(monkeypatch, Reference, "parse") as parsed:
        lab.save("team/app7:1.0", io.BytesIO())
    assert parsed == [("team/app7:1.0",)]


def test_a_store_that_is_opened_parses_each_name_once(lab, monkeypatch):
    with counted(monkeypatch, Reference, "parse") as parsed:
        again = Lab(lab.home)
        again.images()
        again.image("team/app7:1.0")
        again.save("team/app7:1.0", io.BytesIO())
    assert len(parsed) == 22 + 2


STEPS = "FROM base:1.0\nENV A=1\nCOPY a /a\nLABEL b=c\nWORKDIR /w\nCMD [\"x\"]\n"


def test_a_build_parses_the_config_of_each_step_once(lab, monkeypatch):
    lab.append(None, {"etc/x": "1"}, tag="base:1.0")
    with counted(monkeypatch, images, "parse_config") as parsed:
        built = lab.build({"Dockerfile": STEPS, "a": "1"}, "t:1")
        built.image.tree()
    assert len(built.steps) == 6  # FROM makes no config
    assert len(parsed) == len({data for data, *_ in parsed}) == 5


def test_a_build_from_the_cache_parses_the_config_of_each_step_once(lab, monkeypatch):
    lab.append(None, {"etc/x": "1"}, tag="base:1.0")
    lab.build({"Dockerfile": STEPS, "a": "1"}, "t:1")
    with counted(monkeypatch, images, "parse_config") as parsed:
        again = Lab(lab.home, epoch=0).build({"Dockerfile": STEPS, "a": "1"}, "t:1")
    assert [step.hit for step in again.steps[1:]] == [True] * 5
    assert len(parsed) == len({data for data, *_ in parsed})


def test_load_parses_each_config_once(lab, monkeypatch, tmp_path):
    lab.save(["team/app7:1.0", "team/app8:1.0"], tmp_path / "two.tar")
    with (
        counted(monkeypatch, images, "parse_config") as parsed,
        counted(monkeypatch, candidates, "parse_config") as believed,
    ):
        loaded = Lab(tmp_path / "other").load(tmp_path / "two.tar")
        assert [one.image.read("a") for one in loaded] == [b"7", b"8"]
    assert (len(parsed), len(believed)) == (0, 2)
