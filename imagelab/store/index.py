"""index.json: the images of a store and the names that point to them, changed whole or not at all.

`index.json` holds one descriptor per name, and one without a name for each image that has none. It is replaced under a
lock by a rename, so every reader sees it before or after a change and never between.

Implements the OCI image-spec, image-layout.md "index.json file", with containerd's annotation for whole names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Invalid, InvalidReference
from ..golang import json_fields
from ..host.atomic import flush_folder, write_atomically
from ..host.locks import Lock
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.manifest import DOCKER_MANIFEST, INDEX, MANIFEST, Json, dump, parse_json
from ..oci.reference import Reference
from .blobs import MAX_JSON

NAME = "io.containerd.image.name"  # the whole name: docker.io/library/myapp:1.0
REF = "org.opencontainers.image.ref.name"  # the name that skopeo and umoci go by: myapp:1.0
PARENT = "dev.imagelab.parent"  # manifest digest of the image that this one was made from, here


@dataclass(frozen=True, slots=True)
class _Read:
    """One state of the file, and what it says, looked up in several ways."""

    file: tuple[int, int, int]  # mtime, size, inode: another file has others
    items: list[Json]
    images: Mapping[Digest, Json]
    tags: Mapping[str, Digest]
    names: Mapping[Digest, list[str]]


class Index:
    """The `index.json` of one layout."""

    def __init__(self, home: Path, lock: Lock) -> None:
        self._path = home / "index.json"
        self._blobs = home / "blobs" / "sha256"
        self._lock = lock
        self._state: _Read | None = None

    def everything(self) -> list[Json]:
        """All descriptors, other tools' included. Raises Invalid."""
        return self._read().items

    def images(self) -> Mapping[Digest, Json]:
        """The manifest digests of all images, in the order they came, each with one of its descriptors."""
        return self._read().images

    def tags(self) -> Mapping[str, Digest]:
        """Every name, whole, and the manifest digest it points to now."""
        return self._read().tags

    def names(self, digest: Digest) -> list[str]:
        """The whole names that point to a manifest, sorted."""
        return self._read().names.get(digest, [])

    def _read(self) -> _Read:
        """What the file says; read again only when it is another file."""
        info = self._path.stat()
        file = (info.st_mtime_ns, info.st_size, info.st_ino)
        if self._state is None or self._state.file != file:
            if info.st_size > 16 * MAX_JSON:
                raise Invalid(f"{self._path} has {info.st_size:,} bytes: an index may have at most {16 * MAX_JSON:,}")
            items = parse_json(self._path.read_bytes(), str(self._path), json_fields.MANIFEST).get("manifests") or []
            if not isinstance(items, list) or not all(_is_descriptor(item) for item in items):
                raise Invalid(f"{self._path} is not an OCI index: its 'manifests' must be descriptors")
            images: dict[Digest, Json] = {}
            tags: dict[str, Digest] = {}
            for item in items:
                if item["mediaType"] in (MANIFEST, DOCKER_MANIFEST):
                    images.setdefault(Digest.parse(item["digest"], "a digest in index.json"), item)
                    if name := name_in(item):
                        tags[name] = Digest(item["digest"])
            names: dict[Digest, list[str]] = {}
            for name in sorted(tags):
                names.setdefault(tags[name], []).append(name)
            self._state = _Read(file, items, images, tags, names)
        return self._state

    @contextmanager
    def changing(self) -> Iterator[list[Json]]:
        """The descriptors, to be changed in the block; replaced on disk if they were and the block did not raise."""
        with self._lock:
            before = self.everything()
            after = list(before)
            yield after
            if after != before:
                flush_folder(self._blobs)  # what the index names must survive a power cut before the index does
                write_atomically(self._path, index_bytes(after))


def index_bytes(items: list[Json]) -> bytes:
    """The bytes of an index that lists these descriptors."""
    return dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": items})


def describe(image: Image, name: str | None, parent: str | None) -> Json:
    """The descriptor of an image under a whole name, or under none."""
    annotations: dict[str, Any] = {}
    if name:
        annotations |= {NAME: name, REF: Reference.parse(name).familiar}
    if parent:
        annotations[PARENT] = parent
    item: Json = {
        "mediaType": image.manifest.get("mediaType", MANIFEST),
        "digest": image.digest,
        "size": len(image.manifest_bytes),
    }
    return {**item, "annotations": annotations} if annotations else item


def with_parent(item: Json, parent: str, here: Collection[str]) -> Json:
    """The same descriptor with a parent, if it has none among the manifests that are here."""
    annotations = item.get("annotations") or {}
    return item if annotations.get(PARENT) in here else {**item, "annotations": {**annotations, PARENT: parent}}


def unnamed(item: Json) -> Json:
    """The same descriptor without its name."""
    kept = {key: value for key, value in item["annotations"].items() if key not in (NAME, REF)}
    return {**item, "annotations": kept} if kept else {k: v for k, v in item.items() if k != "annotations"}


def name_in(item: Json) -> str | None:
    """The whole name a descriptor gives its image; one that another tool wrote may have only the short form."""
    if item["mediaType"] not in (MANIFEST, DOCKER_MANIFEST):
        return None
    annotations = item.get("annotations") or {}
    written = annotations.get(NAME) or annotations.get(REF)
    if not isinstance(written, str):
        return None
    try:
        return Reference.parse(written).with_default_tag().canonical
    except InvalidReference:
        return None


def _is_descriptor(item: object) -> bool:
    return (
        isinstance(item, dict)
        and all(isinstance(item.get(key), str) for key in ("mediaType", "digest"))
        and isinstance(item.get("annotations", {}), dict | None)
    )
