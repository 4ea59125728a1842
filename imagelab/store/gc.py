"""Garbage collection by mark and sweep, and verification of every blob.

The root set is what index.json lists and the images that containers were made from. Every blob that no descriptor path
from a root reaches is swept. Follows umoci's `oci/casext/gc.go`, but is safe beside other processes: see
`Blobs.lease`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from ..errors import LabError
from ..filesystem.streams import pieces_of
from ..golang import json_fields
from ..oci.compression import Allowance, expand
from ..oci.digest import Digest
from ..oci.manifest import parse_json
from ..shown import Displayed
from .store import Store


class ImageUser(Protocol):
    """What keeps an image from being removed: a container."""

    @property
    def short(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def image_digest(self) -> Digest: ...


ImageUsers = Callable[[], Mapping[Digest, Sequence[ImageUser]]]  # by image ID; called under the store's lock


@dataclass(frozen=True, slots=True)
class Freed(Displayed):
    """What a sweep deleted: how many blobs, and their bytes on disk."""

    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Damage(Displayed):
    """A damaged or missing blob: its digest, what is wrong with it, and the names of the images that need it."""

    digest: str
    what: str
    images: tuple[str, ...]


def collect(store: Store, users: ImageUsers) -> Freed:
    """Delete the blobs that no root reaches and no running operation has leased; returns what that freed.

    Raises Invalid, and deletes nothing, when a manifest is damaged: what it reaches cannot be known.
    """
    with store.lock:
        live = _reachable(store, users)
        freed = Freed(*store.blobs.sweep(live))
        store.repo_digests.keep(lambda name, manifest: manifest in store.index.images())
        store.forget_sizes(live | {diff_id for image in store.images() for diff_id in image.diff_ids})
    return freed


def _reachable(store: Store, users: ImageUsers) -> set[Digest]:
    """Mark: every blob on a descriptor path from a root, through manifests and the indexes of other tools."""
    live: set[Digest] = set()
    todo = [item.digest for item in store.index.items()]
    todo += [user.image_digest for containers in users().values() for user in containers]
    while todo:
        digest = todo.pop()
        if digest in live or digest not in store.blobs:
            continue
        live.add(digest)
        value = parse_json(store.blobs.read(digest), f"the manifest {digest.short}", json_fields.MANIFEST)
        todo += (Digest(item["digest"]) for item in value.get("manifests") or [])
        live.update(Digest(item["digest"]) for item in [value.get("config"), *(value.get("layers") or [])] if item)
    return live


def verify(store: Store) -> Iterator[Damage]:
    """Read and hash every blob again, layers inside their compression too; yields each damaged or missing blob."""
    images: dict[Digest, set[str]] = {}  # by blob, the names of those that need it
    diff_ids: dict[Digest, Digest] = {}
    for digest in store.index.images():
        label = ", ".join(name.familiar for name in store.index.names(digest)) or digest.short
        images.setdefault(digest, set()).add(label)
        try:
            image = store.image(digest, fresh=True)
        except LabError as error:
            yield Damage(digest, str(error), (label,))
            continue
        diff_ids |= {layer.digest: layer.diff_id for layer in image.layers}
        for blob in (image.id, *(layer.digest for layer in image.layers)):
            images.setdefault(blob, set()).add(label)
    for digest in sorted({*store.blobs, *images}):
        owners = tuple(sorted(images.get(digest, ())))
        if digest not in store.blobs:
            yield Damage(digest, "is missing", owners)
            continue
        with closing(store.blobs.open(digest)) as file:
            if (actual := Digest.of_file(file)) != digest:
                yield Damage(digest, f"holds other bytes, whose digest is {actual}", owners)
            elif (diff_id := diff_ids.get(digest, digest)) != digest:
                file.seek(0)
                try:
                    actual = Digest.of_pieces(expand(pieces_of(file), Allowance(), f"layer {digest.short}"))
                except LabError as error:
                    yield Damage(digest, str(error), owners)
                else:
                    if actual != diff_id:
                        yield Damage(digest, f"expands to {actual}, and the config says {diff_id}", owners)
