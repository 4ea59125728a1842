"""Manifests and configs: JSON documents whose exact bytes are kept, since they have digests.

Both are checked once, when they are read, so that later code can rely on their shape; and they are
written once, because serialising the same value again might give other bytes and so another digest.

Implements the OCI image-spec, manifest.md, config.md and descriptor.md, and docker's manifest schema 2. Keys are read
in any case, as docker reads them (`gojson`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import Invalid, LabError, Unsupported
from ..golang import json_fields
from ..units import NO_TIME, parse_time
from .digest import Digest
from .layer import TAR, TAR_GZIP, TAR_ZSTD

Json = dict[str, Any]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_DOCKER_TAR = "application/vnd.docker.image.rootfs.diff.tar"
MAX_DEPTH = 64  # objects and lists in one another: ten times what any builder writes, and safe to walk through
MAX_LAYERS = 500  # as many as podman stacks; docker stops at 127
LAYERS = {TAR, TAR_GZIP, TAR_ZSTD, _DOCKER_TAR, _DOCKER_TAR + ".gzip", _DOCKER_TAR + ".zstd"}

STRINGS = ("User", "WorkingDir", "StopSignal")
LISTS = ("Env", "Cmd", "Entrypoint", "OnBuild", "Shell")
MAPS = ("Labels", "ExposedPorts", "Volumes")


def scratch_config(architecture: str, os: str) -> Json:
    """The config of the image with nothing in it."""
    return {"architecture": architecture, "os": os, "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}


def manifest_for(config: bytes, layers: Sequence[Json]) -> bytes:
    """The OCI manifest that holds a config and layers, given by their descriptors, together."""
    return dump({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": Digest.of(config), "size": len(config)},
        "layers": layers,
    })  # fmt: skip


def dump(value: Json) -> bytes:
    """JSON as it is stored, once; from then on only its bytes count. Raises LabError for what JSON cannot hold."""
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise LabError("a text for the image's config is not valid Unicode: it cannot be written as JSON") from None
    except (TypeError, ValueError) as error:
        raise LabError(f"a value for the image's config cannot be written as JSON: {error}") from None


def parse_json(data: bytes, what: str, fields: json_fields.Fields | None = None) -> Json:
    """Read a JSON object from untrusted bytes, the keys that are `fields` in any case; raises Invalid."""
    value = _parse(data, what)
    if not isinstance(value, dict):
        raise Invalid(f"{what} is JSON, but not an object")
    return fields.read(value) if fields else value


def _parse(data: bytes, what: str) -> object:
    try:
        value = json.loads(data.decode(), parse_constant=_no_number)
        level = [value]
        for _ in range(MAX_DEPTH):
            level = [item for outer in level for item in _inside(outer)]
    except RecursionError:
        level = [data]
    except ValueError as error:
        raise Invalid(f"{what} is not JSON: {str(error)[:120]}") from None
    if level:
        raise Invalid(f"{what} is JSON nested more than {MAX_DEPTH} deep")
    return value


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is not a JSON number")


def _inside(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def parse_list(data: bytes, what: str, fields: json_fields.Fields | None = None) -> list[Json]:
    """Read a JSON list of objects from untrusted bytes, the keys that are `fields` in any case; raises Invalid."""
    value = _parse(data, what)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Invalid(f"{what} is JSON, but not a list of objects")
    return fields.read(value) if fields else value


def is_parent(parent: Json, child: Json) -> bool:
    """Whether an image can have been made from another in one step, by their configs, as docker checks it.

    The child's history is the parent's and one record more. Where neither has a history, the child must have all of the
    parent's layers and more.
    """
    old, new = parent.get("history") or [], child.get("history") or []
    if not old and not new:
        layers, more = parent["rootfs"]["diff_ids"], child["rootfs"]["diff_ids"]
        return len(more) > len(layers) and more[: len(layers)] == layers
    return len(new) == len(old) + 1 and [_record(record) for record in new[:-1]] == [_record(record) for record in old]


def _record(record: Json) -> tuple[object, ...]:
    """A history record as Go compares it: a key that is absent is an empty one, and a time is a moment."""
    moment = parse_time(record.get("created"))
    when = record.get("created") if moment == NO_TIME else moment
    texts = (record.get(key) or "" for key in ("created_by", "comment", "author"))
    return (when, *texts, bool(record.get("empty_layer")))


def parse_manifest(data: bytes, what: str = "the manifest") -> Json:
    """Check a manifest's shape (manifest.md); raises Invalid, and Unsupported for one that describes something else."""
    value = parse_json(data, what, json_fields.MANIFEST)
    media_type = value.get("mediaType") or MANIFEST
    if "manifests" in value:
        raise Invalid(f"{what} has `manifests`: it must be the manifest of one image, without an index in it")
    if value.get("schemaVersion") != 2 or media_type not in (MANIFEST, DOCKER_MANIFEST):
        raise Unsupported(f"{what} is not an OCI or docker v2 manifest (media type {str(media_type)[:80]!r})")
    layers = value.get("layers")
    if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
        raise Invalid(f"{what} has no list of layers, or one of over {MAX_LAYERS}")
    check_descriptor(value.get("config"), {CONFIG, DOCKER_CONFIG}, f"{what}'s config")
    for number, layer in enumerate(layers, 1):
        check_descriptor(layer, LAYERS, f"{what}'s layer {number}")
    return value


