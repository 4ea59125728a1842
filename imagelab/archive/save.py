"""Write images into one tar, for `docker load` and as an OCI layout.

`save` writes two tables into one tar: the OCI layout's `index.json`, and the `manifest.json` that every `docker load`
since 1.10 reads. Both name the same blobs, which are written once. A layer that the store keeps compressed is written
twice: as it is for `index.json`, since the manifest that names it has a digest that must stay true, and as a plain tar
for `manifest.json`, since Docker before 23 reads no zstd and docker's own archives hold plain tars.

Implements the OCI image-spec, image-layout.md, and moby's image/tarexport (docker-archive, as docker 25 writes it).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import Invalid, InvalidReference, LabError
from ..filesystem.entry import Entry
from ..filesystem.streams import pieces_of
from ..host.atomic import replacing
from ..oci import tar
from ..oci.digest import Digest, Hashed
from ..oci.image import Image
from ..oci.layer import Layer
from ..oci.manifest import is_parent
from ..oci.reference import Reference
from ..store.index import NAME, REF, Item, index_bytes
from ..store.store import Store


def save(store: Store, images: Sequence[tuple[Image, Sequence[Reference]]], out: BinaryIO) -> None:
    """Write images as one tar, each under the given names (none: by its ID alone).

    The same images and names give the same bytes. Raises NotFound for a blob that is gone, and Invalid for one
    that is too long or too short, or expands to another layer than its image lists.
    """
    names: dict[Image, dict[Reference, None]] = {}  # of each image in the order given, each once
    for image, references in images:
        names.setdefault(image, {}).update(dict.fromkeys(references))
    descriptors, contents = [], []
    blobs: dict[Digest, int | Layer] = {}  # its size, or the compressed layer that the plain tar is taken from
    for image, tags in names.items():
        for name in tags or [None]:
            descriptor = Item.of(image).descriptor
            if name:  # as containerd writes them: the whole name, and in the other place the tag alone
                descriptor["annotations"] = {NAME: name.canonical, REF: name.tag}
            descriptors.append(descriptor)
        blobs |= {image.digest: len(image.manifest_bytes), image.id: len(image.config_bytes)}
        blobs |= {layer.digest: layer.size for layer in image.layers}
        blobs |= {layer.diff_id: layer for layer in image.layers if layer.diff_id not in blobs}
        item: dict[str, object] = {
            "Config": _path(image.id),
            "RepoTags": [name.familiar for name in tags] or None,
            "Layers": [_path(layer.diff_id) for layer in image.layers],
        }
        parent = image.parent
        if parent in names and parent is not None and is_parent(parent.config, image.config):
            item["Parent"] = parent.id
        contents.append(item)
    out.write(tar.header("blobs", Entry.dir()) + tar.header("blobs/sha256", Entry.dir()))
    for digest in sorted(blobs):
        size = blobs[digest]
        if isinstance(size, Layer):
            _add_plain(out, size)
        else:
            _add(out, store, digest, size)
    manifest = json.dumps(contents, separators=(",", ":")).encode()
    layout = b'{"imageLayoutVersion":"1.0.0"}'
    for path, data in (("index.json", index_bytes(descriptors)), ("manifest.json", manifest), ("oci-layout", layout)):
        out.write(tar.header(path, Entry.file(data)) + data + tar.padding(len(data)))
    out.write(tar.END)


def images_named(store: Store, ref: str | Image) -> list[tuple[Image, list[Reference]]]:
    """The images that one argument of `docker save` means, each with the names that it is saved under.

    A name means its image, a repository without a tag all its tags here, an ID or Image an image without a name.
    """
    if isinstance(ref, Image):
        return [(ref, ref.names)]
    tags = store.tags()
    with suppress(InvalidReference):
        reference = Reference.parse(ref)
        if reference in tags:
            return [(store.image(tags[reference]), [reference])]
        if not reference.tag and not reference.digest:
            names = sorted(name for name in tags if name.name == reference.name)
            if names:
                return [(store.image(tags[name]), [name]) for name in names]
    return [(store.find(ref), [])]


def _path(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"


def _add(out: BinaryIO, store: Store, digest: Digest, size: int) -> None:
    out.write(tar.header(_path(digest), Entry("file", size=size)))
    left = size
    with store.blobs.open(digest) as file:
        for piece in pieces_of(file):
            out.write(piece)
            left -= len(piece)
    if left:
        why = f"expected {size:,} bytes, found {size - left:,}"
        raise Invalid(f"blob {digest}: {why}; `imagelab verify` lists what is damaged")
    out.write(tar.padding(size))


def _add_plain(out: BinaryIO, layer: Layer) -> None:
    """Write a compressed layer as the tar that it is; a tar's header wants the size first, so it is spooled."""
    with tempfile.TemporaryFile(prefix="imagelab-save-") as spool:
        pieces = Hashed(layer.pieces())
        for piece in pieces:
            spool.write(piece)
        if pieces.digest != layer.diff_id:
            raise Invalid(
                f"the layer {layer.digest} expands to {pieces.digest}, not to {layer.diff_id}: `imagelab verify` lists "
                "what is damaged"
            )
        spool.seek(0)
        out.write(tar.header(_path(layer.diff_id), Entry("file", size=pieces.size)))
        for piece in pieces_of(spool):
            out.write(piece)
        out.write(tar.padding(pieces.size))


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that gets its name only when the block ends without an error; a device or pipe is written to.

    Raises LabError for a folder.
    """
    target = Path(path)
    if target.is_dir():
        raise LabError(f"{str(target)!r} is a folder: name a file to write to")
    if target.exists() and not target.is_file():  # /dev/stdout, a pipe
        with open(target, "wb") as file:
            yield file
        return
    with replacing(target, durable=False) as file:
        yield file
