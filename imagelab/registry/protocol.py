"""What a registry accepts: names, tags, digests and manifests, and the errors that it answers with.

Implements the distribution-spec v1.1 (names, tags, error codes) and the OCI image-spec (manifest.md, image-index.md,
descriptor.md), as far as a registry must look into a manifest: to find what it cannot do without.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping

from ..errors import Invalid, LabError
from ..oci.manifest import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST, Json, parse_json
from ..store.blobs import MAX_JSON

ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"  # of image-spec 1.1's drafts; some tools still write it
MANIFEST_TYPES = (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX, ARTIFACT)
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_FOREIGN = ("nondistributable", ".foreign.")  # layers that are fetched elsewhere, so that they may be absent here
MOST_MANIFEST = 2 * MAX_JSON  # bytes; the specification asks for 4 MB at least
LONGEST_NAME = 255


class RegistryError(LabError):
    """What a registry answers: an HTTP status, a code and message of the distribution-spec, and headers."""

    def __init__(
        self, status: int, code: str, message: str, detail: object = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}


def repository_name(text: str) -> str:
    """A repository's name (distribution-spec, "Pulling manifests"); raises RegistryError NAME_INVALID."""
    if len(text) > LONGEST_NAME or not _NAME.fullmatch(text):
        raise RegistryError(400, "NAME_INVALID", f"{text[:80]!r} is not a repository's name")
    return text


def digest_of(text: str) -> str:
    """A SHA-256 or SHA-512 digest; raises RegistryError DIGEST_INVALID."""
    if not _DIGEST.fullmatch(text):
        raise RegistryError(400, "DIGEST_INVALID", f"{text[:80]!r} is not a SHA-256 or SHA-512 digest")
    return text


def is_digest(text: str) -> bool:
    """Whether a manifest is asked for by digest, not by tag."""
    return ":" in text


def tag_of(text: str) -> str:
    """A tag; raises RegistryError TAG_INVALID."""
    if not _TAG.fullmatch(text):
        raise RegistryError(400, "TAG_INVALID", f"{text[:80]!r} is not a tag")
    return text


def parse_manifest(data: bytes, media_type: str) -> Json:
    """Check that bytes are a manifest of this type; raises RegistryError MANIFEST_INVALID."""
    if media_type not in MANIFEST_TYPES:
        raise RegistryError(400, "MANIFEST_INVALID", f"manifests of the type {media_type[:80]!r} are not kept here")
    if len(data) > MOST_MANIFEST:
        raise RegistryError(413, "SIZE_INVALID", f"a manifest has at most {MOST_MANIFEST:,} bytes")
    try:
        value = parse_json(data, "the manifest")
    except Invalid as error:
        raise RegistryError(400, "MANIFEST_INVALID", str(error)) from None
    if value.get("mediaType", media_type) != media_type or value.get("schemaVersion", 2) != 2:
        raise RegistryError(400, "MANIFEST_INVALID", "the manifest's mediaType is not its Content-Type")
    return value


def needed(value: Json, media_type: str, *, every: bool = False) -> Iterator[str]:
    """The digests that a manifest cannot do without; with `every`, those too that may be absent."""
    if media_type in (INDEX, DOCKER_INDEX):
        descriptors = _descriptors(value, "manifests")
    elif media_type == ARTIFACT:
        descriptors = _descriptors(value, "blobs")
    else:
        descriptors = [*_descriptors({"config": [value.get("config")]}, "config"), *_descriptors(value, "layers")]
    for descriptor in descriptors:
        foreign = any(word in str(descriptor.get("mediaType")) for word in _FOREIGN)
        if every or not (foreign or _has_data(descriptor)):
            yield descriptor["digest"]


def _descriptors(value: Json, key: str) -> list[Json]:
    items = value.get(key) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RegistryError(400, "MANIFEST_INVALID", f"{key} is not a list of descriptors")
    for item in items:
        digest_of(str(item.get("digest")))
    return items


def _has_data(descriptor: Json) -> bool:
    """Whether a descriptor brings its bytes along (`data`, descriptor.md)."""
    try:
        data = base64.b64decode(descriptor.get("data") or b"", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return False
    algorithm, _, expected = str(descriptor["digest"]).partition(":")
    return bool(data) and hashlib.new(algorithm, data).hexdigest() == expected
