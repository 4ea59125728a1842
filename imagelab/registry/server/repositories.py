"""Repositories: a registry's folder, in which every blob is kept once and each repository is an OCI layout.

    blobs/sha256/<hex>                   the bytes, shared by all repositories
    repositories/<name>/_layout/         an OCI image layout (oci-layout, index.json, blobs -> ../…/blobs)
    repositories/<name>/_blobs/<digest>  an empty file: the repository may give out this blob
    uploads/<id>                         a blob that is on its way

A name's parts never begin with `_`, so that `a` and `a/b` can both be repositories. Everything is written to a
temporary file, flushed and renamed; one process at a time has the folder.

Implements the OCI image-spec, image-layout.md, and the storage that the distribution-spec v1.1 asks of a registry.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import Conflict, Invalid
from ...filesystem.streams import pieces_of
from ...host.atomic import flush_folder, write_atomically
from ...host.locks import Lock
from ...oci.manifest import INDEX, Json, parse_json
from ..protocol import RegistryError, digest_of, is_digest, needed, parse_manifest, repository_name
from .uploads import Upload

_TAG_KEY = "org.opencontainers.image.ref.name"


@dataclass(slots=True)
class Entry:
    """A manifest of a repository: its descriptor's type and size, and what `referrers` says of it."""

    media_type: str
    size: int
    subject: str = ""
    artifact_type: str = ""
    annotations: Json = field(default_factory=dict)


