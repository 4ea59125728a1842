"""One idea: removing a name is cheap, and bytes go only when nothing refers to them any more.

`remove` is docker's rmi: it untags, and deletes an image with its last name. `prune` removes the images that nobody
named, `collect` sweeps blobs that no image holds (garbage collection by mark and sweep), `verify` hashes all again.

Follows moby's daemon/images/image_delete.go (20.10), with its conflicts and their texts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import gojson
from .compression import Allowance, expand
from .digest import Digest
from .errors import Conflict, LabError
from .image import Image
from .manifest import parse_json
from .reference import Reference
from .store import Store
from .streams import pieces_of

if TYPE_CHECKING:
    from .containers.container import Container


@dataclass(frozen=True, slots=True)
class Freed:
    """What a sweep deleted: how many blobs, and their bytes on disk."""

    blobs: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that `verify` found wrong: which content, what is wrong with it, and which images it belongs to."""

    digest: str
    what: str
    images: tuple[str, ...]


class _Family:
    """The images by ID, since several manifests may share one config, with the names and children of each."""

    def __init__(self, store: Store) -> None:
        self.images: dict[Digest, list[Image]] = {}
        for image in store.images():
            self.images.setdefault(image.id, []).append(image)
        id_of = {image.digest: image.id for images in self.images.values() for image in images}
        self.names: dict[Digest, list[str]] = {id_: [] for id_ in self.images}
        for name, digest in sorted(store.tags().items()):
            self.names[id_of[digest]].append(name)
        self.users = containers_by_image(store)
        self.parent: dict[Digest, Digest] = {}
        for digest, id_ in id_of.items():
            parent = store.parent_digest(digest)
            if parent is not None and id_of[parent] != id_:
                self.parent[id_] = id_of[parent]

    def children(self, id_: Digest) -> list[Digest]:
        return [child for child, parent in self.parent.items() if parent == id_]

    def drop(self, id_: Digest) -> list[Digest]:
        """Forget an ID; returns its layers' chainIDs that no other image has, top first."""
        chain = self.images.pop(id_)[0].chain_ids
        self.names.pop(id_)
        self.parent.pop(id_, None)
        kept = {chain_id for images in self.images.values() for image in images for chain_id in image.chain_ids}
        return [chain_id for chain_id in reversed(chain) if chain_id not in kept]


def remove(store: Store, text: str, *, force: bool = False, prune: bool = True) -> list[str]:
    """Remove one image or name as `docker rmi` does; returns its lines, "Untagged: …" and "Deleted: sha256:…".

    A name is untagged, and its image deleted if that was the last one and no other image was made from it. An ID is
    deleted with its only name, or with `force` with all of them. Untagged parents go too, unless `prune` is false.
    Raises NotFound, and Conflict with docker's words.
    """
    with store.lock:
        image, name = store.find(text), store.name_in(text)
        family = _Family(store)
        children = family.children(image.id)
        users = family.users.get(image.id, [])
        running = next((one for one in users if one.running), None)
        if name:
            if users and not force and len(family.names[image.id]) == 1:
                raise Conflict(
                    f'conflict: unable to remove repository reference "{text}" (must force) - container '
                    f"{users[0].short} is using its referenced image {image.id.short}"
                )
            store.unpoint([name], "rmi")
            lines = [f"Untagged: {_familiar(name)}"]
            family.names[image.id].remove(name)
            if family.names[image.id] or children or running:
                return lines
        else:
            lines = []
            if children:
                made = ", ".join(child.short for child in children)
                raise _conflict(image, "cannot be forced", f"image has dependent child images ({made})")
            if running:
                raise _conflict(image, "cannot be forced", f"image is being used by running container {running.short}")
            if len(family.names[image.id]) > 1 and not force:
                raise _conflict(image, "must be forced", "image is referenced in multiple repositories")
            if users and not force:
                raise _conflict(image, "must be forced", f"image is being used by stopped container {users[0].short}")
        lines += _delete(store, family, image.id, prune)
        collect(store)
    return lines


def _delete(store: Store, family: _Family, id_: Digest, prune: bool) -> list[str]:
    """Delete a childless image, and then its parents for as long as they have neither name nor other children."""
    lines: list[str] = []
    parent: Digest | None = id_
    while parent is not None:
        id_, parent = parent, family.parent.get(parent) if prune else None
        store.unpoint(family.names[id_], "rmi")
        lines += [f"Untagged: {_familiar(name)}" for name in family.names[id_]]
        store.forget(image.digest for image in family.images[id_])
        lines += [f"Deleted: {digest}" for digest in (id_, *family.drop(id_))]
        if parent is not None and (family.names[parent] or family.children(parent) or parent in family.users):
            break
    return lines


def _familiar(name: str) -> str:
    return Reference.parse(name).familiar


def _conflict(image: Image, how: str, why: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {image.id.short} ({how}) - {why}")


def prune(store: Store, *, all: bool = False) -> tuple[list[str], Freed]:
    """Remove the untagged images that no other was made from and no container uses, or with `all` the tagged ones too.

    Returns docker's lines, and what that freed on disk.
    """
    with store.lock:
        family = _Family(store)
        lines: list[str] = []
        unused = [i for i in family.images if i not in family.users]
        while ready := [
            i for i in unused if i in family.images and not family.children(i) and (all or not family.names[i])
        ]:
            for id_ in ready:
                if id_ in family.images:
                    lines += _delete(store, family, id_, prune=True)
        return lines, collect(store)


def collect(store: Store) -> Freed:
    """Sweep the blobs that nothing in the index leads to, and that nobody is writing for right now.

    Raises Invalid, and sweeps nothing, when a manifest is damaged: what it leads to cannot be known.
    """
    with store.lock:
        live = _live(store)
        freed = Freed(*store.blobs.sweep(live))
        _sweep_unpacked(store)
        store.forget_sizes(live | {diff_id for image in store.images() for diff_id in image.diff_ids})
    return freed


def containers_by_image(store: Store) -> dict[Digest, list[Container]]:
    """The containers that were made from each image, by its ID."""
    if not (store.home / "containers").is_dir():
        return {}
    from .containers.shelf import everything

    found: dict[Digest, list[Container]] = {}
    for one in everything(store):
        if one.spec.image:
            found.setdefault(one.image_id, []).append(one)
    return found


def _sweep_unpacked(store: Store) -> None:
    if (store.home / "cache" / "unpacked").is_dir():
        from .containers.roots import sweep

        sweep(store, store.images())


def _live(store: Store) -> set[Digest]:
    """Mark: all that the index leads to, through manifests and the indexes of other tools, and what containers use."""
    live: set[Digest] = set()
    todo = [Digest(item["digest"]) for item in store.index.everything()]
    todo += [Digest(one.spec.image) for users in containers_by_image(store).values() for one in users]
    while todo:
        digest = todo.pop()
        if digest in live or digest not in store.blobs:
            continue
        live.add(digest)
        value = parse_json(store.blobs.read(digest), f"the manifest {digest.short}", gojson.MANIFEST)
        todo += (Digest(item["digest"]) for item in value.get("manifests") or [])
        live.update(Digest(item["digest"]) for item in [value.get("config"), *(value.get("layers") or [])] if item)
    return live


def verify(store: Store) -> Iterator[Damage]:
    """Read and hash every blob again, layers inside their compression too; yields what is not as its name says."""
    users: dict[Digest, set[str]] = {}
    diff_ids: dict[Digest, Digest] = {}
    for digest in store.index.images():
        label = ", ".join(_familiar(n) for n, d in sorted(store.tags().items()) if d == digest) or digest.short
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
