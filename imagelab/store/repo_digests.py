"""The digests that images have in registries: name@digest, known from a push or a pull.

An image that is kept here uncompressed has another manifest, and so another digest, in a registry. Which of them belong
to which image is in `repo-digests.json`: a name@digest, and the manifest digest that the image has here.

docker keeps the same in its repositories.json, and prints it as RepoDigests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ..host.atomic import write_atomically
from ..host.locks import Lock
from ..oci.digest import Digest
from ..oci.manifest import parse_json
from ..oci.reference import Reference


class RepoDigests:
    """The file of one store; a name@digest belongs to one image at a time."""

    def __init__(self, home: Path, lock: Lock) -> None:
        self._path, self._lock = home / "repo-digests.json", lock
        self._read_at: tuple[int, int] | None = None
        self._images: Mapping[Reference, Digest] = {}

    def images(self) -> Mapping[Reference, Digest]:
        """Every name@digest, sorted, and the manifest digest of its image here; raises LabError for a damaged file."""
        try:
            info = self._path.stat()
        except FileNotFoundError:
            return {}
        at = (info.st_mtime_ns, info.st_ino)
        if at != self._read_at:
            listed = parse_json(self._path.read_bytes(), str(self._path))
            images = {Reference.parse(name): Digest.parse(listed[name], f"{self._path}: {name}") for name in listed}
            self._images, self._read_at = {name: images[name] for name in sorted(images)}, at
        return self._images

    def add(self, name: Reference, manifest: Digest) -> None:
        """Note that a registry gives an image here this name@digest."""
        self._change(lambda images: {**images, name: manifest})

    def keep(self, wanted: Callable[[Reference, Digest], bool]) -> None:
        """Forget those that are not wanted, by their name@digest and the manifest digest here."""
        self._change(lambda images: {name: images[name] for name in images if wanted(name, images[name])})

    def _change(self, change: Callable[[Mapping[Reference, Digest]], Mapping[Reference, Digest]]) -> None:
        with self._lock:
            if (images := change(self.images())) != self.images():
                value = {name.canonical: manifest for name, manifest in sorted(images.items())}
                write_atomically(self._path, json.dumps(value, indent=1).encode())
