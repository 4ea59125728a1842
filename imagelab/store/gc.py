"""Garbage collection by mark and sweep, and verification of every blob.

The roots are the images of the index and the images that containers were made from.
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
    """One thing that `verify` found wrong: which content, what is wrong with it, and which images it belongs to."""

    digest: str
    what: str
    images: tuple[str, ...]


def collect(store: Store, users: ImageUsers) -> Freed:
    """Delete the blobs that nothing in the index leads to and that no running operation has leased.

    Raises Invalid, and sweeps nothing, when a manifest is damaged: what it leads to cannot be known.
    """
    with store.lock:
        live = _live(store, users)
        freed = Freed(*store.blobs.sweep(live))
        store.forget_sizes(live | {diff_id for image in store.images() for diff_id in image.diff_ids})
    return freed


def _live(store: Store, users: ImageUsers) -> set[Digest]:
    """Mark: all that the index leads to, through manifests and the indexes of other tools, and what containers use."""
    live: set[Digest] = set()
    todo = [item.digest for item in store.index.items()]
    todo += [user.image_digest for some in users().values() for user in some]
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
    """Read and hash every blob again, layers inside their compression too; yields what is not as its name says."""
    users: dict[Digest, set[str]] = {}
    diff_ids: dict[Digest, Digest] = {}
    for digest in store.index.images():
        label = ", ".join(name.familiar for name in store.index.names(digest)) or digest.short
        users.setdefault(digest, set()).add(label)
        try:
            image = store.image(digest, fresh=True)
        except LabError as error:
            yield Damage(digest, str(error), (label,))
            continue
        diff_ids |= {layer.digest: layer.diff_id for layer in image.layers}
        for blob in (image.id, *(layer.digest for layer in image.layers)):
            users.setdefault(blob, set()).add(label)
    for digest in sorted({*store.blobs, *users}):
        owners = tuple(sorted(users.get(digest, ())))
        if digest not in store.blobs:
            yield Damage(digest, "is missing", owners)
            continue
        with closing(store.blobs.open(digest)) as file:
            if (found := Digest.of_file(file)) != digest:
                yield Damage(digest, f"holds other bytes, whose digest is {found}", owners)
            elif (diff_id := diff_ids.get(digest, digest)) != digest:
                file.seek(0)
                try:
                    found = Digest.of_pieces(expand(pieces_of(file), Allowance(), f"layer {digest.short}"))
                except LabError as error:
                    yield Damage(digest, str(error), owners)
                else:
                    if found != diff_id:
                        yield Damage(digest, f"expands to {found}, and the config says {diff_id}", owners)
