"""One idea: an archive is believed only when every byte of it has been read, hashed and compared.

`load` reads a tar once, in whatever order its files come, and stages each one. Only when all of its images have proved
right do their blobs get names and the index an entry; a refused archive leaves nothing.

Reads docker-archives (since docker 1.10), OCI layouts in a tar or as a folder, and both in one, compressed with gzip or
zstd outside, inside or both. Left out: the format before docker 1.10, and every platform but one of an index.
"""

from __future__ import annotations

import os
import platform
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from . import tar
from .blobs import MAX_JSON
from .compression import Allowance, expand, pieces_of
from .digest import Digest
from .entry import clean, parent_of
from .errors import Invalid, InvalidReference
from .image import Image
from .index import NAME, REF
from .manifest import DOCKER_INDEX, INDEX, Json, manifest_for, parse_config, parse_json, parse_list, parse_manifest
from .reference import Reference
from .staging import LIMIT, Staged, settle_layer, stage
from .store import Store
from .tree import Tree

_STAGED = 448  # bytes that one file of an archive takes in memory, over those of an entry; see Allowance


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image that an archive brought, the names it was given, and the images that lost those names."""

    image: Image
    names: tuple[Reference, ...]
    renamed: tuple[tuple[Reference, Digest], ...] = ()


@dataclass(slots=True)
class _Found:
    """An image of an archive before it is believed."""

    manifest: bytes
    config: bytes
    layers: list[tuple[str, Staged]]
    names: list[Reference] = field(default_factory=list)


def load(
    store: Store, source: str | os.PathLike[str] | BinaryIO, *, limit: int = LIMIT, limit_entries: int | None = None
) -> list[Loaded]:
    """Take the images of an archive (a path, a folder, or a stream) into the store.

    Raises Invalid, in one line, for anything that does not add up, or that expands to more than `limit` bytes or
    entries; the store is then as it was. Raises OSError as the disk does.
    """
    allowance = Allowance(limit, limit_entries) if limit_entries else Allowance(limit)
    stem = ""
    with store.blobs.lease():
        if isinstance(source, str | os.PathLike):
            stem = Path(source).name.split(".")[0]
            if os.path.isdir(source):
                archive = _Archive(store, _folder_members(Path(source), allowance), allowance)
            else:
                with open(source, "rb") as file:
                    archive = _Archive(store, _tar_members(file, allowance), allowance)
        else:
            archive = _Archive(store, _tar_members(source, allowance), allowance)
        found = archive.images(stem)
        for image in found:
            _prove(image)
        return [_keep(store, image) for image in found]


Member = tuple[str, Iterator[bytes] | str]  # its name, and its bytes or, for a link, the other name


def _tar_members(file: BinaryIO, allowance: Allowance) -> Iterator[Member]:
    reader = tar.Reader(expand(pieces_of(file), allowance, "the archive"), "the archive")
    for member in reader:
        allowance.take_entry(_STAGED + len(member.name) + len(member.link))
        name = clean(member.name, what="the archive: the name")
        if member.kind == "file":
            yield name, reader.content()
        elif member.kind in ("symlink", None):  # docker before 25 writes a repeated layer as a link
            base = parent_of(name) if member.kind else ""
            yield name, posixpath.normpath(posixpath.join(base, member.link))
    reader.drain()


def _folder_members(folder: Path, allowance: Allowance) -> Iterator[Member]:
    wanted = [folder / "oci-layout", folder / "index.json", *sorted((folder / "blobs" / "sha256").glob("*"))]
    if not wanted[0].is_file() or not wanted[1].is_file():
        raise Invalid(f"{str(folder)!r} is not an OCI layout: it lacks 'oci-layout' or 'index.json'")
    for path in wanted:
        allowance.take_entry(_STAGED)
        if path.is_symlink() or not path.is_file():
            raise Invalid(f"{str(path)!r} is not a plain file, and an OCI layout has only such")
        with open(path, "rb") as file:
            yield path.relative_to(folder).as_posix(), pieces_of(file)


class _Archive:
    """All files of an archive, staged, and the images its tables of contents speak of."""

    def __init__(self, store: Store, members: Iterable[Member], allowance: Allowance) -> None:
        self._allowance = allowance
        self._files: dict[str, Staged] = {}
        self._links: dict[str, str] = {}
        for name, content in members:
            self._files.pop(name, None)
            self._links.pop(name, None)
            if isinstance(content, str):
                self._links[name] = content
            else:
                self._files[name] = stage(store, content, allowance, f"{name!r} in the archive")

    def images(self, stem: str) -> list[_Found]:
        """Every image, checked against the table that names it; raises Invalid."""
        if "index.json" in self._files and "oci-layout" in self._files:
            return self._from_index(stem)
        if "manifest.json" in self._files:
            return [self._from_contents(item) for item in self._contents()]
        if "repositories" in self._files:
            raise Invalid("the archive was written by a docker older than 1.10 (2016): save it again with a newer one")
        raise Invalid(
            "the archive holds no image: it has neither index.json (OCI layout) nor manifest.json (docker save)"
        )

    def _file(self, name: object, what: str) -> tuple[str, Staged]:
        if not isinstance(name, str):
            raise Invalid(f"{what} is named by {str(name)[:80]!r}, which is not a path")
        path = clean(name, what=what)
        for _ in range(8):
            if path in self._files:
                return path, self._files[path]
            if path not in self._links:
                break
            path = self._links[path]
        raise Invalid(f"{what} should be at {name!r} in the archive, and is not there")

    def _json(self, name: object, what: str) -> bytes:
        _, staged = self._file(name, what)
        if staged.writer.size > MAX_JSON:
            raise Invalid(f"{what} has {staged.writer.size:,} bytes, too many for JSON: the limit is {MAX_JSON:,}")
        data = staged.writer.path.read_bytes()
        self._allowance.take_entry(len(data) + 16 * sum(map(data.count, (b",", b"[", b"{"))))
        return data

    def _blob(self, descriptor: Json, what: str) -> tuple[str, Staged]:
        digest = Digest.parse(descriptor.get("digest"), f"{what}: the digest")
        path, staged = self._file(f"blobs/sha256/{digest.hex}", what)
        if staged.writer.digest != digest:
            raise Invalid(f"{what} says that its digest is {digest}, but it is {staged.writer.digest}")
        if descriptor.get("size") != staged.writer.size:
            raise Invalid(
                f"{what} says that it has {str(descriptor.get('size'))[:40]} bytes, but it has {staged.writer.size}"
            )
        return path, staged

    # docker-archive ---------------------------------------------------------------------------------------------

    def _contents(self) -> list[Json]:
        contents = parse_list(self._json("manifest.json", "manifest.json"), "manifest.json")
        for item in contents:
            tags = item.get("RepoTags")
            if not isinstance(item.get("Layers"), list | None) or not isinstance(tags, list | None):
                raise Invalid("manifest.json: Layers and RepoTags must be lists")
        return contents

    def _from_contents(self, item: Json) -> _Found:
        name = item.get("Config")
        config = self._json(name, "the config named in manifest.json")
        claimed = re.search(r"[0-9a-f]{64}", str(name))
        if claimed and claimed[0] != Digest.of(config).hex:
            raise Invalid(
                f"the config's name says that its digest is sha256:{claimed[0]}, but it is {Digest.of(config)}"
            )
        diff_ids = parse_config(config)["rootfs"]["diff_ids"]
        paths = item.get("Layers") or []
        if len(paths) != len(diff_ids):
            raise Invalid(f"manifest.json lists {len(paths)} layers, and the config {len(diff_ids)} diffIDs")
        layers = [self._file(path, f"layer {number}") for number, path in enumerate(paths, 1)]
        described = [
            {"mediaType": staged.media_type, "digest": staged.writer.digest, "size": staged.writer.size}
            for _, staged in layers
        ]
        return _Found(manifest_for(config, described), config, layers, _references(item.get("RepoTags") or []))

    # OCI layout -------------------------------------------------------------------------------------------------

    def _from_index(self, stem: str) -> list[_Found]:
        layout = parse_json(self._json("oci-layout", "oci-layout"), "oci-layout")
        if layout.get("imageLayoutVersion") != "1.0.0":
            raise Invalid(f"oci-layout gives the version {layout.get('imageLayoutVersion')!r}: only 1.0.0 is known")
        found: dict[str, _Found] = {}
        for descriptor in _descriptors(parse_json(self._json("index.json", "index.json"), "index.json"), "index.json"):
            manifest = self._manifest(descriptor, "an image in index.json")
            image = self._from_manifest(manifest)
            name = _name_of(descriptor, stem)
            known = found.setdefault(Digest.of(manifest), image)
            known.names += [reference for reference in name if reference not in known.names]
        if not found:
            raise Invalid("index.json lists no image")
        if "manifest.json" in self._files:
            self._add_names(list(found.values()))
        return list(found.values())

    def _manifest(self, descriptor: Json, what: str, depth: int = 0) -> bytes:
        _, staged = self._blob(descriptor, what)
        data = self._json(f"blobs/sha256/{staged.writer.digest.hex}", what)
        if descriptor.get("mediaType") not in (INDEX, DOCKER_INDEX):
            return data
        if depth > 4:
            raise Invalid("index.json leads through more than four indexes to its images")
        value = parse_json(data, what)
        if "layers" in value or "config" in value:
            raise Invalid(f"{what} is an index and a manifest at once: its digest would name two things")
        return self._manifest(self._for_this_platform(_descriptors(value, what)), "an image in an index", depth + 1)

    def _for_this_platform(self, descriptors: list[Json]) -> Json:
        """The image for linux on this machine's processor, or the first; docker saves only some of what it lists."""
        images = [d for d in descriptors if _platform(d).get("os", "linux") != "unknown"]  # that is an attestation
        if not images:
            raise Invalid("an index in the archive lists no image")
        images = [d for d in images if f"blobs/sha256/{str(d.get('digest'))[7:]}" in self._files] or images
        machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
        return next((d for d in images if _platform(d).get("architecture") == machine), images[0])

    def _from_manifest(self, data: bytes) -> _Found:
        manifest = parse_manifest(data)
        _, config = self._blob(manifest["config"], "the config")
        config_bytes = self._json(f"blobs/sha256/{config.writer.digest.hex}", "the config")
        layers = [self._blob(layer, f"layer {number}") for number, layer in enumerate(manifest["layers"], 1)]
        return _Found(data, config_bytes, layers)

    def _add_names(self, found: list[_Found]) -> None:
        """Take names from manifest.json too: docker 25 and later write them there, whole, for the same configs."""
        by_config = {Digest.of(image.config): image for image in found}
        for item in self._contents():
            _, config = self._file(item.get("Config"), "the config named in manifest.json")
            if (image := by_config.get(config.writer.digest)) is not None:
                image.names = list(dict.fromkeys([*image.names, *_references(item.get("RepoTags") or [])]))


