"""The digests that images have in registries: name@digest, known from a push or a pull.

An image that is kept here uncompressed has another manifest, and so another digest, in a registry. Which of them belong
to which image is in `repo-digests.json`: a name@digest, and the manifest digest that the image has here.

docker keeps the same in its repositories.json, and prints it as RepoDigests.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path

from ..errors import Invalid, InvalidReference
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
        """Every name@digest, sorted, and the manifest digest of its image here."""
        try:
            info = self._path.stat()
        except FileNotFoundError:
            return {}
        at = (info.st_mtime_ns, info.st_ino)
        if at != self._read_at:
            images = {}
            for text, manifest in parse_json(self._path.read_bytes(), str(self._path)).items():
                try:
                    images[Reference.parse(text)] = Digest.parse(manifest)
                except (Invalid, InvalidReference):
                    continue
            self._images = {name: images[name] for name in sorted(images)}
            self._read_at = at
        return self._images

    def add(self, name: Reference, manifest: Digest) -> None:
        """Note that a registry gives an image here this name@digest."""
        with self._lock:
            if self.images().get(name) != manifest:
                self._write({**self.images(), name: manifest})

    def remove(self, names: Collection[Reference]) -> None:
        """Forget some."""
        with self._lock:
            self._write({name: manifest for name, manifest in self.images().items() if name not in names})

    def keep(self, manifests: Collection[Digest]) -> None:
        """Forget those of images other than these."""
        with self._lock:
            kept = {name: manifest for name, manifest in self.images().items() if manifest in manifests}
            self._write(kept)

    def _write(self, images: Mapping[Reference, Digest]) -> None:
        if images != self.images():
            value = {name.canonical: manifest for name, manifest in sorted(images.items())}
            write_atomically(self._path, json.dumps(value, indent=1).encode())
