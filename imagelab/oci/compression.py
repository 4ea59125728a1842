"""Compression of layers: gzip, zstd, bzip2 and xz are taken off within limits.

A compressed blob has a digest of its own, and its diffID is that of the bytes inside. Nothing here compresses: blobs
that arrive compressed are kept as they came. The compression is recognised by the first bytes, never by a file name.

Implements RFC 1952 (gzip, several members in a row included) and RFC 8878 (zstd); bzip2 and xz, which docker reads too
and no registry has a media type for, come from Python's standard library.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Protocol

from ..errors import Invalid
from ..filesystem.streams import CHUNK

MAX_ENTRIES = 300_000  # files, folders and links in one archive: as many as fit into 300 MB of memory, at worst
_STEP = 1 << 15  # the rest of a step is copied for each member of a stream, and members may be tiny
_ZSTD_STEP = 512  # 4 bytes of zstd may hold a block of 128 KiB, so this bounds the output of one step to 16 MiB
_ZSTD_WINDOW = 32 << 20  # bytes to look back on, which stay in memory; no image builder uses more
_XZ_MEMORY = 100 << 20  # bytes that reading xz may take: `xz -9` needs 65 MiB, and nothing standard needs more
MAGIC = 6  # bytes of a file that tell its compression
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}


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
    """More bytes or entries than are allowed: whoever reads gives up."""


def expand(pieces: Iterable[bytes], allowance: Allowance, what: str) -> Iterator[bytes]:
    """The bytes with their compression, if any, taken off; what comes out of it is taken from the allowance.

    Raises Invalid for damaged or truncated compressed data.
    """
    source = iter(pieces)
    head = b""
    while len(head) < MAGIC and (piece := next(source, b"")):
        head += piece
    source = chain([head], source) if head else source
    wrapping = compression_of(head)
    if not wrapping:
        yield from source
        return
    for piece in _READERS[wrapping](source, what):
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
        for step in (piece[at : at + _STEP] for piece in source for at in range(0, len(piece), _STEP)):
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


def _unbzip2(source: Iterator[bytes], what: str) -> Iterator[bytes]:
    import bz2

    return _streams(source, bz2.BZ2Decompressor, f"{what}: %s bzip2 data")


def _unxz(source: Iterator[bytes], what: str) -> Iterator[bytes]:
    import lzma

    return _streams(source, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), f"{what}: %s xz data")


class _Decompressor(Protocol):
    """What bz2 and lzma have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _streams(source: Iterator[bytes], fresh: Callable[[], _Decompressor], words: str) -> Iterator[bytes]:
    """The bytes of one compressed stream after another, at most 1 MiB at once, whatever they expand to.

    Zeros may follow a stream, as padding does in xz. Raises Invalid, in `words`, for damaged or truncated data.
    """
    stream = fresh()
    try:
        for step in (piece[at : at + _STEP] for piece in source for at in range(0, len(piece), _STEP)):
            while step or not (stream.eof or stream.needs_input):
                if stream.eof:
                    step = step.lstrip(b"\0")
                    if not step:
                        break
                    stream = fresh()
                out = stream.decompress(step, CHUNK)
                if out:
                    yield out
                step = stream.unused_data if stream.eof else b""
    except (OSError, ValueError, EOFError) as error:  # bz2 has no error of its own
        raise Invalid(f"{words % 'damaged'}: {error}") from None
    except Exception as error:
        if type(error).__name__ != "LZMAError":  # lzma is loaded only where xz is read
            raise
        if "emory" in str(error):
            raise Invalid(
                f"{words % 'this'} asks for over {_XZ_MEMORY >> 20} MiB of memory: recompress it with xz -9 or less"
            ) from None
        raise Invalid(f"{words % 'damaged'}: {error}") from None
    if not stream.eof:
        raise Invalid(f"{words % 'the'} is truncated")


_READERS = {"gzip": _gunzip, "zstd": _unzstd, "bzip2": _unbzip2, "xz": _unxz}
