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

MAX_ENTRIES = 300_000  # files, folders and links in one archive: as many as fit into 300 MB of memory, at worst
_GZIP_STEP = 1 << 15  # the rest of a step is copied for each gzip member, and members may be tiny
_ZSTD_STEP = 512  # 4 bytes of zstd may hold a block of 128 KiB, so this bounds the output of one step to 16 MiB
_ZSTD_WINDOW = 32 << 20  # bytes to look back on, which stay in memory; no image builder uses more
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


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

    def take_entry(self, more: int = 0) -> None:
        """Use up one entry, and another for each 64 bytes more that have to be remembered with it."""
        self._entries -= 1 + more // 64
        if self._entries < 0:
            raise OverLimit(
                f"the archive has more than {self._most:,} entries, the limit set for it (long names count double); "
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
    wrapping = compression_of(head)
    if wrapping == "gzip":
        source = _gunzip(source, what)
    elif wrapping == "zstd":
        source = _unzstd(source, what)
    elif wrapping:
        raise Invalid(
            f"{what} is compressed with {wrapping}, which imagelab does not read: recompress it with gzip or zstd"
        )
    else:
        yield from source
        return
    for piece in source:
        allowance.take(len(piece))
        yield piece


def compression_of(head: bytes) -> str:
    """What a file that starts so is compressed with (gzip, zstd, bzip2 or xz), or "" for nothing."""
    if head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50:  # zstd's skippable frame, which may come first
        return "zstd"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "")


def _gunzip(source: Iterator[bytes], what: str) -> Iterator[bytes]:
    inflate = zlib.decompressobj(31)
    try:
        for step in (piece[at : at + _GZIP_STEP] for piece in source for at in range(0, len(piece), _GZIP_STEP)):
            while step:
                if inflate.eof:  # another member may follow, or zero padding
                    step = step.lstrip(b"\0")
                    if not step:
                        break
                    inflate = zlib.decompressobj(31)
                out = inflate.decompress(step, CHUNK)  # never more than 1 MiB at once, whatever it expands to
                if out:
                    yield out
                step = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        while not inflate.eof and (out := inflate.decompress(b"", CHUNK)):
            yield out
    except zlib.error as error:
        raise Invalid(f"{what}: damaged gzip data: {error}") from None
    if not inflate.eof:
        raise Invalid(f"{what}: the gzip data is truncated")


def _unzstd(source: Iterator[bytes], what: str) -> Iterator[bytes]:
    import zstandard  # 10 ms, and few archives need it

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = decompressor.decompressobj()
    fresh = True
    try:
        for piece in source:
            at = 0
            while at < len(piece):
                if frame.eof:
                    frame = decompressor.decompressobj()
                step = piece[at : at + _ZSTD_STEP]
                out = frame.decompress(step)
                for start in range(0, len(out), CHUNK):
                    yield out[start : start + CHUNK]
                at += len(step) - len(frame.unused_data)
                fresh = False
    except zstandard.ZstdError as error:
        if "too much memory" in str(error):
            raise Invalid(
                f"{what}: this zstd data asks for over 32 MiB of memory: recompress it with zstd -19"
            ) from None
        raise Invalid(f"{what}: damaged zstd data: {error}") from None
    if not (frame.eof or fresh):
        raise Invalid(f"{what}: the zstd data is truncated")
