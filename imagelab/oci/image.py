"""Image: layers and a config, held together by a manifest.

The config says what to run and lists the layers' diffIDs; its digest is the image ID. The manifest names the config and
the layers' blobs; its digest is the image's digest. An Image is a value: "changing" one gives another.

Implements the OCI image-spec, manifest.md and config.md, and docker's manifest schema 2. Left out: foreign layers,
artifacts, and other platforms of an index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from typing import Any, Protocol

from ..errors import Invalid, LabError, NotFound
from ..filesystem.entry import Entry
from ..filesystem.tree import Changes, Tree, with_parents
from ..shown import Displayed, Listing
from ..units import parse_time
from .digest import Digest, chain_ids
from .layer import Layer
from .manifest import LISTS, MAPS, MAX_LAYERS, STRINGS, Json, dump, manifest_for, parse_config, parse_manifest
from .reference import Reference

# Of the build that made an image, and not of what is made from it. docker's inspect reads a comment from the history.
_OF_THE_BUILDER = {"created", "comment", "container", "container_config", "docker_version", "id", "parent"}


@dataclass(frozen=True, slots=True)
class Step(Displayed):
    """One line of an image's history: what was done, and the layer it made, if it made one."""

    created: str
    created_by: str
    comment: str
    author: str
    layer: Layer | None
    image_id: Digest | None  # of the image that this step produced, where the store still knows it

    @property
    def size(self) -> int:
        """Bytes of files in the layer this step made; 0 for a step that only changed the config."""
        return self.layer.files_size if self.layer else 0


@dataclass(frozen=True, slots=True)
class Identifier(Displayed):
    """One of the names an image has, what kind of name it is, and which bytes it is computed from."""

    name: str
    value: Digest
    of: str


@dataclass(frozen=True, slots=True)
class ImageFile(Displayed):
    """A path of an image's merged file system, and the number of the layer that it comes from."""

    path: str
    entry: Entry
    layer: int


class ImageStore(Protocol):
    """What an image needs of the store that holds it."""

    def read(self, digest: Digest) -> bytes:
        """The bytes of a config or manifest; raises NotFound."""
        ...

    def layer(self, digest: Digest, diff_id: Digest, size: int, media_type: str) -> Layer:
        """A layer that is stored under `digest`; `size` is that of the blob, in bytes."""
        ...

    def pack(self, changes: Changes) -> Layer:
        """Write some changes as a layer."""
        ...

    def now(self) -> str:
        """The time that new images get, RFC 3339 in UTC."""
        ...

    def mtime(self) -> int:
        """The time that new files get, in seconds since 1970."""
        ...

    def names_of(self, image: Image) -> list[Reference]:
        """The tags that point to an image now, sorted."""
        ...

    def parent_of(self, image: Image) -> Image | None:
        """The image that this one was made from, if it is known."""
        ...

    def add(self, image: Image, parent: Image | None = None) -> Image:
        """Store an image, untagged; returns the image as one of this store. Idempotent."""
        ...


