"""One idea: an image in one file is a tar of blobs and a table of contents.

`save` writes two tables into one tar: the OCI layout's `index.json`, and the `manifest.json` that every `docker load`
since 1.10 reads. Both name the same blobs, which are written once.

Implements the OCI image-spec, image-layout.md, and moby's image/tarexport (docker-archive, as docker 25 writes it).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from . import tar
from .compression import pieces_of
from .digest import Digest
from .entry import Entry
from .errors import Invalid, LabError
from .image import Image
from .index import NAME, REF, describe, index_bytes
from .reference import Reference
from .store import Store


def save(store: Store, wanted: Sequence[tuple[Image, Sequence[Reference]]], out: BinaryIO) -> None:
    """Write images as one tar, each under the given names (none: by its ID alone).

    The same images and names give the same bytes. Raises NotFound for a blob that is gone, and Invalid for one
    that is too long or too short.
    """
    names: dict[Image, dict[str, Reference]] = {}
    for image, references in wanted:
        names.setdefault(image, {}).update({r.canonical: r for r in references})
    descriptors, contents = [], []
    blobs: dict[Digest, int] = {}
    for image, found in names.items():
        for name in found or [None]:
            descriptor = describe(image, name, None)
            if name:  # as containerd writes them: the whole name, and in the other place the tag alone
                descriptor["annotations"] = {NAME: name, REF: found[name].tag}
            descriptors.append(descriptor)
        blobs |= {image.digest: len(image.manifest_bytes), image.id: len(image.config_bytes)}
        blobs |= {layer.digest: layer.size for layer in image.layers}
        contents.append({
            "Config": _path(image.id),
            "RepoTags": list(found) or None,  # whole names: podman reads short ones as its own
            "Layers": [_path(layer.digest) for layer in image.layers],
        })  # fmt: skip
    out.write(tar.header("blobs", Entry.dir()) + tar.header("blobs/sha256", Entry.dir()))
    for digest in sorted(blobs):
        _add(out, store, digest, blobs[digest])
    manifest = json.dumps(contents, separators=(",", ":")).encode()
    layout = b'{"imageLayoutVersion":"1.0.0"}'
    for path, data in (("index.json", index_bytes(descriptors)), ("manifest.json", manifest), ("oci-layout", layout)):
        out.write(tar.header(path, Entry.file(data)) + data + tar.padding(len(data)))
    out.write(tar.END)


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
        raise Invalid(f"the blob {digest} has not the {size} bytes it should: `imagelab verify` tells what is damaged")
    out.write(tar.padding(size))


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write that appears under its name only when the block has ended well."""
    target = Path(path)
    if target.is_dir():
        raise LabError(f"{str(target)!r} is a folder: name a file to write to")
    if target.exists() and not target.is_file():  # /dev/stdout, a pipe
        with open(target, "wb") as file:
            yield file
        return
    temporary = target.with_name(f".{target.name}.{os.urandom(16).hex()}")
    try:
        with open(temporary, "xb") as file:  # buffered: a disk that fills up may take a part, and say nothing yet
            yield file
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
