"""Bytes of a file, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

CHUNK = 1 << 20  # bytes read at a time: large enough to hash at full speed, and little memory


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file, from its position to its end, in pieces of at most 1 MiB."""
    while piece := file.read(CHUNK):
        yield piece
