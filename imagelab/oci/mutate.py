"""Change one thing in an image and get another image, which need not be stored.

Each change is made in the very bytes (a byte of a layer's tar, a field of the config) and followed upwards to a whole
image in memory. `compare` sets the names of both side by side; `Store.add` stores one.

The names are the OCI image-spec's (config.md, descriptor.md); the module is called after go-containerregistry's
`mutate`, which does the same. Left out: changes of a file's length, for which there is `Image.append`.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

from ..errors import LabError, NotFound
from ..filesystem.entry import from_root
from ..filesystem.tree import Changes
from ..golang import json_fields
from ..shown import Displayed
from . import tar
from .digest import Digest
from .image import Image, ImageStore
from .layer import TAR, Layer, pack
from .manifest import Json, dump, parse_json
from .reference import Reference

LIMIT = 64 << 20  # bytes of a layer that are taken into memory to change one of them
_WRAPPED = re.compile(r"[+.](?:gzip|zstd)$")


@dataclass(frozen=True, slots=True)
class Place(Displayed):
    """A regular file as one layer has it: the layer (from 1), the path, and where in the tar its bytes lie."""

    layer: int
    path: str
    size: int
    mode: int
    offset: int


@dataclass(frozen=True, slots=True)
class Compared(Displayed):
    """One name that two images have, what it is the digest of, and its value in each."""

    name: str
    of: str
    old: Digest
    new: Digest

    @property
    def changed(self) -> bool:
        """Whether the two images differ in it."""
        return self.old != self.new


class Draft(ImageStore):
    """The store of an image that is in none: new blobs in memory, and the layers of the image it was made from."""

    def __init__(self, base: Image) -> None:
        self._base = base
        self._blobs: dict[Digest, bytes] = {}

    def put(self, data: bytes) -> Digest:
        """Hold bytes in memory and return their digest. Idempotent."""
        digest = Digest.of(data)
        self._blobs[digest] = data
        return digest

    def read(self, digest: Digest) -> bytes:
        if digest not in self._blobs:
            raise NotFound(f"the blob {digest} is in no store and not in this draft")
        return self._blobs[digest]

    def layer(self, digest: Digest, diff_id: Digest, size: int, media_type: str) -> Layer:
        if digest in self._blobs:
            return Layer(digest, diff_id, size, media_type, lambda: io.BytesIO(self._blobs[digest]))
        return next(layer for layer in self._base.layers if layer.digest == digest)

    def pack(self, changes: Changes) -> Layer:
        pieces: list[bytes] = []
        pack(changes, pieces.append)
        digest = self.put(b"".join(pieces))
        return self.layer(digest, digest, len(self._blobs[digest]), TAR)

    def now(self) -> str:
        return self._base.created or "1970-01-01T00:00:00Z"

    def mtime(self) -> int:
        return 0

    def names_of(self, image: Image) -> list[Reference]:
        return []

    def parent_of(self, image: Image) -> Image | None:
        return None

    def add(self, image: Image, parent: Image | None = None) -> Image:
        return image


def files(image: Image) -> list[Place]:
    """Every file with something in it, layer by layer, as often as layers bring it; the order is the tar's."""
    return [place for number in range(1, len(image.layers) + 1) for place in _places(image, number)]


def find(image: Image, path: str) -> Place:
    """The file that the image shows at this path; raises NotFound where it shows none with something in it."""
    path = image.tree().resolve(path)
    number = image.origin()[path] + 1
    for place in _places(image, number):
        if place.path == path:
            return place
    raise NotFound(f"{path!r} is empty or not a file: it has no bytes to change")


def byte(image: Image, place: Place, at: int, value: int) -> Image:
    """The image with byte `at` (from 0) of a file set to `value` (0 to 255), and nothing else touched.

    Raises LabError for a byte that the file has not, and for a layer of over 64 MiB.
    """
    if not 0 <= at < place.size:
        raise LabError(f"{place.path!r} has bytes 0 to {place.size - 1:,}: there is no byte {at:,}")
    if not 0 <= value <= 255:
        raise LabError(f"a byte must be 0 to 255, not {value:,}")
    data = _tar(image, place.layer)
    data[place.offset + at] = value
    return _with_layer(image, place.layer, bytes(data))


def mode(image: Image, place: Place, permissions: int) -> Image:
    """The image with other permission bits (octal 0 to 07777) in the header of a file; its bytes stay.

    Raises LabError for other bits, and for a layer of over 64 MiB.
    """
    if not 0 <= permissions <= 0o7777:
        raise LabError(f"a mode must be an octal number from 0000 to 7777, not {permissions:o}")
    data = _tar(image, place.layer)
    start = place.offset - tar.BLOCK
    header = data[start : place.offset]
    header[100:108] = b"%07o\0" % permissions
    header[148:156] = b"        "  # the checksum counts itself as spaces
    header[148:156] = b"%06o\0 " % sum(header)
    data[start : place.offset] = header
    return _with_layer(image, place.layer, bytes(data))


def fields(image: Image) -> dict[str, str]:
    """Every text in the config by where it stands (`config.Env[0]`, `created`), without the layers' diffIDs."""
    config = parse_json(image.config_bytes, "the config", json_fields.CONFIG)
    value = {key: part for key, part in config.items() if key != "rootfs"}
    return {_path_of(steps): text for steps, text in _texts(value, ())}


