"""Removing images: `remove` is `docker rmi`, `prune` is `docker image prune`.

A name is untagged; an image is deleted with its last name, unless another image was made from it or a container uses
it. Follows moby's daemon/images/image_delete.go (20.10), with its conflicts and their texts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import Conflict
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.reference import Reference
from .gc import Freed, ImageUsers, collect
from .store import Store


class _Family:
    """The images by ID, since several manifests may share one config, with the names and children of each."""

    def __init__(self, store: Store, users: ImageUsers) -> None:
        self.images: dict[Digest, list[Image]] = {}
        for image in store.images():
            self.images.setdefault(image.id, []).append(image)
        id_of = {image.digest: image.id for images in self.images.values() for image in images}
        self.names: dict[Digest, list[Reference]] = {id_: [] for id_ in self.images}
        for name, digest in sorted(store.tags().items()):
            self.names[id_of[digest]].append(name)
        self.digests: dict[Digest, list[Reference]] = {}  # the name@digest of each ID
        for name, digest in store.repo_digests.images().items():
            if digest in id_of:
                self.digests.setdefault(id_of[digest], []).append(name)
        self.users = users()
        self.parent: dict[Digest, Digest] = {}
        for digest, id_ in id_of.items():
            parent = store.parent_digest(digest)
            if parent is not None and id_of[parent] != id_:
                self.parent[id_] = id_of[parent]

    def children(self, id_: Digest) -> list[Digest]:
        return [child for child, parent in self.parent.items() if parent == id_]

    def drop(self, id_: Digest) -> list[Digest]:
        """Drop an ID from the family; returns the chainIDs of its layers that no other image has, top first."""
        chain = self.images.pop(id_)[0].chain_ids
        self.names.pop(id_)
        self.digests.pop(id_, None)
        self.parent.pop(id_, None)
        kept = {chain_id for images in self.images.values() for image in images for chain_id in image.chain_ids}
        return [chain_id for chain_id in reversed(chain) if chain_id not in kept]


def remove(store: Store, text: str, users: ImageUsers, *, force: bool = False, prune: bool = True) -> list[str]:
    """Remove one image or name as `docker rmi` does; returns its lines, "Untagged: …" and "Deleted: sha256:…".

    A name is untagged, and its image deleted if that was the last one and no other image was made from it; with the
    last tag of a repository go the digests that it has there. An ID is deleted with its only name, or with `force` with
    all of them. Untagged parents go too, unless `prune` is false.
    Raises NotFound, and Conflict with docker's words.
    """
    with store.lock:
        image, name = store.resolve(text)
        family = _Family(store, users)
        children = family.children(image.id)
        containers = family.users.get(image.id, [])
        running = next((one for one in containers if one.running), None)
        digests = family.digests.get(image.id, [])
        if pinned := next((one for one in digests if text in (one.familiar, one.canonical)), None):
            lines = _forget_digests(store, family, image.id, [pinned])
            if family.names[image.id] or family.digests[image.id] or children or running:
                return lines
        elif name:
            if containers and not force and len(family.names[image.id]) == 1:
                raise Conflict(
                    f'conflict: unable to remove repository reference "{text}" (must force) - container '
                    f"{containers[0].short} is using its referenced image {image.id.short}"
                )
            store.unpoint([name], "rmi")
            lines = [f"Untagged: {name.familiar}"]
            family.names[image.id].remove(name)
            if all(one.name != name.name for one in family.names[image.id]):
                same = [one for one in digests if one.name == name.name]
                lines += _forget_digests(store, family, image.id, same)
            if family.names[image.id] or family.digests.get(image.id) or children or running:
                return lines
        else:
            lines = []
            if children:
                made = ", ".join(child.short for child in children)
                raise _conflict(image, "cannot be forced", f"image has dependent child images ({made})")
            if running:
                raise _conflict(image, "cannot be forced", f"image is being used by running container {running.short}")
            repositories = {one.name for one in [*family.names[image.id], *digests]}
            if (len(family.names[image.id]) > 1 or len(repositories) > 1) and not force:
                raise _conflict(image, "must be forced", "image is referenced in multiple repositories")
            if containers and not force:
                stopped = containers[0].short
                raise _conflict(image, "must be forced", f"image is being used by stopped container {stopped}")
        lines += _delete(store, family, image.id, prune)
        collect(store, users)
    return lines


def _delete(store: Store, family: _Family, id_: Digest, prune: bool) -> list[str]:
    """Delete a childless image, and then its parents for as long as they have neither name nor other children."""
    lines: list[str] = []
    parent: Digest | None = id_
    while parent is not None:
        id_, parent = parent, family.parent.get(parent) if prune else None
        store.unpoint(family.names[id_], "rmi")
        lines += [f"Untagged: {name.familiar}" for name in family.names[id_]]
        lines += _forget_digests(store, family, id_, family.digests.get(id_, []))
        store.forget(image.digest for image in family.images[id_])
        lines += [f"Deleted: {digest}" for digest in (id_, *family.drop(id_))]
        if parent is not None and (family.names[parent] or family.children(parent) or parent in family.users):
            break
    return lines


def _forget_digests(store: Store, family: _Family, id_: Digest, digests: Sequence[Reference]) -> list[str]:
    """Forget that registries have an image under these; returns docker's lines."""
    if digests:
        store.repo_digests.keep(lambda name, manifest: name not in digests)
        family.digests[id_] = [one for one in family.digests[id_] if one not in digests]
    return [f"Untagged: {one.familiar}" for one in digests]


def _conflict(image: Image, how: str, why: str) -> Conflict:
    return Conflict(f"conflict: unable to delete {image.id.short} ({how}) - {why}")


def prune(
    store: Store, users: ImageUsers, *, all: bool = False, keep: Callable[[Image], bool] = lambda image: False
) -> tuple[list[str], Freed]:
    """Remove the untagged images that no other was made from and no container uses, or with `all` the tagged ones too.

    Images that `keep` accepts stay, except as the untagged parents of removed ones. With `all`, an image with children
    that stay loses its names, and an image in use all but the last. Returns docker's lines, and what was freed on disk.
    Follows moby's daemon/images/image_prune.go.
    """
    with store.lock:
        family = _Family(store, users)
        lines: list[str] = []
        candidates = [
            id_ for id_, images in family.images.items()
            if (all if family.names[id_] else not family.children(id_)) and not keep(images[0])
        ]  # fmt: skip
        for id_ in candidates:
            if id_ in family.users:
                lines += _untag(store, family, id_, family.names[id_][:-1])
            elif family.children(id_):
                lines += _untag(store, family, id_, family.names[id_])
            elif id_ in family.images:  # it may have gone as the parent of one before it
                lines += _delete(store, family, id_, prune=True)
        return lines, collect(store, users)


def _untag(store: Store, family: _Family, id_: Digest, names: Sequence[Reference]) -> list[str]:
    store.unpoint(names, "rmi")
    family.names[id_] = [name for name in family.names[id_] if name not in names]
    return [f"Untagged: {name.familiar}" for name in names]