def check_descriptor(value: object, media_types: set[str], what: str) -> None:
    """Check a descriptor's shape (descriptor.md); raises Invalid, Unsupported for a media type of something else."""
    if not isinstance(value, dict):
        raise Invalid(f"{what} is not a descriptor")
    media_type = str(value.get("mediaType"))
    if media_type not in media_types:
        raise Unsupported(f"{what} has the media type {media_type[:80]!r}, which imagelab does not read")
    Digest.parse(value.get("digest"), f"{what}: the digest")
    size = value.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Invalid(f"{what} has the size {str(size)[:40]!r}: expected a number of bytes")


def parse_config(data: bytes, what: str = "the config") -> Json:
    """Check a config's shape (config.md), as far as anything here relies on it; raises Invalid."""
    value = parse_json(data, what, json_fields.CONFIG)
    rootfs = value.get("rootfs")
    if not isinstance(rootfs, dict) or rootfs.get("type") != "layers":
        raise Invalid(f"{what} has no rootfs of type 'layers'")
    diff_ids = rootfs.get("diff_ids")
    if diff_ids is None:
        diff_ids = rootfs["diff_ids"] = []  # Go writes an empty list as null
    history = value.get("history")
    if not isinstance(diff_ids, list) or not isinstance(history, list | None) or len(diff_ids) > MAX_LAYERS:
        raise Invalid(f"{what}: diff_ids and history must be lists, and {MAX_LAYERS} layers are the most")
    for number, diff_id in enumerate(diff_ids, 1):
        Digest.parse(diff_id, f"{what}: diffID {number}")
    texts = ("created", "created_by", "comment", "author")
    for record in history or []:
        if not isinstance(record, dict) or not all(isinstance(record.get(key), str | None) for key in texts):
            raise Invalid(f"{what}: the history is not a list of records")
        if not isinstance(record.get("empty_layer"), bool | None):
            raise Invalid(f"{what}: empty_layer must be true or false")
    filled = sum(not record.get("empty_layer") for record in history or [])
    if filled > len(diff_ids):  # fewer are allowed, as in docker: some tools add a layer and no record of it
        raise Invalid(f"{what}: the history tells of {filled} layers, and there are {len(diff_ids)} diffIDs")
    settings = value.get("config")
    if not isinstance(settings, dict | None):
        raise Invalid(f"{what}: 'config' must be an object")
    for key in ("created", "author", "architecture", "os", "variant"):
        if not isinstance(value.get(key), str | None):
            raise Invalid(f"{what}: {key!r} must be a text")
    kinds = {**dict.fromkeys(STRINGS, str), **dict.fromkeys(LISTS, list), **dict.fromkeys(MAPS, dict)}
    for key, kind in kinds.items():
        setting = (settings or {}).get(key)
        texts_in = (
            setting if kind is list else setting.values() if key == "Labels" and isinstance(setting, dict) else ()
        )
        if not isinstance(setting, kind | None) or not all(isinstance(item, str) for item in texts_in or ()):
            raise Invalid(f"{what}: config.{key} {_expected(key, setting)}")
    return value


def _expected(key: str, setting: object) -> str:
    """What a setting of the wrong type must be, with an example made of what came."""
    came = f"not {str(setting)[:60]!r}" if isinstance(setting, str) else f"not {repr(setting)[:60]}"
    if key in STRINGS:
        return f"must be a text, {came}"
    if key in MAPS:
        values = "text" if key == "Labels" else "{}"
        return f"must be an object whose values are {values}, {came}"
    if key == "Env":
        lines = [f"{name}={value}" for name, value in setting.items()] if isinstance(setting, dict) else [setting]
        example = lines if lines and all(isinstance(line, str) for line in lines) else ["A=b"]
        return f"must be a list of NAME=value texts, such as {json.dumps(example)[:60]}, {came}"
    words = setting.split() if isinstance(setting, str) and setting.split() else ["cat", "/x"]
    return f"must be a list of words, such as {json.dumps(words)[:60]}, {came}"
