"""Disk usage of images, with shared layers counted once.

A layer is on the disk once for each chain of layers it tops; what only one image has is that image's unique size.

Follows moby's image disk usage (`docker system df`, 20.10): sizes are bytes of files in layers, shared by chainID.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..oci.digest import Digest
from ..oci.image import Image
from ..shown import Displayed


@dataclass(frozen=True, slots=True)
class ImageUsage:
    """One image's bytes: all, those in layers that other images have too, and those that are its alone."""

    image: Image
    size: int
    shared: int
    unique: int


@dataclass(frozen=True, slots=True)
class DiskUsage(Displayed):
    """Bytes of all images together, each shared layer once, and what removing the unused ones would free."""

    images: tuple[ImageUsage, ...]
    size: int
    active: int
    reclaimable: int


def disk_usage(images: Sequence[Image], in_use: frozenset[Digest] = frozenset()) -> DiskUsage:
    """Tell shared bytes from unique ones; `in_use` are the IDs of images that a container uses."""
    distinct = list({image.id: image for image in images}.values())
    users = Counter(chain_id for image in distinct for chain_id in image.chain_ids)
    size_of = {c: la.files_size for image in distinct for c, la in zip(image.chain_ids, image.layers, strict=True)}
    rows = []
    for image in distinct:
        shared = sum(size_of[chain_id] for chain_id in image.chain_ids if users[chain_id] > 1)
        rows.append(ImageUsage(image, image.size, shared, image.size - shared))
    total = sum(size_of.values())
    used = sum(size_of[c] for c in {c for image in distinct if image.id in in_use for c in image.chain_ids})
    active = sum(image.id in in_use for image in distinct)
    return DiskUsage(tuple(rows), total, active, total - used)
