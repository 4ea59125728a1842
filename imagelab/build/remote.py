"""ADD of a URL: a file that is downloaded when the build needs it, and checked before anything is kept.

With --checksum, the checksum is what the cache compares: a step that it has needs no network. Without, the file is
downloaded each time, and its digest compared.

Implements the Dockerfile reference, "Adding files from a URL" and ADD --checksum; messages are BuildKit's.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from ..errors import Invalid, LabError
from ..filesystem.entry import Entry
from ..filesystem.streams import pieces_of
from ..oci.digest import Digest
from ..store.ingest import LIMIT

Download = Callable[[str, BinaryIO, int], int]  # url, file, most bytes → Last-Modified in seconds since 1970, or 0
_MODE = 0o600  # of a file from a URL, as in docker


@dataclass(frozen=True)
class Remote:
    """A file at a URL; `checksum` is sha256:…, or "" for any."""

    url: str
    checksum: str
    download: Download | None
    folder: Callable[[], Path]  # for temporary files, until the build ends

    def __post_init__(self) -> None:
        if self.checksum and not re.fullmatch("sha256:[0-9a-f]{64}", self.checksum):
            raise Invalid(f"--checksum={self.checksum}: expected sha256: and 64 hexadecimal digits, in lower case")

    @property
    def name(self) -> str:
        """The name that the file gets in a directory."""
        return posixpath.basename(unquote(urlsplit(self.url).path)) or "__unnamed__"

    @property
    def sum(self) -> str:
        """What the cache compares."""
        return self.checksum or self._downloaded[0]

    @property
    def entry(self) -> Entry:
        """The file, downloaded and checked; raises LabError."""
        return self._downloaded[1]

    @cached_property
    def _downloaded(self) -> tuple[Digest, Entry]:
        if self.download is None:
            raise LabError(f"{self.url} is not downloaded: this build has no network")
        path = self.folder() / os.urandom(16).hex()
        with open(path, "xb") as file:
            mtime = self.download(self.url, file, LIMIT)
        with open(path, "rb") as file:
            digest = Digest.of_file(file)
        if self.checksum not in ("", digest):
            path.unlink()
            raise Invalid(f"digest mismatch {digest}: {self.url} should have {self.checksum}, so it is not kept")
        content = partial(_read, path)
        return digest, Entry("file", _MODE, mtime=mtime, size=path.stat().st_size, content=content)


def _read(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from pieces_of(file)
