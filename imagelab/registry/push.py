"""Push: an image goes to a registry, and only what the registry lacks travels.

Each layer is compressed as it is sent; what it becomes is remembered (`wire`), so that a later push asks for it first,
by HEAD. A blob that another repository of the same registry has is mounted. The order is docker's: layers, top first
and five at a time, the config, and the manifest last, so that no tag ever points to an image that is not whole.

Implements the distribution-spec v1.1, "Push". A layer that the store has compressed travels as it is, and where all do,
so does the manifest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from ..errors import Invalid, LabError, NotFound
from ..filesystem.streams import pieces_of
from ..oci.digest import Digest, Hashed
from ..oci.image import Image
from ..oci.layer import Layer
from ..oci.manifest import MANIFEST, Json, dump, manifest_for, parse_json
from ..oci.reference import Reference
from ..store.store import Store
from .client import Access, Client
from .compress import MEDIA_TYPES, compress
from .connection.failure import Stopped, Unreachable
from .connection.transport import RETRIED, part
from .protocol import RegistryError
from .transfer import EXISTS, MOUNTED, SENT, Moved, Progress, Report, Transfer, silent
from .wire import Blob, WireNotes

AT_ONCE = 5  # uploads, as docker's --max-concurrent-uploads


def push(
    store: Store, reference: Reference, access: Access, *, compression: str = "gzip", report: Report = silent
) -> Transfer:
    """Push the image that a tag points to, under that tag.

    Raises NotFound for a tag that is not here, Denied, Unreachable, and LabError in the registry's words.
    """
    image = image_of(store, reference)
    with Client(reference.domain, access) as client:
        return _Push(store, client, reference, compression, report).run(image)


def image_of(store: Store, reference: Reference) -> Image:
    """The image of a tag to push; raises NotFound in docker's words, which differ for a repository without any tag."""
    tags = store.tags()
    if reference in tags:
        return store.image(tags[reference])
    if any(name.name == reference.name for name in tags):
        raise NotFound(f"tag does not exist: {reference.familiar}")
    raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")


def tags_of(store: Store, repository: Reference) -> list[Reference]:
    """All tags here of a repository, sorted; raises NotFound in docker's words."""
    names = sorted(name for name in store.tags() if name.name == repository.name)
    if not names:
        raise NotFound(f"An image does not exist locally with the tag: {repository.familiar_name}")
    return names