def _descriptors(value: Json, what: str) -> list[Json]:
    items = value.get("manifests")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Invalid(f"{what} is not an OCI index: it has no list of 'manifests'")
    return items


def _platform(descriptor: Json) -> Json:
    value = descriptor.get("platform") or {}
    if not isinstance(value, dict):
        raise Invalid("an image in an index has a platform that is no object")
    return value


def _references(names: Iterable[object]) -> list[Reference]:
    """The tags among some names; one by digest alone (`name@sha256:…`) is a way to find an image, and no tag."""
    return [reference.tagged(reference.tag) for reference in map(_reference, names) if reference.tag]


def _reference(name: object) -> Reference:
    if not isinstance(name, str):
        raise Invalid(f"the archive names an image {str(name)[:80]!r}, which is not a text")
    try:
        return Reference.parse(name).with_default_tag()
    except InvalidReference as error:
        raise Invalid(f"the archive names an image wrongly: {error}") from None


def _name_of(descriptor: Json, stem: str) -> list[Reference]:
    """The name an index gives an image: containerd's whole one, or the specification's, which may be a tag alone.

    A tag alone gets the archive's own name, as in `app.tar` or a folder `app`, for its repository.
    """
    annotations = descriptor.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise Invalid("an image in index.json has annotations that are no object")
    if whole := annotations.get(NAME):
        return _references([whole])
    short = annotations.get(REF)
    if not isinstance(short, str) or not short:
        return []
    try:
        return _references([short if ":" in short or "/" in short else f"{stem.lower()}:{short}"])
    except Invalid:
        return []


def _prove(image: _Found) -> None:
    """Check an image whole: its layers' diffIDs, and that they can be applied, one on another."""
    diff_ids = parse_config(image.config)["rootfs"]["diff_ids"]
    if len(diff_ids) != len(image.layers):
        raise Invalid(f"the manifest lists {len(image.layers)} layers, and the config {len(diff_ids)} diffIDs")
    tree = Tree()
    for number, ((path, staged), diff_id) in enumerate(zip(image.layers, diff_ids, strict=True), 1):
        if staged.trouble:
            raise staged.trouble
        if staged.changes is None:
            raise Invalid(f"layer {number} ({path!r}) is not a tar archive")
        if staged.diff_id != diff_id:
            raise Invalid(f"layer {number} ({path!r}) has the diffID {staged.diff_id}, but the config says {diff_id}")
        tree = tree.apply(staged.changes)


def _keep(store: Store, found: _Found) -> Loaded:
    for _, staged in found.layers:
        settle_layer(store, staged)
    image = store.keep(found.config, found.manifest)
    moves = store.point(found.names, image, "load")
    renamed = [(Reference.parse(move.name), store.image(Digest(move.old)).id) for move in moves if move.old]
    return Loaded(image, tuple(found.names), tuple(renamed))
