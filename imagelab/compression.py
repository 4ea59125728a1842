"""One idea: compression is a wrapping that a layer may travel in; the layer inside is the same.

A compressed blob has a digest of its own, and its diffID is that of the bytes inside. Nothing here compresses: blobs
that arrive compressed are kept as they came, and the wrapping is told by its first bytes, never by a file name.

Implements RFC 1952 (gzip, several members in a row included) and RFC 8878 (zstd). Left out: bzip2 and xz, which no
image builder writes; they are refused by name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from .digest import CHUNK
from .errors import Invalid

MAX_ENTRIES = 500_000  # files, folders and links in one archive: as many as fit into 300 MB of memory
_ZSTD_STEP = 2048  # 4 bytes of zstd may hold a block of 128 KiB, so this bounds the output of one step to 64 MiB
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_REFUSED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


class Allowance:
    """How many more bytes an archive may expand to, and how many entries it may have; raises Invalid past that."""

    def __init__(self, limit: int = 1 << 62, entries: int = MAX_ENTRIES) -> None:
        self._limit = self._bytes = limit
        self._most = self._entries = entries

    def take(self, size: int) -> None:
        """Use up `size` bytes."""
        self._bytes -= size
        if self._bytes < 0:
            raise OverLimit(
                f"the archive expands to more than {self._limit:,} bytes, the limit set for it; "
                "if you trust it, raise the limit (load --limit, Lab.load(limit=…))"
            )

    def take_entry(self) -> None:
        """Use up one entry."""
        self._entries -= 1
        if self._entries < 0:
            raise OverLimit(
                f"the archive has more than {self._most:,} entries, the limit set for it; "
                "if you trust it and have the memory, raise the limit (load --limit-entries, Lab.load(limit_entries=…))"
            )


class OverLimit(Invalid):
    """More than the allowance; reading on would not help."""


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """A file's bytes, from where it stands to its end, in pieces of at most 1 MiB."""
    while piece := file.read(CHUNK):
        yield piece


def expand(pieces: Iterable[bytes], allowance: Allowance, what: str) -> Iterator[bytes]:
    """The bytes with their compression, if any, taken off; what comes out of it is taken from the allowance.

    Raises Invalid for damaged or truncated compressed data, and for a compression that imagelab does not read.
    """
    source = iter(pieces)
    head = b""
    while len(head) < 6 and (piece := next(source, b"")):
        head += piece
    source = chain([head], source) if head else source
    if head.startswith(GZIP):
        source = _gunzip(source, what)
    elif head.startswith(ZSTD):
        source = _unzstd(source, what)
    elif name := next((name for magic, name in _REFUSED.items() if head.startswith(magic)), None):
        raise Invalid(
            f"{what} is compressed with {name}, which imagelab does not read: recompress it with gzip or zstd"
        )
    else:
        yield from source
        return
    for piece in source:
        allowance.take(len(piece))
        yield piece


def is_compressed(head: bytes) -> bool:
    """Whether these first bytes are those of a gzip or zstd stream."""
    return head.startswith((GZIP, ZSTD))


def _gunzip(source: Iterator[bytes], what: str) -> Iterator[bytes]:
    inflate = zlib.decompressobj(31)
    try:
        for piece in source:
            while piece:
                if inflate.eof:  # another member may follow, or zero padding
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    inflate = zlib.decompressobj(31)
                out = inflate.decompress(piece, CHUNK)  # never more than 1 MiB at once, whatever it expands to
                if out:
                    yield out
                piece = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        while not inflate.eof and (out := inflate.decompress(b"", CHUNK)):
            yield out
    except zlib.error as error:
        raise Invalid(f"{what}: damaged gzip data: {error}") from None
    if not inflate.eof:
        raise Invalid(f"{what}: the gzip data is truncated")


def _unzstd(source: Iterator[bytes], what: str) -> Iterator[bytes]:
    import zstandard  # 10 ms, and few archives need it

    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)  # 128 MiB, what `zstd --long` may ask for
    frame = decompressor.decompressobj()
    fresh = True
    try:
        for piece in source:
            while piece:
                if frame.eof:
                    frame, fresh = decompressor.decompressobj(), True
                step, piece = piece[:_ZSTD_STEP], piece[_ZSTD_STEP:]
                if out := frame.decompress(step):
                    yield out
                fresh = False
                if frame.eof:
                    piece = frame.unused_data + piece
    except zstandard.ZstdError as error:
        raise Invalid(f"{what}: damaged zstd data: {error}") from None
    if not (frame.eof or fresh):
        raise Invalid(f"{what}: the zstd data is truncated")
