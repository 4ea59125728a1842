"""A name and a config are parsed once, where they enter: what is passed on is a Reference, and an Image."""

import io
from contextlib import contextmanager

import pytest

from imagelab import Lab, Reference


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
