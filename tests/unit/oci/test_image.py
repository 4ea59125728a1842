"""An image is layers and a config; changing one gives another."""

from __future__ import annotations

import json
import re

import pytest

from imagelab import Entry, Lab, LabError
from imagelab.errors import Invalid, NotFound
from imagelab.filesystem.tree import Changes, Tree
from imagelab.oci.digest import Digest
from imagelab.oci.image import Image
from imagelab.oci.layer import Layer
from unit import archives


@pytest.fixture
def app(lab: Lab) -> Image:
    base = lab.append(None, {"etc/os": "lab\n", "etc/secret": b"s" * 1000}, created_by="base")
    return base.append({"app/app.py": "print()\n", "etc/secret": None}, "COPY app /app").with_config(Cmd=["python"])


def test_each_identifier_is_the_digest_of_bytes_anyone_can_read(app: Image) -> None:
    printed = {i.name: i.value for i in app.identifiers()}
    assert printed["image ID"] == app.id == Digest.of(app.config_bytes)
    assert printed["image digest"] == app.digest == Digest.of(app.manifest_bytes)
    for number, (layer, chain_id) in enumerate(zip(app.layers, app.chain_ids, strict=True), 1):
        assert printed[f"layer {number} diffID"] == Digest.of(layer.open().read())
        assert printed[f"layer {number} digest"] == Digest.of(layer.blob().read())
        assert printed[f"layer {number} chainID"] == chain_id
    assert [layer.digest for layer in app.layers] == [item["digest"] for item in app.manifest["layers"]]
    assert list(app.diff_ids) == json.loads(app.config_bytes)["rootfs"]["diff_ids"]


def test_changing_an_image_gives_another_and_leaves_the_first(app: Image) -> None:
    before = app.id, app.config_bytes, app.manifest_bytes, dict(app.tree())
    for other in (app.append({"x": "y"}), app.with_config(Env=["A=1"]), app.flatten()):
        assert other.id != app.id and other != app
    assert before == (app.id, app.config_bytes, app.manifest_bytes, dict(app.tree()))


def test_the_history_tells_of_every_step_and_only_some_made_a_layer(app: Image) -> None:
    assert [(step.created_by, step.layer is None) for step in app.steps] == [
        ("base", False), ("COPY app /app", False), ('Cmd=["python"]', True),
    ]  # fmt: skip
    assert [step.size for step in app.steps] == [1004, 8, 0]
    assert app.steps[-1].image_id == app.id and app.parent is not None and app.steps[1].image_id == app.parent.id


def test_deleting_later_hides_and_does_not_shrink(app: Image) -> None:
    assert app.size == 1012
    with pytest.raises(NotFound):
        app.read("/etc/secret")
    assert app.layers[0].read("etc/secret") == b"s" * 1000


def test_every_path_comes_from_the_last_layer_that_set_it(app: Image) -> None:
    assert dict(app.origin()) == {"": -1, "app": 1, "app/app.py": 1, "etc": 0, "etc/os": 0}
    changed = app.append({"etc/os": "new\n"})
    assert changed.origin()["etc/os"] == 2 and changed.origin()["app/app.py"] == 1


def test_flattening_keeps_what_is_seen_and_nothing_else(app: Image) -> None:
    flat = app.flatten()
    assert flat.tree() == app.tree() and flat.config["config"] == app.config["config"]
    assert len(flat.layers) == 1 and flat.size == app.size - 1000 and flat.parent is None


def test_the_image_with_nothing_in_it(lab: Lab) -> None:
    assert (lab.scratch.layers, lab.scratch.size, list(lab.scratch.tree())) == ((), 0, [""])
    assert lab.append("scratch", Changes()).diff_ids == (archives.EMPTY_LAYER,)


