"""The image ID and size that Docker's classic store and its containerd store show.

The classic store calls an image by its config; the containerd store, the default on a fresh Docker 29, calls it by its
manifest, and counts what it keeps twice: the blobs as they came, and the files they unpack to.

Follows moby's daemon/images (20.10) and daemon/containerd/image_list.go, and containerd's overlayfs snapshotter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..filesystem.tree import Changes
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.layer import Layer
from ..shown import Displayed

BLOCK = 4096  # bytes that a disk gives out at a time: ext4's and xfs's usual setting


@dataclass(frozen=True, slots=True)
class Shown(Displayed):
    """What a store's `docker images` prints: the ID, what it is the digest of, SIZE in bytes and what that counts."""

    id: Digest
    id_of: str
    size: int
    size_of: str


def classic(image: Image) -> Shown:
    """The image in the classic store: SIZE is the bytes in files, whatever the layers take on the disk or the wire."""
    return Shown(image.id, "the config", image.size, f"{image.size:,} bytes in files")


def containerd(image: Image) -> Shown:
    """The image in the containerd store: SIZE is its blobs as they came, and the blocks that their files fill."""
    content, blocks = content_size(image), unpacked_size(image)
    return Shown(image.digest, "the manifest", content + blocks, f"{content:,} bytes of blobs, {blocks:,} unpacked")


def content_size(image: Image) -> int:
    """Bytes in all blobs of an image: manifest, config, and layers as they are stored."""
    return len(image.manifest_bytes) + len(image.config_bytes) + sum(layer.size for layer in image.layers)


def unpacked_size(image: Image) -> int:
    """Bytes on a disk of 4 kB blocks once each layer is unpacked beside the others, as overlayfs wants them."""
    return sum(map(unpacked_layer, image.layers))


def unpacked_layer(layer: Layer) -> int:
    """Bytes on such a disk that one layer takes: its SIZE in `docker history` with the containerd store."""
    return _blocks(layer.changes())


def _blocks(changes: Changes) -> int:
    """Whole blocks for files and folders, the layer's own root among them; links and whiteouts fit into the inode."""
    inodes = {id(entry): entry for path, entry in changes.entries.items() if path}.values()
    used = sum(-(-entry.size // BLOCK) if entry.kind == "file" else entry.kind == "dir" for entry in inodes)
    return BLOCK * (1 + used)


STORES: Mapping[str, Callable[[Image], Shown]] = {"20-28": classic, "29": containerd}
