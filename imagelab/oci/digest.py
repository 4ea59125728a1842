"""Digests: the SHA-256 of bytes, used as their name.

Two blobs with the same bytes have the same name on every machine, and a name that still matches proves that not
one bit has changed. Everything else in an image (image ID, layer digest, diffID, chainID) is a digest of something.

Implements the OCI image-spec, descriptor.md "Digests", and config.md "Layer ChainID". Left out: sha512, which the
specification allows and no registry in common use produces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ..errors import Invalid, Unsupported
from ..filesystem.streams import pieces_of

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """The SHA-256 of some bytes, written `sha256:` and 64 lower-case hex digits."""

    __slots__ = ()

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Name these bytes."""
        return cls("sha256:" + hashlib.sha256(data).hexdigest())

    @classmethod
    def of_pieces(cls, pieces: Iterable[bytes]) -> Digest:
        """Name bytes that come in pieces, keeping none of them."""
        hasher = hashlib.sha256()
        for piece in pieces:
            hasher.update(piece)
        return cls("sha256:" + hasher.hexdigest())

    @classmethod
    def of_file(cls, file: BinaryIO) -> Digest:
        """Name everything from the file's position to its end, reading it once."""
        return cls.of_pieces(pieces_of(file))

    @classmethod
    def parse(cls, text: object, what: str = "digest") -> Digest:
        """Read a digest from untrusted text; raises Invalid, naming `what` it was to be, Unsupported for SHA-512."""
        if isinstance(text, str) and _SHA256.fullmatch(text):
            return cls(text)
        shown = str(text)[:80]
        if isinstance(text, str) and text.startswith("sha512:"):
            raise Unsupported(f"{what} {shown!r} is a SHA-512 digest: imagelab keeps content by SHA-256 only")
        raise Invalid(f"{what} {shown!r} is not a digest: expected 'sha256:' and 64 hex digits (0-9, a-f)")

    @property
    def hex(self) -> str:
        """The 64 hex digits alone."""
        return self[7:]

    @property
    def short(self) -> str:
        """The first 12 hex digits, as docker shows an ID."""
        return self[7:19]


class Hashed:
    """Pieces of bytes that are hashed and counted as they are read; `digest` and `size` are of those read so far."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._hash = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    @property
    def digest(self) -> Digest:
        """The digest of all pieces that have been read."""
        return Digest("sha256:" + self._hash.hexdigest())


def chain_ids(diff_ids: Iterable[Digest]) -> tuple[Digest, ...]:
    """Name each layer together with everything beneath it.

    The first chainID is the first diffID; each next one is the digest of "chainID diffID" as text, prefixes and
    all. Two images share a layer on disk exactly when they share its chainID (config.md, "Layer ChainID").
    """
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(Digest.of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)
