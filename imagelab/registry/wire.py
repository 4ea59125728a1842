"""What is remembered of layers on the wire: the blob that each was compressed to, and which repositories have it.

The store keeps layers as they came, mostly uncompressed; a registry gets them compressed, under another digest. Once a
layer has been pushed its blob is remembered, so that the next push asks for it by digest and sends nothing. A note is a
file `cache/wire/<hex of the diffID>`; without it, a layer is only compressed and sent again.

docker keeps the same notes (distribution/metadata/v2_metadata_service.go).
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass

from ..errors import Invalid
from ..host.atomic import write_atomically
from ..oci.digest import Digest
from ..oci.manifest import Json, parse_json
from ..store.store import Store

MOST_PLACES = 20  # repositories that are remembered for one layer


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob on the wire: its digest and bytes, and the media type of a layer in it."""

    digest: Digest
    size: int
    media_type: str


@dataclass(frozen=True, slots=True)
class WireNotes:
    """The notes of one store."""

    store: Store

    def blob(self, diff_id: Digest, media_type: str) -> Blob | None:
        """The blob that a layer was compressed to, for this media type; None where that was never done."""
        with suppress(Invalid, TypeError, KeyError):
            entry = self._read(diff_id)["blobs"][media_type]
            return Blob(Digest.parse(entry["digest"]), int(entry["size"]), media_type)
        return None

    def repositories(self, diff_id: Digest, digest: Digest, host: str) -> list[str]:
        """The repositories of a registry that have the blob, the newest first."""
        places = self._read(diff_id).get("places") or []
        return [path for where, path, blob in reversed(places) if (where, blob) == (host, digest)]

    def remember(self, diff_id: Digest, blob: Blob, host: str, repository: str, *, made_here: bool) -> None:
        """Note that a repository has a layer as this blob; with `made_here`, imagelab compresses the layer to it."""
        with self.store.lock:
            note = self._read(diff_id)
            blobs = dict(note.get("blobs") or {})
            if made_here:
                blobs[blob.media_type] = {"digest": blob.digest, "size": blob.size}
            place = [host, repository, blob.digest]
            places = [one for one in note.get("places") or [] if one != place][-MOST_PLACES + 1 :]
            changed = {"blobs": blobs, "places": [*places, place]}
            if changed != note:
                path = self.store.home / "cache" / "wire" / diff_id.hex
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, json.dumps(changed).encode(), durable=False)

    def _read(self, diff_id: Digest) -> Json:
        try:
            note = parse_json((self.store.home / "cache" / "wire" / diff_id.hex).read_bytes(), "a note")
        except (FileNotFoundError, Invalid):
            return {}
        places = note.get("places")
        whole = isinstance(places, list) and all(isinstance(one, list) and len(one) == 3 for one in places)
        return note if whole and isinstance(note.get("blobs"), dict) else {}
