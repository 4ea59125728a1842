"""The containers of a lab: their settings, and the order in which they are listed."""

from __future__ import annotations

import inspect

import pytest

from imagelab import Lab
from imagelab.errors import Conflict, LabError, NotFound


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


def test_settings_show_in_the_signature_and_a_wrong_one_is_named(lab, base):
    """A notebook completes and shows them, from the one place where they are defined."""
    for method in (lab.create, lab.run):
        assert {"name", "env", "entrypoint", "runtime"} < inspect.signature(method).parameters.keys()
    with pytest.raises(TypeError, match=r"'nmae' is not a setting of a container: there are name, env, .*, runtime"):
        lab.create(base, "true", nmae="web")
    assert lab.containers() == []


def test_variables_are_a_mapping_or_lines_and_none_unsets(lab, base):
    image = base.with_config(Env=["A=image", "B=image", "C=image"])
    lines = lab.create(image, "env", env=["X=1", "A=first", "A=a=b", "B"], user=None)
    mapping = lab.create(image, "env", env={"X": "1", "A": "a=b", "B": None})
    for made in (lines, mapping):
        assert made.spec.env == {"X": "1", "A": "a=b", "B": None, "C": "image"}, "those given come first, as in docker"
        assert made.spec.env_lines == ["X=1", "A=a=b", "B", "C=image"]
        assert lab.container(made.id).spec == made.spec
        assert {"X=1", "A=a=b", "C=image"} < set(made.start(wait=True).logs().splitlines())
        assert "\nB=" not in made.logs()
        assert made.commit().config["config"]["Env"] == ["X=1", "A=a=b", "C=image"]


def test_a_container_that_is_renamed_keeps_all_but_its_name(lab):
    image = lab.base()
    for name in ("first", "second", "third"):
        lab.create(image, "true", name=name)
    before = lab.container("second")
    renamed = lab.rename_container("second", "/other")
    assert (renamed.name, renamed.id, lab.container("other").created) == ("other", before.id, before.created)
    assert [one.name for one in lab.containers()] == ["third", "other", "first"], "its place in the list too"
    with pytest.raises(NotFound):
        lab.container("second")
    for name, error in (("first", Conflict), ("other", LabError), ("not allowed", LabError)):
        with pytest.raises(error):
            lab.rename_container("other", name)
    assert lab.container("other").id == before.id
