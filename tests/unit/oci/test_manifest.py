"""Manifests and configs are JSON that somebody else wrote: any value may be anything, and none may do harm.

The shapes that are refused, each with its message, are in test_load_bad; here any JSON is tried.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagelab import Lab
from imagelab.cli import run
from imagelab.cli.command import Session
from imagelab.errors import Invalid, LabError
from imagelab.oci.digest import Digest
from imagelab.oci.manifest import (
    CONFIG,
    LAYERS,
    MANIFEST,
    MAX_DEPTH,
    check_descriptor,
    dump,
    manifest_for,
    parse_config,
    parse_json,
    parse_list,
    parse_manifest,
    scratch_config,
)
from unit import archives

TEXTS = st.one_of(st.sampled_from(["", "a", "sha256:" + "0" * 64, CONFIG, MANIFEST, *LAYERS]), st.text(max_size=8))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 2**65), st.floats(allow_nan=False), TEXTS)
KEYS = st.one_of(
    st.sampled_from(["layers", "manifests", "config", "rootfs", "diff_ids", "type", "mediaType", "digest", "history"]),
    TEXTS,
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
PARSERS = [parse_json, parse_list, parse_manifest, parse_config]

LAYER = archives.tar(archives.file("a", b"1"))
GOOD_CONFIG: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "created": "2020-02-02T02:02:02Z",
    "author": "somebody",
    "variant": "v8",
    "config": {
        "User": "0", "ExposedPorts": {"80/tcp": {}}, "Env": ["A=1"], "Entrypoint": ["/e"], "Cmd": ["c"],
        "Volumes": {"/v": {}}, "WorkingDir": "/", "Labels": {"a": "b"}, "StopSignal": "TERM",
        "Healthcheck": {"Test": ["CMD", "true"]}, "OnBuild": ["RUN x"], "Shell": ["/bin/sh"],
    },
    "rootfs": {"type": "layers", "diff_ids": [archives.digest(LAYER)]},
    "history": [
        {"created": "2020-02-02T02:02:02Z", "created_by": "COPY", "comment": "c", "author": "a"},
        {"empty_layer": True, "created_by": "CMD"},
    ],
}  # fmt: skip
GOOD_MANIFEST: dict[str, Any] = json.loads(archives.manifest(dump(GOOD_CONFIG), [LAYER], annotations={"a": "b"}))


def places(value: object, here: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The path to every value inside a JSON value, itself included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, inner in items for place in places(inner, (*here, key)))]


def changed(value: Any, place: tuple[Any, ...], new: object) -> Any:
    """The value with another one at that path."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = changed(value[place[0]], place[1:], new)
    return copy


@given(JSON, st.sampled_from(PARSERS))
def test_any_json(value, parse: Callable[..., object]):
    try:
        parse(json.dumps(value).encode(), "x")
    except Invalid as error:
        assert str(error).startswith("x") and "\n" not in str(error) and len(str(error)) < 300


@given(st.binary(max_size=200), st.sampled_from(PARSERS))
def test_any_bytes(data, parse: Callable[..., object]):
    try:
        parse(data, "x")
    except Invalid as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("good, parse", [(GOOD_CONFIG, parse_config), (GOOD_MANIFEST, parse_manifest)])
def test_the_good_ones(good, parse):
    assert parse(json.dumps(good).encode()) == good


@given(st.sampled_from(places(GOOD_MANIFEST)), JSON)
def test_a_manifest_with_any_value_anywhere(place, new):
    """It is refused, or whoever uses it finds the types that the specification promises."""
    try:
        value = parse_manifest(json.dumps(changed(GOOD_MANIFEST, place, new)).encode())
    except Invalid as error:
        assert str(error).startswith("the manifest") and "\n" not in str(error)
    else:
        for found in [value["config"], *value["layers"]]:
            assert isinstance(found["mediaType"], str) and isinstance(found["size"], int)
            assert Digest.parse(found["digest"])


@settings(max_examples=40)
@given(place=st.sampled_from(places(GOOD_CONFIG)), new=JSON)
def test_whatever_is_accepted_can_be_shown(place, new):
    """A config with any value anywhere is refused in one line, or every command and view can deal with it."""
    lab = Lab.temporary(epoch=0)
    made = json.dumps(changed(GOOD_CONFIG, place, new)).encode()
    try:
        [loaded] = lab.load(io.BytesIO(archives.packed(archives.docker_archive(LAYER, config_bytes=made))))
    except LabError as error:
        assert "\n" not in str(error) and lab.images() == []
        return
    image = loaded.image
    assert image.config_bytes == made and image.id == archives.digest(made)
    assert repr(image) and len(image.steps) >= 1 and image.identifiers() and image.read("a") == b"1"
    for command in (
        ["images"], ["images", "--digests", "--format", "{{json .}}"], ["history", "app:1"], ["inspect", "app:1"],
        ["history", "--no-trunc", "--format", "{{json .}}", "app:1"], ["layers", "app:1"], ["system", "df", "-v"],
        ["images", "--filter", "label=a"], ["tree", "app:1"],
    ):  # fmt: skip
        assert run(command, session=Session(str(lab.home))) == 0, command
    assert lab.verify() == []
    try:
        lab.append(image, {"b": b"2"})
        image.with_config(Env=["B=2"])
    except LabError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("opening, closing", [(b'{"a":', b"}"), (b"[", b"]"), (b'[{"a":', b"}]")])
def test_depth(opening, closing):
    """Counted exactly, and no depth makes Python give up."""
    each = opening.count(b"{") + opening.count(b"[")
    levels = (MAX_DEPTH - 2) // each
    assert parse_json(b'{"a":' + opening * levels + b"1" + closing * levels + b"}", "x")
    for levels in (MAX_DEPTH // each, 1_000, 100_000):
        with pytest.raises(Invalid, match="nested more than"):
            parse_json(b'{"a":' + opening * levels + b"1" + closing * levels + b"}", "x")


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_what_is_dumped_can_be_read(value):
    try:
        data = dump(value)
    except LabError as error:
        assert "as JSON" in str(error)
    else:
        assert parse_json(data, "x") == value
        assert b"\n" not in data and dump(json.loads(data)) == data


@pytest.mark.parametrize("value, why", [("\ud800", "not valid Unicode"), (float("inf"), "float"), ({1}, "set")])
def test_what_json_cannot_hold(value, why):
    with pytest.raises(LabError, match=why):
        dump({"a": value})


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", "sha256:" + "0" * 63, "sha256:" + "0" * 65, "sha256:" + "A" * 64, "md5:" + "0" * 32, "0" * 64,
     "sha256:" + "0" * 64 + "\n", " sha256:" + "0" * 64, "sha256:" + "٠" * 64, None, 7, ["sha256:"], {}, True],
)  # fmt: skip
def test_digests_that_are_none(text):
    with pytest.raises(Invalid, match="digest"):
        check_descriptor({"mediaType": CONFIG, "digest": text, "size": 1}, {CONFIG}, "x")


def test_the_empty_image():
    made = dump(scratch_config("arm64", "linux"))
    outer = manifest_for(made, [])
    assert parse_config(made)["rootfs"]["diff_ids"] == parse_manifest(outer)["layers"] == []
    assert json.loads(outer)["config"] == archives.descriptor(made, CONFIG)
    assert archives.digest(bytes(1024)) == archives.EMPTY_LAYER