def test_the_config_takes_what_the_specification_has(lab: Lab) -> None:
    image = lab.scratch.with_config(Env=["A=1"], Labels={"a": "b"}, User="1000", ExposedPorts={"80/tcp": {}})
    assert image.config["config"] == {
        "Env": ["A=1"],
        "ExposedPorts": {"80/tcp": {}},
        "Labels": {"a": "b"},
        "User": "1000",
    }
    assert "Env" not in image.with_config(Env=None).config["config"]
    with pytest.raises(LabError, match="has no 'Enviroment'"):
        image.with_config(Enviroment=[])


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"Cmd": "cat /x"}, """config.Cmd must be a list of words, such as ["cat", "/x"], not 'cat /x'"""),
        ({"Entrypoint": ""}, """config.Entrypoint must be a list of words, such as ["cat", "/x"], not ''"""),
        ({"Cmd": ["cat", 3]}, "config.Cmd must be a list of words"),
        ({"Env": "A=1"}, """config.Env must be a list of NAME=value texts, such as ["A=1"], not 'A=1'"""),
        ({"Env": {"A": 1, "B": "2"}}, 'such as ["A=1", "B=2"], not {'),
        ({"Env": [3]}, 'such as ["A=b"], not [3]'),
        ({"Labels": ["a"]}, "config.Labels must be an object whose values are text, not ['a']"),
        ({"ExposedPorts": "80"}, "config.ExposedPorts must be an object whose values are {}, not '80'"),
        ({"User": 3}, "config.User must be a text, not 3"),
    ],
)
def test_a_setting_of_the_wrong_type_is_told_the_right_one(lab: Lab, setting: dict[str, object], words: str) -> None:
    with pytest.raises(LabError, match=re.escape(words)):
        lab.scratch.with_config(**setting)


def test_a_new_file_lands_where_the_images_own_symlinks_lead(lab: Lab) -> None:
    base = lab.append(None, {"usr/bin/": "", "bin": Entry.symlink("usr/bin")})
    assert list(base.append({"bin/tool": "x"}).layers[-1].changes().entries) == ["usr", "usr/bin", "usr/bin/tool"]


def test_removing_what_is_not_there_is_a_mistake_worth_telling(lab: Lab) -> None:
    base = lab.append(None, {"a": "x"})
    with pytest.raises(NotFound, match="nothing to remove at 'b'"):
        base.append({"b": None})
    assert len(lab.store.images()) == 1


def test_a_config_and_a_manifest_must_fit_together(app: Image, lab: Lab) -> None:
    other = lab.append(None, {"a": "x"})
    with pytest.raises(Invalid, match="the manifest names the config"):
        Image(app.manifest_bytes, lab.store, other.config_bytes)


def test_the_same_content_gives_the_same_image_on_every_machine(lab: Lab) -> None:
    """The figures stand here so that a change of any byte we write is noticed."""
    image = lab.append(None, {"hello.txt": "hello\n"}, created_by="COPY hello.txt /").with_config(
        Cmd=["cat", "/hello.txt"]
    )
    assert (
        Lab.temporary(epoch=0).append(None, {"hello.txt": "hello\n"}, created_by="COPY hello.txt /").diff_ids
        == image.diff_ids
    )
    assert image.layers[0].diff_id == "sha256:fa01e42d19005c93c2a6fc09347768cc08a524c9a3d7cc27b5b992321e01474a"
    assert image.id == "sha256:33bd8c294b358729fe4154ad90ad4048a65242ad32fbd219fd6e29a797076747"


def test_without_an_epoch_times_are_real() -> None:
    image = Lab.temporary(epoch=None).append(None, {"a": "x"})
    assert image.created > "2026" and image.layers[0].changes().entries["a"].mtime > 1_700_000_000


def test_reprs_say_what_a_thing_is_and_no_address(app: Image, lab: Lab) -> None:
    for thing in (app, app.layers[0], app.tree(), lab, lab.store):
        assert " at 0x" not in repr(thing) and repr(thing).startswith("<")
    assert Tree() == Tree()


def test_an_image_is_merged_from_the_nearest_one_below_that_was(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    below = lab.append(None, {"a": "1", "b": "1"})
    assert set(below.tree()) == {"", "a", "b"}
    read: list[Layer] = []
    changes = Layer.changes
    monkeypatch.setattr(Layer, "changes", lambda layer: (read.append(layer), changes(layer))[1])
    above = below.with_config(Cmd=["x"]).append({"b": None, "c": "2"})
    assert set(above.tree()) == {"", "a", "c"} == set(Lab(lab.home).image(above.id.hex).tree())
    assert read[:-2] == [above.layers[-1]] and read[-2:] == list(above.layers)
