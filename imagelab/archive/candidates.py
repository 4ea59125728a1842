"""Images that an archive's tables of contents describe, before they are proved; and what was left out, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import Conflict, Invalid, InvalidReference, NotFound, Unsupported
from ..oci.digest import Digest
from ..oci.manifest import Json, parse_config
from ..oci.reference import Reference
from ..store.ingest import Staged


@dataclass(frozen=True, slots=True)
class Left:
    """Something in an archive that was not loaded: what it is, and why it was left."""

    what: str
    why: str
    labels: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


@dataclass
class Candidate:
    """One image of an archive: the bytes of its manifest and config, and its layers' paths and staged files.

    `manifest` is empty until there are bytes of one; `labels` are the texts that its tables name it by, a tag alone
    among them; `parent` is the ID of the image that it says it was made from.
    """

    manifest: bytes
    config: bytes
    layers: list[tuple[str, Staged]]
    names: list[Reference] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    parent: str = ""
    kept_manifest: bool = True  # as it came, its layers' blobs too; or else one was written for it

    @cached_property
    def id(self) -> Digest:
        """The image ID."""
        return Digest.of(self.config)

    @cached_property
    def parsed(self) -> Json:
        """The config, parsed once; raises Invalid for a damaged one."""
        return parse_config(self.config)

    @property
    def diff_ids(self) -> list[str]:
        """The diffIDs that the config lists; raises Invalid for a damaged config."""
        diff_ids: list[str] = self.parsed["rootfs"]["diff_ids"]
        return diff_ids

    def add_names(self, names: Iterable[Reference], labels: Iterable[str]) -> None:
        """Give the image further names, each once."""
        self.names = list(dict.fromkeys([*self.names, *names]))
        self.labels.update(labels)


def choose(candidates: Sequence[Candidate], left: Sequence[Left], ref: str) -> Candidate:
    """The image that a tag, a name, a manifest's digest or an image ID means, under that one name if it is a name.

    Raises NotFound, Conflict where it means several images, and Unsupported for something that was left.
    """
    try:
        name = Reference.parse(ref).with_default_tag()
    except InvalidReference:
        name = None
    digest = ref if ref.startswith("sha256:") else f"sha256:{ref}"
    by_name = [c for c in candidates if name in c.names]
    matching = by_name or [
        c for c in candidates if ref in c.labels or digest in (c.id, c.manifest and Digest.of(c.manifest))
    ]
    if len(matching) > 1:
        raise Conflict(f"{len(matching)} images in the archive are called {ref!r}: choose one of {_shown(candidates)}")
    if not matching:
        why = next((one.why for one in left if ref in one.labels), None)
        if why:
            raise Unsupported(f"{ref!r} cannot be loaded: {why}")
        raise NotFound(f"there is no image {ref!r} in the archive: it holds {_shown(candidates)}")
    [one] = matching
    tagged = [n for n in one.names if n == name or (not by_name and n.tag == ref)]
    one.names = tagged or one.names
    return one


def _shown(candidates: Iterable[Candidate]) -> str:
    names = [" or ".join(n.familiar for n in c.names) or min(c.labels, default=str(c.id)) for c in candidates]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def references(names: Iterable[object]) -> list[Reference]:
    """The tags among some names; one by digest alone (`name@sha256:…`) is a way to find an image, and no tag."""
    return [reference.tagged(reference.tag) for reference in map(_reference, names) if reference.tag]


def _reference(name: object) -> Reference:
    if not isinstance(name, str):
        raise Invalid(f"the archive's image name must be a string, not {str(name)[:80]!r}")
    try:
        return Reference.parse(name).with_default_tag()
    except InvalidReference as error:
        raise Invalid(f"the archive names an image wrongly: {error}") from None