def field(image: Image, where: str, text: str) -> Image:
    """The image with another text in one place of its config, as `fields` names it; no layer knows of it.

    The JSON is written anew, so a config that another builder spaced differently changes in that too. Raises NotFound
    for a place that is not there, and Invalid for a text that does not fit.
    """
    config: Json = deepcopy(parse_json(image.config_bytes, "the config", json_fields.CONFIG))
    steps = next((steps for steps, _ in _texts(config, ()) if _path_of(steps) == where and steps[0] != "rootfs"), None)
    if steps is None:
        raise NotFound(f"the config has no text at {where!r}: it has {', '.join(fields(image))}")
    inner = config
    for step in steps[:-1]:
        inner = inner[step]  # type: ignore[index]  # a list takes a number
    if inner[steps[-1]] == text:  # type: ignore[index]
        return image
    inner[steps[-1]] = text  # type: ignore[index]
    draft = Draft(image)
    return _under(draft, image, dump(config), image.manifest["layers"])


def compressed(image: Image) -> Image:
    """The image with every layer wrapped in gzip, as registries keep it; what lies inside stays."""
    draft = Draft(image)
    layers = [
        {**blob, **_stored(draft, bytes(_tar(image, number)), _gzipped(blob["mediaType"]))}
        if not layer.compressed else blob
        for number, (blob, layer) in enumerate(zip(image.manifest["layers"], image.layers, strict=True), 1)
    ]  # fmt: skip
    return _under(draft, image, image.config_bytes, layers)


def compare(old: Image, new: Image, place: Place | None = None) -> list[Compared]:
    """The names of two images side by side: of the file at `place` if given, of each layer, config and manifest.

    Raises LabError for images with different numbers of layers.
    """
    if len(old.layers) != len(new.layers):
        raise LabError(f"one image has {len(old.layers)} layers and the other {len(new.layers)}: nothing to set beside")
    rows = []
    if place:
        before, after = (Digest.of(image.layers[place.layer - 1].read(place.path)) for image in (old, new))
        rows.append(Compared(f"digest of {place.path}", f"the file's {place.size:,} bytes", before, after))
    names = list(zip(old.identifiers(), new.identifiers(), strict=True))
    for one, other in names[2:] + names[:2]:  # in the order in which one goes into the next: layers, config, manifest
        rows.append(Compared(one.name, one.of, one.value, other.value))
    return rows


def _places(image: Image, number: int) -> Iterator[Place]:
    layer = image.layers[number - 1]
    places: dict[str, Place | None] = {}
    for member in tar.Reader(layer.pieces(), f"layer {layer.digest.short}"):
        path = from_root(member.name)
        places[path] = None  # a name that comes twice means the last one
        if member.kind == "file" and member.size and path in layer.changes().entries:
            places[path] = Place(number, path, member.size, member.mode, member.offset)
    return (place for place in places.values() if place)


def _tar(image: Image, number: int) -> bytearray:
    """A layer's tar, uncompressed, in memory."""
    data = bytearray()
    for piece in image.layers[number - 1].pieces():
        data += piece
        if len(data) > LIMIT:
            raise LabError(f"layer {number} has over {LIMIT >> 20} MiB: too much to change one byte of it here")
    return data


def _with_layer(image: Image, number: int, data: bytes) -> Image:
    """The image with another tar in the place of one layer, wrapped as that one was."""
    draft = Draft(image)
    layers = list(image.manifest["layers"])
    config = deepcopy(parse_json(image.config_bytes, "the config", json_fields.CONFIG))
    old = image.layers[number - 1]
    if Digest.of(data) == old.diff_id:
        return image
    blob = layers[number - 1]
    media_type = _gzipped(blob["mediaType"]) if old.compressed else blob["mediaType"]
    layers[number - 1] = {**blob, **_stored(draft, data, media_type)}
    config["rootfs"]["diff_ids"][number - 1] = Digest.of(data)
    return _under(draft, image, dump(config), layers)


def _stored(draft: Draft, data: bytes, media_type: str) -> Json:
    """A descriptor of a tar, put into the draft as the media type says."""
    blob = gzip.compress(data, 6, mtime=0) if _WRAPPED.search(media_type) else data
    return {"mediaType": media_type, "digest": draft.put(blob), "size": len(blob)}


def _gzipped(media_type: str) -> str:
    plain = _WRAPPED.sub("", media_type)
    return plain + ("+gzip" if plain == TAR else ".gzip")


def _under(draft: Draft, image: Image, config: bytes, layers: Sequence[Json]) -> Image:
    """The image of this config and these layers, under a manifest that says all else as before."""
    descriptor = {**image.manifest["config"], "digest": draft.put(config), "size": len(config)}
    return Image(dump({**image.manifest, "config": descriptor, "layers": list(layers)}), draft, config)


def _texts(value: object, steps: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in some JSON, with the keys and numbers that lead to it."""
    if isinstance(value, str):
        yield steps, value
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from _texts(inner, (*steps, key))


def _path_of(steps: Sequence[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
