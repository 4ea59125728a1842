"""Compression of layers for the wire: the same tar gives the same bytes, on any number of processors.

gzip works on 1 MiB at a time, each block with the 32 KiB before it as its dictionary and flushed to a whole byte, so
that the blocks are one ordinary gzip stream. They are compressed by several threads, and the result does not depend on
how many. A whole block that does not get smaller, as of a photo, is stored as it is. Another version of zlib or zstd
may give other bytes: the digest of a blob is remembered (`wire`).

Implements RFC 1951 and 1952 as pigz does, and RFC 8878.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ..oci.layer import TAR, TAR_GZIP, TAR_ZSTD

MEDIA_TYPES = {"gzip": TAR_GZIP, "zstd": TAR_ZSTD, "none": TAR}
LEVEL = 6  # of gzip, as Go's default
ZSTD_LEVEL = 3  # zstd's default, and buildkit's
BLOCK = 1 << 20
WINDOW = 1 << 15
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, no operating system: as Go writes it
SAMPLE = 1 << 12  # bytes, at eight places of a block
WORTH = 0.98  # of the samples' bytes: more, and the block is stored
AHEAD = 2  # blocks for each processor that wait to be compressed


def compress(pieces: Iterable[bytes], how: str) -> Iterator[bytes]:
    """The bytes compressed with gzip, zstd or none."""
    if how == "none":
        return iter(pieces)
    return _gzip(pieces) if how == "gzip" else _zstd(pieces)


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    yield HEADER
    size = checksum = 0
    threads = os.cpu_count() or 1
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(threads, "gzip") as pool:
        try:
            before = b""
            for block, last in _blocks(pieces):
                size += len(block)
                checksum = zlib.crc32(block, checksum)
                waiting.append(pool.submit(_deflate, block, before, last))
                before = block[-WINDOW:]
                if len(waiting) > AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
    yield checksum.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _deflate(block: bytes, before: bytes, last: bool) -> bytes:
    level = LEVEL if len(block) < BLOCK or _shrinks(block) else 0
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15, 8, zlib.Z_DEFAULT_STRATEGY, before)
    return deflate.compress(block) + deflate.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)


def _shrinks(block: bytes) -> bool:
    """Whether deflate makes samples of a block smaller."""
    samples = b"".join(block[at : at + SAMPLE] for at in range(0, len(block), len(block) // 8))
    return len(zlib.compress(samples, 1)) < WORTH * len(samples)


def _blocks(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The same bytes in blocks of BLOCK, and whether each is the last one."""
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) > BLOCK:
            yield bytes(held[:BLOCK]), False
            del held[:BLOCK]
    yield bytes(held), True


def _zstd(pieces: Iterable[bytes]) -> Iterator[bytes]:
    import zstandard

    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=0, write_checksum=True).compressobj()
    for piece in pieces:
        if data := compressor.compress(piece):
            yield data
    yield compressor.flush()
