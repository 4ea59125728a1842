"""Write a file so that every reader, and every crash, finds the old one or the new one whole.

A temporary file in the same folder is written, flushed and renamed; a rename lasts once the folder is flushed too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: str | os.PathLike[str], *, mode: int = 0o666, durable: bool = True) -> Iterator[BinaryIO]:
    """A new file to write, which takes the place of the one at `path` when the block ends, and vanishes if it raises.

    A reader finds the old bytes or the new ones, never a part; so does a power cut, if `durable`. `mode` holds the
    permissions of the new file, less the umask. Raises OSError as the disk does.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.urandom(16).hex()}")
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        flush_folder(target.parent)


def write_atomically(path: str | os.PathLike[str], data: bytes, *, durable: bool = True) -> None:
    """Replace a file by one that holds these bytes; see `replacing`."""
    with replacing(path, durable=durable) as file:
        file.write(data)


def flush_folder(folder: Path) -> None:
    """Flush a folder's names to the disk, where the system can (Windows cannot, and need not)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