class Image(Displayed):
    """An immutable image: the exact bytes of a manifest and a config, and the layers they name.

    The config is read from the store unless its bytes are given; `parsed` is what `parse_config` made of them, where
    that has been done. Raises Invalid, from the constructor, for a manifest or config that is damaged, or when they do
    not fit together.
    """

    def __init__(
        self, manifest: bytes, store: ImageStore, config: bytes | None = None, *, parsed: Json | None = None
    ) -> None:  # fmt: skip
        self._store = store
        self.manifest_bytes = manifest
        self.digest = Digest.of(manifest)
        self.manifest = parse_manifest(manifest)
        self.config_bytes = store.read(Digest(self.manifest["config"]["digest"])) if config is None else config
        self.id = Digest.of(self.config_bytes)
        self.config = parse_config(self.config_bytes) if parsed is None else parsed
        if self.manifest["config"]["digest"] != self.id:
            raise Invalid(f"the manifest names the config {self.manifest['config']['digest']}, but it is {self.id}")
        if len(self.manifest["layers"]) != len(self.diff_ids):
            raise Invalid(
                f"the manifest lists {len(self.manifest['layers'])} layers and the config {len(self.diff_ids)} "
                "diffIDs: there must be one for each"
            )

    def __repr__(self) -> str:
        names = ", ".join(name.familiar for name in self.names) or "<none>"
        layers = "1 layer" if len(self.layers) == 1 else f"{len(self.layers)} layers"
        return f"<Image {names} {self.id.short}: {layers}, {self.size} bytes>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def is_in(self, store: ImageStore) -> bool:
        """Whether this is the store that holds the image's blobs."""
        return self._store is store

    @cached_property
    def diff_ids(self) -> tuple[Digest, ...]:
        """The digest of each layer's uncompressed tar, base first."""
        return tuple(Digest(diff_id) for diff_id in self.config["rootfs"]["diff_ids"])

    @cached_property
    def chain_ids(self) -> tuple[Digest, ...]:
        """For each layer, the name of it and all beneath it."""
        return chain_ids(self.diff_ids)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, base first."""
        return tuple(
            self._store.layer(Digest(blob["digest"]), diff_id, blob["size"], blob["mediaType"])
            for blob, diff_id in zip(self.manifest["layers"], self.diff_ids, strict=True)
        )

    @property
    def names(self) -> list[Reference]:
        """The tags that point to this image now, sorted."""
        return self._store.names_of(self)

    @property
    def parent(self) -> Image | None:
        """The image this one was made from, where it was made here and is still here."""
        return self._store.parent_of(self)

    @property
    def size(self) -> int:
        """Bytes of regular files in all layers together: docker's SIZE, which later removals do not lessen."""
        return sum(layer.files_size for layer in self.layers)

    @property
    def created(self) -> str:
        """When it was made, as an RFC 3339 time, or "" where the config does not say."""
        return self.config.get("created") or ""

    @cached_property
    def moment(self) -> datetime:
        """`created` as an aware datetime, for sorting; `units.NO_TIME` where the config has none."""
        return parse_time(self.created)

    @property
    def architecture(self) -> str:
        """The processor it is for, in Go's names: amd64, arm64."""
        return str(self.config.get("architecture", ""))

    @property
    def os(self) -> str:
        """The operating system it is for: linux."""
        return str(self.config.get("os", ""))

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The history, oldest first, each step with the layer it made; a layer that it leaves out is a step too."""
        made = iter(self.layers)
        history = _records(self.config)
        last = len(self.config.get("history") or history)
        ancestry: list[Image] = [self]
        while (parent := ancestry[-1].parent) is not None:
            ancestry.append(parent)
        by_length = {len(image.config.get("history") or []): image.id for image in reversed(ancestry)}
        return tuple(
            Step(
                record.get("created") or "",
                record.get("created_by") or "",
                record.get("comment") or "",
                record.get("author") or "",
                None if record.get("empty_layer") else next(made),
                by_length.get(number) or (self.id if number == last else None),
            )
            for number, record in enumerate(history, 1)
        )

    def tree(self) -> Tree:
        """The merged file system: what a container of this image would see."""
        return self._tree

    @cached_property
    def _tree(self) -> Tree:
        """Layer upon layer, from the nearest image below that has been merged already: a build merges each once."""
        below = self.parent
        while below is not None and "_tree" not in below.__dict__:
            below = below.parent
        if below is None or self.diff_ids[: len(below.layers)] != below.diff_ids:
            return reduce(Tree.apply, (layer.changes() for layer in self.layers), Tree())
        return reduce(Tree.apply, (layer.changes() for layer in self.layers[len(below.layers) :]), below.tree())

    @cached_property
    def _origin(self) -> dict[str, int]:
        tree, origin = Tree(), {"": -1}
        for number, layer in enumerate(self.layers):
            before, tree = tree, tree.apply(layer.changes())
            origin = {path: origin[path] if _still(before.get(path), tree[path]) else number for path in tree}
        return origin

    def origin(self) -> Mapping[str, int]:
        """For each path of the merged file system, the index of the layer it comes from."""
        return self._origin

    def files(self) -> Listing[ImageFile]:
        """Every path of the merged file system, and the layer that it comes from, counted from 1."""
        origin = self.origin()
        files = (ImageFile(path, entry, origin[path] + 1) for path, entry in self.tree().items() if path)
        return Listing(files, "files")

    def read(self, path: str) -> bytes:
        """The bytes of a file in the merged file system, symlinks followed; raises NotFound."""
        entry = self.tree().find(path)
        if entry.kind != "file":
            raise NotFound(f"{path!r} is a {entry.kind}, not a file")
        return entry.read()

    def history(self) -> Listing[Step]:
        """How it was made, the last step first: `docker history`."""
        return Listing(reversed(self.steps), "history")

    def identifiers(self) -> Listing[Identifier]:
        """Every identifier of this image side by side, layers counted from 1, the base.

        Each says what it is called, its value, and which bytes it is the digest of.
        """
        identifiers = [
            Identifier("image ID", self.id, f"the config, {len(self.config_bytes):,} bytes of JSON"),
            Identifier("image digest", self.digest, f"the manifest, {len(self.manifest_bytes):,} bytes of JSON"),
        ]
        for number, (layer, chain_id) in enumerate(zip(self.layers, self.chain_ids, strict=True), 1):
            stored = "compressed" if layer.compressed else "uncompressed"
            below = f"layer {number} and all below it" if number > 1 else "layer 1 alone, so it equals its diffID"
            identifiers += [
                Identifier(f"layer {number} diffID", layer.diff_id, f"layer {number}'s tar, uncompressed"),
                Identifier(f"layer {number} digest", layer.digest, f"layer {number}'s blob as stored, {stored}"),
                Identifier(f"layer {number} chainID", chain_id, f"the diffIDs of {below}"),
            ]
        return Listing(identifiers, "identifiers")

    def append(self, content: Changes | Mapping[str, Any], created_by: str = "", *, comment: str = "") -> Image:
        """Another image, with one more layer on top.

        `content` is Changes or a mapping (see `Changes.of`); folders above what changes are recorded too, as
        builders do. Raises Invalid and NotFound as `with_parents` does.
        """
        when = self._store.mtime()
        changes = content if isinstance(content, Changes) else Changes.of(content, mtime=when)
        return self.stack(self._store.pack(with_parents(self.tree(), changes, when)), created_by, comment=comment)

    def stack(
        self, layer: Layer, created_by: str = "", *, comment: str = "", author: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> Image:  # fmt: skip
        """Another image, with a layer that is in the store already on top, as it is, and `settings` in its config.

        Without an `author` it has this image's; with "" it has none. Raises LabError for a layer more than an image may
        have.
        """
        if len(self.layers) >= MAX_LAYERS:
            raise LabError(f"an image has at most {MAX_LAYERS} layers: join some steps, or flatten the image below")
        config = self._configured(settings) if settings else self.config
        if author is not None:
            config = {key: value for key, value in {**config, "author": author}.items() if key != "author" or value}
        return self._keep(self._derive(config, [*self.layers, layer], created_by, comment, author or "", empty=False))

    def with_config(
        self, created_by: str | None = "", *, comment: str = "", author: str = "", **settings: Any
    ) -> Image:
        """Another image with some of the config's `config` keys changed: Env, Cmd, Labels, …; None removes a key.

        No layer is made: the history gets an empty_layer line, or none if `created_by` is None. Raises LabError for a
        key that config.md does not have, or a value of the wrong type.
        """
        if created_by == "":
            created_by = " ".join(f"{key}={json.dumps(value)}" for key, value in settings.items())
        config = self._configured(settings) | ({"author": author} if author else {})
        return self._keep(self._derive(config, list(self.layers), created_by, comment, author, empty=True))

    def _configured(self, settings: Mapping[str, Any]) -> Json:
        """The config with some keys of its `config` changed; None removes a key."""
        keys = {*STRINGS, *LISTS, *MAPS, "Healthcheck"}
        if unknown := sorted(set(settings) - keys):
            raise LabError(f"an image config has no {unknown[0]!r}: it has {', '.join(sorted(keys))}")
        merged = {**(self.config.get("config") or {}), **settings}
        return {**self.config, "config": {key: merged[key] for key in sorted(merged) if merged[key] is not None}}

    def flatten(self, created_by: str = "flatten") -> Image:
        """Another image with the same merged file system and config in a single layer, and nothing of the past."""
        config = {**self.config, "rootfs": {"type": "layers", "diff_ids": []}, "history": []}
        layer = self._store.pack(Tree.diff(Tree(), self.tree()))
        return self._store.add(self._derive(config, [layer], created_by, "", "", empty=False))

    def _keep(self, child: Image) -> Image:
        return self._store.add(child, self)

    def _derive(
        self, config: Json, layers: Sequence[Layer], created_by: str | None, comment: str, author: str, *, empty: bool
    ) -> Image:  # fmt: skip
        """An image with this config, these layers and one more record in its history; not in the store yet."""
        now = self._store.now()
        record = {"created": now, "created_by": created_by, "comment": comment, "author": author, "empty_layer": empty}
        history = _records(config)
        size = len(history) + (created_by is not None)
        config = {
            "created": now,
            **{key: value for key, value in config.items() if key not in _OF_THE_BUILDER},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [*history, {key: value for key, value in record.items() if value}][:size],
        }
        config_bytes = dump(config)
        manifest = manifest_for(config_bytes, [layer.descriptor for layer in layers])
        try:
            return Image(manifest, self._store, config_bytes)
        except Invalid as error:
            raise LabError(f"that setting does not fit: {error}") from None


def _records(config: Json) -> list[Json]:
    """The history, and an empty record for each layer that it leaves out: a config need not have one at all."""
    history = config.get("history") or []
    filled = sum(not record.get("empty_layer") for record in history)
    return [*history, *({} for _ in config["rootfs"]["diff_ids"][filled:])]


def _still(before: Entry | None, after: Entry) -> bool:
    """Whether a layer left this alone; a directory it only repeats, with nothing changed, it left alone."""
    return before is after or (after.kind == "dir" and before == after)
