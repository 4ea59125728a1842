"""Load images from an archive, after every byte has been read, hashed and compared.

`load` reads a tar once, in whatever order its files come, and stages each one. Only when all of its images have proved
right do their blobs get names and the index an entry; a refused archive leaves nothing.

Reads docker-archives (since docker 1.10), OCI layouts in a tar or as a folder, and both in one, compressed with gzip,
zstd, bzip2 or xz outside, inside or both. Where there are two tables, the images and the order of their layers come
from `manifest.json`, as for docker, and manifests and names from `index.json` as far as it agrees. Left out: the format
before docker 1.10, and every platform but one of an index.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import Invalid
from ..oci.compression import Allowance, OverLimit
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.manifest import manifest_for
from ..oci.reference import Reference
from ..shown import Displayed
from ..store.ingest import LIMIT, add_image, prove
from ..store.store import Store
from . import docker_archive, oci_layout
from .archive import Archive, members_of_folder, members_of_tar
from .candidates import Candidate, Left, choose


@dataclass(frozen=True, slots=True)
class Loaded(Displayed):
    """An image that an archive brought, the names it was given, and the images that lost those names."""

    image: Image
    names: tuple[Reference, ...]
    renamed: tuple[tuple[Reference, Digest], ...] = ()


class LoadedImages(list[Loaded]):
    """The images that an archive brought, in its order; `left` says what else was in it, and why it was left."""

    def __init__(self, images: Iterable[Loaded] = (), left: Iterable[Left] = ()) -> None:
        super().__init__(images)
        self.left = tuple(left)


def load(
    store: Store, source: str | os.PathLike[str] | BinaryIO, *, ref: str | None = None, limit: int = LIMIT,
    limit_entries: int | None = None,
) -> LoadedImages:  # fmt: skip
    """Take the images of an archive (a path, a folder, or a stream) into the store, or the one that `ref` names.

    Raises Invalid, in one line, for anything that does not add up, or that expands to more than `limit` bytes or
    entries; the store is then as it was. Raises NotFound for a `ref` that is not there, and OSError as the disk does.
    """
    allowance = Allowance(limit, limit_entries) if limit_entries else Allowance(limit)
    stem = ""
    with store.blobs.lease():
        if isinstance(source, str | os.PathLike):
            stem = Path(os.path.abspath(source)).name.split(".")[0]
            if os.path.isdir(source):
                archive = Archive(store, members_of_folder(Path(source), allowance), allowance)
            else:
                with open(source, "rb") as file:
                    archive = Archive(store, members_of_tar(file, allowance), allowance)
        else:
            archive = Archive(store, members_of_tar(source, allowance), allowance)
        left: list[Left] = []
        images = _images(archive, stem, left)
        if ref is not None:
            images, left = [choose(images, left, ref)], []
        for image in images:
            prove(image.layers, image.diff_ids)
        return LoadedImages(_keep(store, images), left)


def _images(archive: Archive, stem: str, left: list[Left]) -> list[Candidate]:
    """Every image that the archive's tables speak of; raises Invalid."""
    layout = oci_layout.TABLE in archive and oci_layout.MARK in archive
    if docker_archive.TABLE in archive:
        images = docker_archive.listed(archive, left)
        if layout:
            try:
                oci_layout.Layout(archive, stem).add_manifests(images, left)
            except OverLimit:
                raise
            except Invalid as error:
                left.append(Left(oci_layout.TABLE, f"manifest.json alone was read: {error}"))
        for image in images:
            if not image.manifest:
                image.manifest = manifest_for(image.config, [staged.descriptor for _, staged in image.layers])
        return images
    if layout:
        return oci_layout.Layout(archive, stem).images(left)
    if "repositories" in archive:
        raise Invalid("the archive was written by a docker older than 1.10 (2016): save it again with a newer one")
    if tops := archive.tops(oci_layout.MARK):
        raise Invalid(
            f"the OCI layout is in {tops[0] + '/'!r}, and not at the top of the archive: pack that folder from inside "
            f"(tar -C {tops[0]} -cf FILE .), or unpack the archive and load the folder"
        )
    if tops := archive.tops(docker_archive.TABLE):
        raise Invalid(
            f"manifest.json is in {tops[0] + '/'!r}, and not at the top of the archive: pack that folder from inside "
            f"(tar -C {tops[0]} -cf FILE .)"
        )
    raise Invalid("the archive holds no image: it has neither index.json (OCI layout) nor manifest.json (docker save)")


def _keep(store: Store, candidates: list[Candidate]) -> list[Loaded]:
    """Put proved images into the store, each after the one that it was made from, and then give them their names."""
    kept: dict[str, Image] = {}
    images: dict[int, Image] = {}
    for number in _parents_first(candidates):
        one = candidates[number]
        images[number] = add_image(
            store, one.manifest, one.config, [staged for _, staged in one.layers], parsed=one.parsed,
            as_it_came=one.kept_manifest, parent=kept.get(one.parent),
        )  # fmt: skip
        kept.setdefault(one.id, images[number])
    loaded = []
    for number, one in enumerate(candidates):
        moves = store.point(one.names, images[number], "load")
        renamed = [(move.name, store.image(Digest(move.old)).id) for move in moves if move.old]
        loaded.append(Loaded(images[number], tuple(one.names), tuple(renamed)))
    return loaded


def _parents_first(candidates: list[Candidate]) -> list[int]:
    """The numbers of the candidates, every parent's before its children's; no parent leads back to its child."""
    children: dict[str, list[int]] = {}
    here = {one.id for one in candidates}
    for number, one in enumerate(candidates):
        children.setdefault(one.parent if one.parent in here else "", []).append(number)
    order: list[int] = []
    todo = children.pop("", [])[::-1]
    while todo:
        number = todo.pop()
        order.append(number)
        todo += reversed(children.pop(candidates[number].id, []))
    return order
