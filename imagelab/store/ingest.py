"""Ingest: take blobs from outside into the store, believing nothing of them that was not computed here.

`stage` writes, hashes, decompresses and parses a blob in one pass: of a file in an archive nobody may know yet whether
it is a layer. `prove` checks the layers of an image against its config, and `add_image` gives its blobs their names and
the index an entry. Staged files are in a lease's folder and go with it, unless they are settled.

The idea is containerd's content.Ingester: a blob gets its name only when its digest and size are those it came for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from ..errors import Invalid
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes, Tree
from ..oci import tar
from ..oci.compression import Allowance, OverLimit, compression_of, expand
from ..oci.digest import Digest, Hashed
from ..oci.image import Image
from ..oci.layer import TAR, TAR_GZIP, TAR_ZSTD, Layer, read_changes, sum_of_files
from ..oci.manifest import Json
from .blobs import MAX_JSON, Writer
from .store import Store

LIMIT = 32 << 30  # bytes an archive may expand to, by default
_MEDIA_TYPES = {"gzip": TAR_GZIP, "zstd": TAR_ZSTD}  # no manifest can name a layer in bzip2 or xz


@dataclass(slots=True)
class Staged:
    """A blob from outside that has no name in the store yet, and, if it looks like a layer, the changes in it.

    `diff_id` and `plain_size` are of the bytes inside its compression, where it has one.
    """

    writer: Writer
    wrapping: str = ""
    diff_id: Digest | None = None
    plain_size: int = 0
    changes: Changes | None = None
    trouble: Invalid | None = None  # why it is no layer; raised only where it is used as one

    def check(self, descriptor: Json, what: str) -> None:
        """Compare digest and size with those of a descriptor (descriptor.md); raises Invalid where they differ."""
        digest = Digest.parse(descriptor.get("digest"), f"{what}: the digest")
        if self.writer.digest != digest:
            raise Invalid(f"{what} says that its digest is {digest}, but it is {self.writer.digest}")
        if descriptor.get("size") != self.writer.size:
            size = str(descriptor.get("size"))[:40]
            raise Invalid(f"{what} says that it has {size} bytes, but it has {self.writer.size}")

    def read(self, what: str) -> bytes:
        """The bytes of a manifest, index or config; raises Invalid for over 4 MiB, which no JSON should have."""
        if self.writer.size > MAX_JSON:
            raise Invalid(f"{what} has {self.writer.size:,} bytes, too many for JSON: the limit is {MAX_JSON:,}")
        return self.writer.path.read_bytes()

    @property
    def descriptor(self) -> Json:
        """How a manifest written here names the layer: as it came, but uncompressed if it came in bzip2 or xz."""
        if self.wrapping in _MEDIA_TYPES:
            return {
                "mediaType": _MEDIA_TYPES[self.wrapping], "digest": self.writer.digest, "size": self.writer.size,
            }  # fmt: skip
        return {"mediaType": TAR, "digest": self.diff_id, "size": self.plain_size}


def stage(
    store: Store, pieces: Iterable[bytes], allowance: Allowance, what: str, *, descriptor: Json | None = None,
    keep: Path | None = None,
) -> Staged:  # fmt: skip
    """Write a blob's bytes to disk, hash them, and read them as a layer if they look like one, all in one pass.

    `what` is its name in messages. With a `descriptor`, no byte more than its size is written, and its digest and size
    are compared. Raises Invalid where they differ, and OverLimit; that it is no layer is kept in the result. Where the
    pieces break off with another error, those that came stay as the file `keep`. The caller holds a lease.
    """
    with store.blobs.staged(keep) as writer:
        source = _written(pieces, writer, descriptor, what)
        head = b""
        while len(head) < tar.BLOCK and (piece := next(source, b"")):
            head += piece
        staged = Staged(writer)
        inside = Hashed(expand(chain([head], source), allowance, what))
        wrapping = compression_of(head)
        if wrapping or not head or tar.is_header(head[: tar.BLOCK]):  # a layer file without a byte is an empty layer
            try:  # what is not compressed is hashed by the writer already
                reader = tar.Reader(inside if wrapping else chain([head], source), what)
                staged.changes = read_changes(reader, None, allowance, what)
                reader.drain()
            except OverLimit:
                raise
            except Invalid as error:
                staged.trouble = error
        for _ in source:  # what is no layer is written all the same: it may be a config, or nothing of interest
            pass
    staged.wrapping, staged.diff_id, staged.plain_size = wrapping, writer.digest, writer.size
    if wrapping:
        staged.diff_id, staged.plain_size = inside.digest, inside.size
    if descriptor is not None:
        staged.check(descriptor, what)
    return staged


def _written(pieces: Iterable[bytes], writer: Writer, descriptor: Json | None, what: str) -> Iterator[bytes]:
    for piece in pieces:
        if descriptor is not None and writer.size + len(piece) > descriptor["size"]:
            raise OverLimit(f"{what} says that it has {descriptor['size']} bytes, but it has more")
        writer.write(piece)
        yield piece


class Provable(Protocol):
    """What `prove` looks at: a staged blob, or a layer of the store."""

    @property
    def diff_id(self) -> Digest | None: ...
    @property
    def changes(self) -> Changes | None: ...
    @property
    def trouble(self) -> Invalid | None: ...


def prove(layers: Sequence[tuple[str, Provable]], diff_ids: Sequence[str]) -> None:
    """Check the layers of an image, each with its name in messages, against the diffIDs of its config, in order.

    Raises Invalid for a layer that is not a tar, has another diffID, or cannot be applied to those below.
    """
    if len(diff_ids) != len(layers):
        raise Invalid(f"the manifest lists {len(layers)} layers, and the config {len(diff_ids)} diffIDs")
    tree = Tree()
    for number, ((name, staged), diff_id) in enumerate(zip(layers, diff_ids, strict=True), 1):
        if staged.trouble:
            raise staged.trouble
        if staged.changes is None:
            raise Invalid(f"layer {number} ({name!r}) is not a tar archive")
        if staged.diff_id != diff_id:
            raise Invalid(
                f"layer {number} ({name!r}) has the diffID {staged.diff_id} (the digest of its tar), "
                f"but the config says {diff_id}"
            )
        tree = tree.apply(staged.changes)


def add_image(
    store: Store, manifest: bytes, config: bytes, layers: Iterable[Staged], *, parsed: Json | None = None,
    as_it_came: bool = True, parent: Image | None = None,
) -> Image:  # fmt: skip
    """Store an image whose layers were proved, untagged, and return it. Idempotent. The caller holds a lease.

    Manifest and config are stored byte for byte; so are the layers' blobs, or where not `as_it_came`, as `settle_layer`
    describes them. `parsed` is what `parse_config` made of the config, where that has been done.
    """
    for staged in layers:
        settle_layer(store, staged, as_it_came=as_it_came)
    return store.add(Image(manifest, store, config, parsed=parsed), parent)


def stage_layer(store: Store, pieces: Iterable[bytes], *, what: str, limit: int = LIMIT) -> Staged:
    """Stage a tar as a layer; raises Invalid where it is none, and OverLimit. The caller holds a lease."""
    staged = stage(store, pieces, Allowance(limit), what)
    if staged.trouble:
        raise staged.trouble
    if staged.changes is None:
        raise Invalid(f"{what} is not a tar archive")
    return staged


def settle_layer(store: Store, staged: Staged, *, as_it_came: bool = False) -> Layer:
    """Give a staged layer its name in the store: as its `descriptor` says, or with `as_it_came`, byte for byte."""
    assert staged.diff_id is not None and staged.changes is not None
    described = staged.descriptor
    if as_it_came or described["digest"] == staged.writer.digest:
        store.blobs.settle(staged.writer)
    else:
        with store.blobs.writer() as plain, open(staged.writer.path, "rb") as file:
            for piece in expand(pieces_of(file), Allowance(), "the layer"):  # its size was allowed when it was staged
                plain.write(piece)
    store.remember_size(staged.diff_id, sum_of_files(staged.changes))
    return store.layer(described["digest"], staged.diff_id, described["size"], described["mediaType"])
