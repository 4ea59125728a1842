"""Conditions on what a registry holds: the image that one of its tags points to, and what a pull of it would fetch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from ...errors import Invalid, NotFound
from ...oci.digest import Digest
from ...oci.image import Image, ImageStore
from ...oci.layer import Layer
from ...oci.manifest import DOCKER_INDEX, INDEX
from ...oci.reference import Reference
from ...registry.protocol import RegistryError
from .goal import Condition, Lines, Look, Place

if TYPE_CHECKING:
    from ...filesystem.tree import Changes
    from ...lab import Lab
    from ...registry.server.repositories import Registry


class _Blobs(ImageStore):
    """A registry's folder as the store of an image: its blobs are read, and nothing can be written."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def read(self, digest: Digest) -> bytes:
        return self._registry.blob(digest).read_bytes()

    def layer(self, digest: Digest, diff_id: Digest, size: int, media_type: str) -> Layer:
        def opened() -> BinaryIO:
            return open(self._registry.blob(digest), "rb")

        return Layer(digest, diff_id, size, media_type, opened)

    def names_of(self, image: Image) -> list[Reference]:
        return []

    def parent_of(self, image: Image) -> Image | None:
        return None

    def pack(self, changes: Changes) -> Layer:
        raise Invalid("nothing is written into a registry's folder: push to it")

    def now(self) -> str:
        raise Invalid("nothing is made in a registry's folder: push to it")

    def mtime(self) -> int:
        raise Invalid("nothing is made in a registry's folder: push to it")

    def add(self, image: Image, parent: Image | None = None) -> Image:
        raise Invalid("nothing is written into a registry's folder: push to it")


def published(registry: Registry, name: str) -> Image:
    """The image that a tag of a registry points to; `name` is `HOST/repository:tag`.

    Raises NotFound where the registry has no such tag, and Invalid for a tag that points to an index.
    """
    reference = Reference.parse(name).with_default_tag()
    try:
        repository = registry.known(reference.path)
        digest = repository.resolve(str(reference.tag))
    except RegistryError:
        raise NotFound(f"the registry has no {name}") from None
    if repository.manifests[digest].media_type in (INDEX, DOCKER_INDEX):
        raise Invalid(f"{name} points to an index in the registry, not to an image")
    return Image(repository.read(digest), _Blobs(registry))


@dataclass(frozen=True)
class _InRegistry(Condition):
    """Something that must be true of the image which the tag `name` of a registry points to."""

    registry: Registry = field(repr=False, compare=False)
    kind = "registry"

    def look_in(self, lab: Lab) -> Look:
        try:
            image = published(self.registry, self.name)
        except NotFound:
            return Look((), f"the registry has no {self.name}")
        return self.look_at(image, lab)

    def short_id(self, lab: Lab) -> str:
        try:
            return published(self.registry, self.name).id.short
        except Invalid:
            return "unknown"


@dataclass(frozen=True)
class Published(_InRegistry):
    """A condition on an image, `inner`, that the image in the registry must meet, whatever the lab has."""

    inner: Condition

    @classmethod
    def of(cls, inner: Condition, registry: Registry) -> Published:
        """The condition, on the tag that has the name of `inner`."""
        return cls(inner.name, registry, inner)

    @property
    def place(self) -> Place:  # type: ignore[override]
        return self.inner.place

    @property
    def sentence(self) -> str:
        return f"in the registry {self.inner.sentence}"

    @property
    def lines(self) -> Lines:
        return self.inner.lines

    def look_at(self, image: Image, lab: Lab) -> Look:
        return self.inner.look_at(image, lab)


@dataclass(frozen=True)
class Fetches(_InRegistry):
    """Whoever has `base` fetches at most `most` bytes for it: `blobs` are the digests that `base` consists of."""

    base: str
    blobs: frozenset[str]
    most: int
    place = "layers"

    @classmethod
    def of(cls, name: str, base: str, registry: Registry, most: int) -> Fetches:
        """The condition, with the layers that `base` has in the registry now."""
        return cls(name, registry, base, frozenset(layer.digest for layer in published(registry, base).layers), most)

    @property
    def sentence(self) -> str:
        return f"takes at most {self.most:,} bytes to fetch for somebody who has {self.base}"

    @property
    def lines(self) -> Lines:
        return (f"at most {self.most:,} bytes that {self.base} does not have",)

    def look_at(self, image: Image, lab: Lab) -> Look:
        new = {layer.digest: layer.size for layer in image.layers if layer.digest not in self.blobs}
        size = sum(new.values()) + len(image.config_bytes) + len(image.manifest_bytes)
        lines = self.lines if size <= self.most else (f"{size:,} bytes that {self.base} does not have",)
        return Look(lines, f"it costs {size:,} bytes: {len(new)} of its {len(image.layers)} layers are new")
