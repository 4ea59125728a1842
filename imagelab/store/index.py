"""index.json: the images of a store and the names that point to them, changed whole or not at all.

`index.json` holds one descriptor per name, and one without a name for each image that has none. It is replaced under a
lock by a rename, so every reader sees it before or after a change and never between.

Implements the OCI image-spec, image-layout.md "index.json file", with containerd's annotation for whole names.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

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
class Item:
    """One descriptor of an index, and the tag, parsed, that its annotations give to an image."""

    descriptor: Json
    name: Reference | None = None

    @classmethod
    def of(cls, image: Image, name: Reference | None = None, parent: Digest | None = None) -> Item:
        """The item of an image under a tag, or under none; `parent` is a manifest digest."""
        annotations = {NAME: name.canonical, REF: name.familiar} if name else {}
        if parent:
            annotations[PARENT] = parent
        media_type = image.manifest.get("mediaType", MANIFEST)
        return cls({"mediaType": media_type, "digest": image.digest, "size": len(image.manifest_bytes)}, name)._with(
            annotations
        )

    @classmethod
    def read(cls, descriptor: Json) -> Item:
        """The item of a descriptor from disk; one that another tool wrote may have only the short name."""
        if descriptor["mediaType"] in (MANIFEST, DOCKER_MANIFEST):
            annotations = descriptor.get("annotations") or {}
            text = annotations.get(NAME) or annotations.get(REF)
            with suppress(InvalidReference):
                if isinstance(text, str):
                    return cls(descriptor, Reference.parse(text).with_default_tag())
        return cls(descriptor)

    @property
    def digest(self) -> Digest:
        """The digest of the manifest, or of whatever else another tool has listed."""
        return Digest(self.descriptor["digest"])

    @property
    def parent(self) -> Digest | None:
        """The manifest digest of the image that this one was made from, if it was made here."""
        parent = (self.descriptor.get("annotations") or {}).get(PARENT)
        return Digest(parent) if parent else None

    def with_parent(self, parent: Digest, here: Collection[Digest]) -> Item:
        """The same with a parent, unless it has one among the manifests that are `here`."""
        annotations = self.descriptor.get("annotations") or {}
        return self if self.parent in here else self._with({**annotations, PARENT: parent})

    def untagged(self) -> Item:
        """The same without its name."""
        annotations = self.descriptor.get("annotations") or {}
        return Item(self.descriptor)._with({key: annotations[key] for key in annotations if key not in (NAME, REF)})

    def _with(self, annotations: Mapping[str, str | None]) -> Item:
        descriptor = {**self.descriptor, "annotations": annotations}
        if not annotations:
            del descriptor["annotations"]
        return Item(descriptor, self.name)


@dataclass(frozen=True, slots=True)
class _State:
    """What the file says, looked up in several ways."""

    file: tuple[int, int, int]  # mtime, size, inode: another file has others
    items: list[Item]
    images: Mapping[Digest, Item]
    tags: Mapping[Reference, Digest]
    names: Mapping[Digest, list[Reference]]


class Index:
    """The `index.json` of one layout."""

    def __init__(self, home: Path, lock: Lock) -> None:
        self._path = home / "index.json"
        self._blobs = home / "blobs" / "sha256"
        self._lock = lock
        self._state: _State | None = None

    def items(self) -> list[Item]:
        """All items, other tools' included; raises Invalid for a damaged index.json."""
        return self._read().items

    def images(self) -> Mapping[Digest, Item]:
        """The manifest digests of all images, in the order they came, each with one of its items."""
        return self._read().images

    def tags(self) -> Mapping[Reference, Digest]:
        """Every tag, and the manifest digest it points to now."""
        return self._read().tags

    def names(self, digest: Digest) -> list[Reference]:
        """The tags that point to a manifest, sorted."""
        return self._read().names.get(digest, [])

    def _read(self) -> _State:
        """What the file says; read and parsed again only when it is another file."""
        info = self._path.stat()
        file = (info.st_mtime_ns, info.st_size, info.st_ino)
        if self._state is None or self._state.file != file:
            if info.st_size > 16 * MAX_JSON:
                raise Invalid(f"{self._path} has {info.st_size:,} bytes: an index may have at most {16 * MAX_JSON:,}")
            listed = parse_json(self._path.read_bytes(), str(self._path), json_fields.MANIFEST).get("manifests") or []
            if not isinstance(listed, list) or not all(_is_descriptor(item) for item in listed):
                raise Invalid(f"{self._path} is not an OCI index: its 'manifests' must be descriptors")
            items = [Item.read(descriptor) for descriptor in listed]
            images: dict[Digest, Item] = {}
            names: dict[Digest, list[Reference]] = {}
            for item in items:
                if item.descriptor["mediaType"] in (MANIFEST, DOCKER_MANIFEST):
                    images.setdefault(Digest.parse(item.digest, "a digest in index.json"), item)
            tags = {item.name: item.digest for item in items if item.name}
            for name in sorted(tags):
                names.setdefault(tags[name], []).append(name)
            self._state = _State(file, items, images, tags, names)
        return self._state

    @contextmanager
    def changing(self) -> Iterator[list[Item]]:
        """The items, to be changed in the block; replaced on disk if they were and the block did not raise."""
        with self._lock:
            before = self.items()
            after = list(before)
            yield after
            if after != before:
                flush_folder(self._blobs)  # what the index names must survive a power cut before the index does
                write_atomically(self._path, index_bytes(item.descriptor for item in after))


def index_bytes(descriptors: Iterable[Json]) -> bytes:
    """The bytes of an index that lists these descriptors (image-index.md)."""
    return dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*descriptors]})


def _is_descriptor(item: object) -> bool:
    return (
        isinstance(item, dict)
        and all(isinstance(item.get(key), str) for key in ("mediaType", "digest"))
        and isinstance(item.get("annotations", {}), dict | None)
    )
