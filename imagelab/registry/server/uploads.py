"""An upload: a blob on its way into a registry."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ...host.atomic import flush_folder
from ..protocol import RegistryError


class Upload:
    """A blob on its way: written to a file and hashed as it comes; it gets its name once its digest is proved.

    `place` is the path of the blob of a digest.
    """

    def __init__(self, path: Path, place: Callable[[str], Path]) -> None:
        self.id, self.size = path.name, 0
        self._path, self._place = path, place
        self._file: BinaryIO | None = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by keep and discard
        self._hash = hashlib.sha256()
        self._guard = threading.Lock()  # so that a file is never closed while another thread writes to it

    def write(self, data: bytes) -> None:
        """Append some bytes, unless the upload was given up; raises OSError as the disk does."""
        with self._guard:
            if self._file is None:
                return
            self._hash.update(data)
            self.size += len(data)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]

    def keep(self, digest: str) -> None:
        """Flush the bytes to the disk under their digest; raises RegistryError DIGEST_INVALID where it is another."""
        assert self._file is not None
        algorithm, _, expected = digest.partition(":")
        with self._guard:
            os.fsync(self._file.fileno())
            self._file.close()
        if algorithm == "sha256":
            actual = self._hash.hexdigest()
        else:
            with open(self._path, "rb") as file:
                actual = hashlib.file_digest(file, algorithm).hexdigest()
        if actual != expected:
            self.discard()
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content", digest)
        target = self._place(digest)
        target.parent.mkdir(exist_ok=True)
        os.replace(self._path, target)  # where it is there already, with the same bytes: it counts as new for `prune`
        flush_folder(target.parent)
        self._file = None

    def discard(self) -> None:
        """Close and delete the file."""
        with self._guard:
            if self._file is not None:
                self._file.close()
                self._file = None
                self._path.unlink(missing_ok=True)
