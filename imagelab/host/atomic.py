"""Write a file so that every reader, and every crash, finds the old one or the new one whole.

A temporary file in the same folder is written, flushed and renamed; a rename lasts once the folder is flushed too.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file so that a reader sees the old bytes or the new ones; and so does a power cut, if `durable`."""
    temporary = path.with_name(f".{path.name}.{os.urandom(16).hex()}")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder's names to the disk, where the system can (Windows cannot, and need not)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