class _Push:
    """One push under way."""

    def __init__(self, store: Store, client: Client, reference: Reference, compression: str, report: Report) -> None:
        if compression not in MEDIA_TYPES:
            known = ", ".join(MEDIA_TYPES)
            raise LabError(f"layers cannot be compressed with {compression!r}: expected one of {known}")
        self._store, self._client, self._name, self._report = store, client, reference, report
        self._repository, self._compression = reference.path, compression
        self._notes = WireNotes(store)

    def run(self, image: Image) -> Transfer:
        part.set(0)
        layers = list(dict.fromkeys(reversed(image.layers)))
        self._client.connect()
        for layer in layers:
            self._tell(layer, "waiting")
        with self._store.blobs.lease():
            moved = dict(zip(layers, self._send_all(layers), strict=True))
        part.set(len(layers) + 1)
        manifest, media_type = self._manifest(image, [moved[layer] for layer in image.layers])
        config = Blob(image.id, len(image.config_bytes), "")
        config_moved = self._bytes("config", config, image.config_bytes)
        digest = Digest.of(manifest)
        self._client.put_manifest(self._repository, self._name.tag or "latest", manifest, media_type)
        self._store.repo_digests.add(self._name.pinned(digest), image.digest)
        top = Moved("manifest", None, digest, len(manifest), SENT)
        self._report(Progress("manifest", None, digest, "kept", len(manifest), len(manifest)))
        rows: list[Moved] = []
        for layer in image.layers:  # one that is in the image twice travels once
            row = moved[layer]
            again = row in rows
            rows.append(Moved(row.kind, row.diff_id, row.digest, row.size, EXISTS) if again else row)
        requests = self._client.transport.requests()
        return Transfer("push", self._name.familiar, digest, image, (*rows, config_moved, top), requests)

    def _send_all(self, layers: Collection[Layer]) -> list[Moved]:
        transport = self._client.transport
        with ThreadPoolExecutor(AT_ONCE, "push") as pool:
            futures = [pool.submit(self._layer, number, layer) for number, layer in enumerate(layers, 1)]
            try:
                return [future.result() for future in futures]
            except BaseException:
                transport.give_up()
                for future in futures:
                    future.cancel()
                errors = (future.exception() for future in futures if not future.cancelled())
                real = next((error for error in errors if error and not isinstance(error, Stopped)), None)
                if real is not None:
                    raise real from None
                raise

    def _layer(self, number: int, layer: Layer) -> Moved:
        part.set(number)
        self._tell(layer, "began")
        known = self._known(layer)
        if known and self._client.has_blob(self._repository, known.digest, "pull,push"):
            return self._landed(layer, known, EXISTS)
        host = self._client.host
        source = ""
        if known:
            places = self._notes.repositories(layer.diff_id, known.digest, host)
            source = next((path for path in places if path != self._repository), "")
        location = ""
        if known and source:
            location = self._client.mount(self._repository, known.digest, source)
            if not location:
                return self._landed(layer, known, MOUNTED, source)
        return self._landed(layer, self._upload(layer, location), SENT)

    def _known(self, layer: Layer) -> Blob | None:
        """The blob that a layer is on the wire, where that is known before it is compressed."""
        if layer.compressed or self._compression == "none":
            return Blob(layer.digest, layer.size, layer.media_type)
        return self._notes.blob(layer.diff_id, MEDIA_TYPES[self._compression])

    def _upload(self, layer: Layer, location: str) -> Blob:
        as_it_is = layer.compressed or self._compression == "none"
        how = "none" if as_it_is else self._compression
        media_type = layer.media_type if as_it_is else MEDIA_TYPES[how]
        wire = Hashed(())

        def make() -> Iterator[bytes]:
            nonlocal wire
            with closing(self._store.blobs.open(layer.digest)) as file:
                stored = Hashed(pieces_of(file))
                wire = Hashed(compress(stored, how))
                for piece in wire:
                    yield piece
                    self._tell(layer, "moving", wire.size if as_it_is else stored.size, layer.size)
                if stored.digest != layer.digest:
                    raise Invalid(f"the blob {layer.digest} holds other bytes: `imagelab verify` lists what is damaged")

        def digest() -> str:
            return layer.digest if as_it_is else wire.digest

        attempts = self._client.transport.limits.attempts
        for attempt in range(1, attempts + 1):
            try:
                where = location if attempt == 1 and location else self._client.begin(self._repository)
                self._client.upload(self._repository, where, make, layer.size if as_it_is else None, digest)
                break
            except (Unreachable, RegistryError) as error:
                worth_it = error.again if isinstance(error, Unreachable) else error.status in RETRIED
                if attempt == attempts or not worth_it:
                    raise
                self._client.transport.pause(attempt)
        return Blob(Digest(digest()), layer.size if as_it_is else wire.size, media_type)

    def _bytes(self, kind: str, blob: Blob, data: bytes) -> Moved:
        verdict = EXISTS
        if not self._client.has_blob(self._repository, blob.digest, "pull,push"):
            location = self._client.begin(self._repository)
            self._client.upload(self._repository, location, lambda: [data], blob.size, lambda: blob.digest)
            verdict = SENT
        self._report(Progress(kind, None, blob.digest, "kept" if verdict == SENT else "exists", blob.size, blob.size))
        return Moved(kind, None, blob.digest, blob.size, verdict)

    def _landed(self, layer: Layer, blob: Blob, verdict: str, source: str = "") -> Moved:
        self._notes.remember(
            layer.diff_id, blob, self._client.host, self._repository, made_here=blob.digest != layer.digest
        )
        state = {SENT: "kept", EXISTS: "exists", MOUNTED: "mounted"}[verdict]
        self._report(Progress("layer", layer.diff_id, blob.digest, state, blob.size, blob.size, source))
        return Moved("layer", layer.diff_id, blob.digest, blob.size, verdict, source)

    def _manifest(self, image: Image, moved: list[Moved]) -> tuple[bytes, str]:
        """The manifest to push, and its type: the image's own, where every layer travelled as it is here."""
        if [row.digest for row in moved] == [layer.digest for layer in image.layers]:
            return image.manifest_bytes, image.manifest.get("mediaType") or MANIFEST
        descriptors: list[Json] = [
            {
                "mediaType": layer.media_type if row.digest == layer.digest else MEDIA_TYPES[self._compression],
                "digest": row.digest, "size": row.size,
            }
            for layer, row in zip(image.layers, moved, strict=True)
        ]  # fmt: skip
        manifest = manifest_for(image.config_bytes, [_oci(descriptor) for descriptor in descriptors])
        if annotations := image.manifest.get("annotations"):
            manifest = dump({**parse_json(manifest, "the manifest"), "annotations": annotations})
        return manifest, MANIFEST

    def _tell(self, layer: Layer, state: str, done: int = 0, total: int = 0) -> None:
        self._report(Progress("layer", layer.diff_id, layer.digest, state, done, total))


def _oci(descriptor: Json) -> Json:
    """A layer's descriptor with the OCI media type in place of docker's, for an OCI manifest."""
    media_type = str(descriptor["mediaType"])
    for how, name in MEDIA_TYPES.items():
        if media_type.endswith(f".rootfs.diff.tar{'' if how == 'none' else '.' + how}"):
            return {**descriptor, "mediaType": name}
    return descriptor