class Repository:
    """The manifests and tags of one repository, read from its index.json and written there at each change."""

    def __init__(self, registry: Registry, name: str) -> None:
        self.name, self._registry = name, registry
        self._folder = registry.folder / "repositories" / name
        self.tags: dict[str, str] = {}
        self.manifests: dict[str, Entry] = {}
        self._read()

    @property
    def layout(self) -> Path:
        """The folder that skopeo reads as `oci:FOLDER:TAG`."""
        return self._folder / "_layout"

    def exists(self) -> bool:
        """Whether anything was pushed here."""
        return self._folder.joinpath("_blobs").is_dir()

    # Blobs --------------------------------------------------------------------------------------------------------

    def has(self, digest: str) -> bool:
        """Whether the repository owns this blob."""
        return (self._folder / "_blobs" / digest).exists() and self._registry.blob(digest).exists()

    def own(self, digest: str) -> None:
        """Let the repository give out a blob that is there. Idempotent."""
        folder = self._folder / "_blobs"
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(folder / digest, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        flush_folder(folder)

    def disown(self, digest: str) -> None:
        """The repository gives the blob out no longer; raises RegistryError BLOB_UNKNOWN where it never did."""
        try:
            (self._folder / "_blobs" / digest).unlink()
        except FileNotFoundError:
            raise RegistryError(404, "BLOB_UNKNOWN", "blob unknown to registry", digest) from None

    # Manifests ----------------------------------------------------------------------------------------------------

    def resolve(self, reference: str) -> str:
        """The digest of a tag or digest; raises RegistryError MANIFEST_UNKNOWN."""
        digest = digest_of(reference) if is_digest(reference) else self.tags.get(reference)
        if digest is None or digest not in self.manifests:
            raise RegistryError(404, "MANIFEST_UNKNOWN", "manifest unknown", {"name": self.name, "tag": reference})
        return digest

    def read(self, digest: str) -> bytes:
        """The bytes of a manifest that the repository has."""
        return self._registry.blob(digest).read_bytes()

    def needs(self, digest: str, *, every: bool = False) -> list[str]:
        """The digests that a manifest cannot do without; with `every`, those too that may be absent.

        Raises Invalid for a manifest that is damaged or missing.
        """
        value = self._value(digest)
        if value is None:
            raise Invalid(f"{self.name}: the manifest {digest} is damaged or missing: registry prune --check has more")
        return list(needed(value, self.manifests[digest].media_type, every=every))

    def _value(self, digest: str) -> Json | None:
        """A manifest's JSON; None where it is damaged or missing."""
        try:
            return parse_json(self.read(digest), digest)
        except (FileNotFoundError, Invalid):
            return None

    def put(self, data: bytes, media_type: str, digest: str, tags: Sequence[str]) -> Entry:
        """Keep a manifest under its digest, and point tags to it; raises RegistryError where it is not whole.

        An image's blobs and an index's manifests must be in this repository already.
        """
        value = parse_manifest(data, media_type)
        self._check_references(value, media_type)
        artifact = value.get("artifactType") or (value.get("config") or {}).get("mediaType") or ""
        subject = (value.get("subject") or {}).get("digest", "")
        entry = Entry(media_type, len(data), subject, artifact, value.get("annotations") or {})
        self._registry.write(digest, data)
        self.own(digest)
        before = dict(self.manifests), dict(self.tags)
        self.manifests[digest] = entry
        self.tags.update(dict.fromkeys(tags, digest))
        try:
            self._write()
        except BaseException:
            self.manifests, self.tags = before
            raise
        return entry

    def remove(self, reference: str) -> None:
        """Remove a tag, or a manifest by digest with all its tags; raises RegistryError MANIFEST_UNKNOWN."""
        digest = self.resolve(reference)
        if is_digest(reference):
            del self.manifests[digest]
            self.tags = {tag: at for tag, at in self.tags.items() if at != digest}
            with suppress(RegistryError):
                self.disown(digest)
        else:
            del self.tags[reference]
        self._write()

    def referrers(self, subject: str, artifact_type: str | None = None) -> list[Json]:
        """The descriptors of manifests whose `subject` this is, oldest digest first."""
        return [
            {
                "mediaType": entry.media_type, "digest": digest, "size": entry.size,
                "artifactType": entry.artifact_type, "annotations": entry.annotations,
            }
            for digest, entry in sorted(self.manifests.items())
            if entry.subject == subject and artifact_type in (None, entry.artifact_type)
        ]  # fmt: skip

    def _check_references(self, value: Json, media_type: str) -> None:
        missing = [digest for digest in needed(value, media_type) if not self.has(digest)]
        if missing:
            raise RegistryError(
                400, "MANIFEST_BLOB_UNKNOWN",
                "manifest references a manifest or blob unknown to registry", [{"digest": one} for one in missing],
            )  # fmt: skip

    # index.json ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            data = (self.layout / "index.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
        index = parse_json(data, f"index.json of {self.name}")
        for item in index["manifests"]:
            annotations = dict(item.get("annotations") or {})
            tag = annotations.pop(_TAG_KEY, None)
            if tag is not None:
                self.tags[tag] = item["digest"]
            if item["digest"] not in self.manifests:
                self.manifests[item["digest"]] = self._entry(item)

    def _entry(self, item: Json) -> Entry:
        value = self._value(item["digest"]) or {}
        artifact = value.get("artifactType") or (value.get("config") or {}).get("mediaType") or ""
        subject = (value.get("subject") or {}).get("digest", "")
        return Entry(item["mediaType"], item["size"], subject, artifact, value.get("annotations") or {})

    def _write(self) -> None:
        layout = self.layout
        if not layout.is_dir():
            layout.mkdir(parents=True)
            up = "/".join([".."] * (len(self.name.split("/")) + 2))
            with suppress(FileExistsError):
                (layout / "blobs").symlink_to(f"{up}/blobs")
            write_atomically(layout / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        tagged = set(self.tags.values())
        rows = [(digest, {_TAG_KEY: tag}) for tag, digest in sorted(self.tags.items())]
        rows += [(digest, {}) for digest in sorted(self.manifests) if digest not in tagged]
        items = []
        for digest, notes in rows:
            entry = self.manifests[digest]
            item = {"mediaType": entry.media_type, "digest": digest, "size": entry.size}
            items.append({**item, "annotations": notes} if notes else item)
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": items}
        write_atomically(layout / "index.json", json.dumps(index, separators=(",", ":")).encode())


class Registry:
    """A registry's folder; opening it takes its lock, and raises Conflict where another process has it."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        for name in ("blobs/sha256", "repositories", "uploads"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self.folder / "lock", thread_local=False)  # a server's thread may release it
        if not self._lock.take(wait=False):
            raise Conflict(f"{str(self.folder)!r} is in use by another registry: stop it first, or name another folder")
        for torn in (self.folder / "uploads").iterdir():  # of a process that was killed: their state is gone
            torn.unlink()
        self._repositories: dict[str, Repository] = {}

    def close(self) -> None:
        """Release the folder."""
        self._lock.release()

    def repository(self, name: str) -> Repository:
        """The repository of this name, which may be empty; raises RegistryError NAME_INVALID."""
        name = repository_name(name)
        if name not in self._repositories:
            repository = Repository(self, name)
            if not repository.exists():
                return repository
            self._repositories[name] = repository
        return self._repositories[name]

    def remember(self, repository: Repository) -> None:
        """Keep a repository's tags in memory, now that something was pushed to it."""
        self._repositories.setdefault(repository.name, repository)

    def known(self, name: str) -> Repository:
        """The repository of this name; raises RegistryError NAME_UNKNOWN where nothing was pushed to it."""
        repository = self.repository(name)
        if not repository.exists():
            raise RegistryError(404, "NAME_UNKNOWN", "repository name not known to registry", {"name": name})
        return repository

    def names(self) -> list[str]:
        """The repositories that something was pushed to, sorted."""
        top = self.folder / "repositories"
        return sorted(path.parent.relative_to(top).as_posix() for path in top.rglob("_layout") if path.is_dir())

    def blob(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        algorithm, _, hexdigits = digest.partition(":")
        return self.folder / "blobs" / algorithm / hexdigits

    def write(self, digest: str, data: bytes) -> None:
        """Keep bytes that have this digest; raises RegistryError DIGEST_INVALID where they have another."""
        if hashlib.new(digest.partition(":")[0], data).hexdigest() != digest.partition(":")[2]:
            raise RegistryError(400, "DIGEST_INVALID", "provided digest did not match uploaded content", digest)
        target = self.blob(digest)
        if not target.exists():
            target.parent.mkdir(exist_ok=True)
            write_atomically(target, data)

    def upload(self) -> Upload:
        """Begin an upload."""
        return Upload(self.folder / "uploads" / os.urandom(16).hex(), self.blob)

    def prune(self, *, older_than: float = 3600.0) -> tuple[int, int]:
        """Delete blobs that no manifest needs and that are older than so many seconds; returns (blobs, bytes).

        Offline: the folder's lock is held, so no push can be under way. Raises Invalid for a damaged manifest: what it
        needs is not known.
        """
        live: set[str] = set()
        for name in self.names():
            repository = self.repository(name)
            for digest in repository.manifests:
                live.update([digest, *repository.needs(digest, every=True)])
        probe = self.folder / "uploads" / "now"
        probe.touch()
        newest = probe.stat().st_mtime - older_than
        probe.unlink()
        blobs = size = 0
        for path in (self.folder / "blobs").glob("sha*/*"):
            info = path.stat()
            if f"{path.parent.name}:{path.name}" not in live and info.st_mtime < newest:
                path.unlink()
                blobs, size = blobs + 1, size + info.st_size
        for mark in (self.folder / "repositories").rglob("_blobs/*"):
            if not self.blob(mark.name).exists():
                mark.unlink()
        return blobs, size

    def verify(self) -> list[str]:
        """Hash every blob again, and look for what each manifest needs; returns what is wrong, in words."""
        damage = []
        for path in sorted((self.folder / "blobs").glob("sha*/*")):
            if path.name.startswith("."):
                continue
            hasher = hashlib.new(path.parent.name)
            with open(path, "rb") as file:
                for piece in pieces_of(file):
                    hasher.update(piece)
            if hasher.hexdigest() != path.name:
                damage.append(f"the blob {path.parent.name}:{path.name} has other bytes")
        for name in self.names():
            repository = self.repository(name)
            for digest in repository.manifests:
                try:
                    needs = repository.needs(digest)
                except Invalid:
                    damage.append(f"{name}: the manifest {digest} is damaged or missing")
                    continue
                missing = (one for one in needs if not repository.has(one))
                damage += [f"{name}: {digest} needs {one}, which is missing" for one in missing]
        return damage
