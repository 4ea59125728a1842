"""Take bytes from outside: write them beside the store, and hash, expand and parse them as they pass.

`stage` writes, hashes, decompresses and parses in one pass, as at that moment nobody may know yet whether a file is a
layer. Staged files are in a lease's folder and go with it, unless `settle_layer` gives them their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ..errors import Invalid
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes
from ..oci import tar
from ..oci.compression import Allowance, OverLimit, compression_of, expand
from ..oci.digest import Digest, Hashed
from ..oci.layer import TAR, TAR_GZIP, TAR_ZSTD, Layer, read_changes, sum_of_files
from .blobs import Writer
from .store import Store

LIMIT = 32 << 30  # bytes an archive may expand to, unless told otherwise
_MEDIA_TYPES = {"gzip": TAR_GZIP, "zstd": TAR_ZSTD}  # no manifest can name a layer in bzip2 or xz


@dataclass(slots=True)
class Staged:
    """One file of an archive: where it lies now, and, if it looks like a layer, what that layer says.

    `diff_id` and `plain_size` are of the bytes inside its compression, where it has one.
    """

    writer: Writer
    wrapping: str = ""
    diff_id: Digest | None = None
    plain_size: int = 0
    changes: Changes | None = None
    trouble: Invalid | None = None  # why it is no layer; raised only if somebody says it is one

    @property
    def descriptor(self) -> dict[str, Any]:
        """How a manifest written here names the layer: as it came, but uncompressed if it came in bzip2 or xz."""
        if self.wrapping in _MEDIA_TYPES:
            return {
                "mediaType": _MEDIA_TYPES[self.wrapping], "digest": self.writer.digest, "size": self.writer.size,
            }  # fmt: skip
        return {"mediaType": TAR, "digest": self.diff_id, "size": self.plain_size}


def stage(store: Store, pieces: Iterable[bytes], allowance: Allowance, what: str) -> Staged:
    """Write a file's bytes to disk, hash them, and read them as a layer if they look like one, all in one pass.

    `what` is the file's name in messages. Raises OverLimit; that it is no layer is kept in the result.
    """
    with store.blobs.staged() as writer:
        source = _written(pieces, writer)
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
    return staged


def _written(pieces: Iterable[bytes], writer: Writer) -> Iterator[bytes]:
    for piece in pieces:
        writer.write(piece)
        yield piece


def stage_layer(store: Store, pieces: Iterable[bytes], *, what: str, limit: int = LIMIT) -> Staged:
    """Stage one layer from a tar's bytes, as they are; raises Invalid if it is none. The caller holds a lease."""
    staged = stage(store, pieces, Allowance(limit), what)
    if staged.trouble:
        raise staged.trouble
    if staged.changes is None:
        raise Invalid(f"{what} is not a tar archive")
    return staged


def settle_layer(store: Store, staged: Staged, *, as_it_came: bool = False) -> Layer:
    """Give a staged layer its place in the store, as its `descriptor` says, or, for a manifest that names it so, as it
    came.
    """
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
