"""The order in which containers stand on their shelf."""

from __future__ import annotations

from imagelab import Lab


def test_newest_first_whatever_they_have_done_since(tmp_path):
    """In a lab with an epoch all are made at one moment; a state that is written must not move one."""
    lab = Lab(tmp_path / "home", epoch=0)
    base = lab.base()
    first, second, third = (lab.create(base, name=name) for name in ("first", "second", "third"))
    second.start(wait=True)
    first.start(wait=True)
    assert [one.name for one in lab.containers()] == ["third", "second", "first"]
    third.remove()
    assert lab.containers() == [second, first]
