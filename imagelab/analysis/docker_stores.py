"""The image ID and size that Docker's classic store and its containerd store show, and what removing prints.

The classic store calls an image by its config; the containerd store, the default on a fresh Docker 29, calls it by its
manifest, and counts what it keeps twice: the blobs as they came, and the files they unpack to.

Follows moby's daemon/images (20.10), and of 29.7.2 daemon/containerd/image_list.go, service.go (`docker system df`)
image_delete.go, image_prune.go and daemon/disk_usage.go; and containerd's overlayfs snapshotter.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..filesystem.tree import Changes
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.layer import Layer
from ..shown import Displayed
from .usage import DiskUsage, ImageUsage

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


def shown_id(image: Image, docker: str) -> Digest:
    """The ID of an image as this Docker, a key of `STORES`, prints it."""
    return image.digest if docker == "29" else image.id


def content_size(image: Image) -> int:
    """Bytes in all blobs of an image: manifest, config, and layers as they are stored."""
    return len(image.manifest_bytes) + len(image.config_bytes) + sum(layer.size for layer in image.layers)


def unpacked_size(image: Image) -> int:
    """Bytes on a disk of 4 kB blocks once each layer is unpacked beside the others, as overlayfs wants them."""
    return sum(map(unpacked_layer, image.layers))


def unpacked_layer(layer: Layer) -> int:
    """Bytes on such a disk that one layer takes: its SIZE in `docker history` with the containerd store."""
    return blocks(layer.changes())


def blocks(changes: Changes) -> int:
    """Bytes in whole blocks for files and folders, a layer's own root among them; links and whiteouts take none."""
    inodes = {id(entry): entry for path, entry in changes.entries.items() if path}.values()
    used = sum(-(-entry.size // BLOCK) if entry.kind == "file" else entry.kind == "dir" for entry in inodes)
    return BLOCK * (1 + used)


def containerd_usage(images: Sequence[Image], in_use: frozenset[Digest] = frozenset()) -> DiskUsage:
    """What `docker system df` counts in the containerd store: each blob once, and each unpacked layer once.

    `in_use` are the manifest digests of images that a container was made from. What no container uses counts as
    reclaimable as far as it is one image's alone: two unused images that share a layer do not free it, by this count.
    """
    distinct = list({image.digest: image for image in images}.values())
    parts = [_parts(image) for image in distinct]
    owners = Counter(name for part in parts for name in part)
    rows = []
    for image, part in zip(distinct, parts, strict=True):
        size = content_size(image) + unpacked_size(image)
        shared = sum(size for name, size in part.items() if owners[name] > 1)
        rows.append(ImageUsage(image, size, shared, size - shared))
    total = sum({name: size for part in parts for name, size in part.items()}.values())
    unused = [row for row in rows if row.image.digest not in in_use]
    return DiskUsage(tuple(rows), total, len(rows) - len(unused), sum(row.unique for row in unused))


def _parts(image: Image) -> dict[tuple[str, Digest], int]:
    """What an image keeps on the disk and its bytes: blobs by digest, and unpacked layers by chainID."""
    layers = list(zip(image.chain_ids, image.layers, strict=True))
    parts = {("unpacked", chain_id): unpacked_layer(layer) for chain_id, layer in layers}
    parts |= {("blob", layer.digest): layer.size for layer in image.layers}
    return parts | {
        ("blob", image.id): len(image.config_bytes), ("blob", image.digest): len(image.manifest_bytes)
    }  # fmt: skip


def removed(lines: Iterable[str], image: Image) -> list[str]:
    """What `rmi` prints in the containerd store: the names removed, and one digest if the image went with them."""
    lines = list(lines)
    untagged = [line for line in lines if line.startswith("Untagged:")]
    return untagged + [f"Deleted: {image.digest}"] * (len(lines) > len(untagged))


def refused(error: str, image: Image) -> str:
    """Why `rmi` refuses there: the same reasons, with the ID that is listed and one wording for all of them."""
    classic = r'unable to remove repository reference "(.+?)" \(must force\)'
    error = re.sub(classic, r"unable to delete \1 (must be forced)", error)
    return error.replace(image.id.short, image.digest.short)


def running(ref: str) -> str:
    """Why `rm` refuses there to remove a container that runs."""
    why = "container is running: stop the container before removing or force remove"
    return f'cannot remove container "{ref}": {why}'


def pruned(images: Callable[[], Sequence[Image]], remove: Callable[[], object]) -> tuple[list[str], int]:
    """Remove, and return what `image prune` prints in the containerd store, and the bytes it freed there.

    These are of blobs and of unpacked files. `images` lists what `docker images -a` would.
    """
    before = images()
    names_before = {image.digest: list(image.names) for image in before}  # now, while they have them
    taken = containerd_usage(before).size
    remove()
    after = images()
    names_after = {image.digest: image.names for image in after}
    lines = []
    for digest, names in names_before.items():
        lines += [f"untagged: {name.familiar}" for name in names if name not in names_after.get(digest, ())]
        if digest not in names_after:
            lines += [f"untagged: {digest}"] * (not names) + [f"deleted: {digest}"]
    return lines, taken - containerd_usage(after).size


STORES: Mapping[str, Callable[[Image], Shown]] = {"20-28": classic, "29": containerd}
