"""Pull: an image comes from a registry, and nothing of it can be seen until all of it has been proved.

A tag leads to a manifest, or to an index, of which the manifest for one platform is taken, as docker's classic store
does. Layers come three at a time, and each is hashed, measured, decompressed and parsed while it arrives; one that the
store has already does not travel. A layer that is whole stays in the store when another one fails, and what came of a
layer that broke off is asked for no second time (Range). Manifest and config are kept byte for byte.

Implements the distribution-spec v1.1, "Pull". Left out: layers that are fetched elsewhere (`urls`), and platforms' os
versions and features.
"""

from __future__ import annotations

from ..errors import Invalid, NotFound
from ..golang import json_fields
from ..oci import platforms
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.manifest import DOCKER_INDEX, INDEX, Json, parse_config, parse_json, parse_manifest
from ..oci.reference import Reference
from ..store.blobs import MAX_JSON
from ..store.ingest import LIMIT, add_image, prove
from ..store.store import Store
from .client import Access, Client, Manifest
from .connection.transport import part
from .download import Downloads, SharedAllowance
from .transfer import EXISTS, RECEIVED, SKIPPED, Moved, Progress, Report, Transfer, silent
from .wire import Blob, WireNotes

MOST_INDEXES = 4  # in one another


def pull(
    store: Store, reference: Reference, access: Access, *, platform: str = "", report: Report = silent,
    limit: int = LIMIT,
) -> Transfer:  # fmt: skip
    """Pull the image of a tag or digest, and point the tag to it; one of `platform`, where an index has several.

    Raises NotFound and Denied in docker's words, Unreachable, and Invalid for bytes that are not what they should be or
    expand to more than `limit`; the images are then as they were.
    """
    with Client(reference.domain, access) as client:
        return _Pull(store, client, reference, platform, report, limit).run()


def tags_of(repository: Reference, access: Access) -> list[Reference]:
    """All tags of a repository in its registry, sorted; raises as `pull`."""
    with Client(repository.domain, access) as client:
        tags = client.tags(repository.path)
    if not tags:
        raise NotFound(f"repository {repository.familiar_name} has no tags")
    return [repository.tagged(tag) for tag in tags]


class _Pull:
    """One pull under way."""

    def __init__(
        self, store: Store, client: Client, reference: Reference, platform: str, report: Report, limit: int
    ) -> None:
        self._store, self._client, self._report = store, client, report
        self._reference, self._platform = reference, platform.lower()
        self._name, self._repository = reference.familiar, reference.path
        allowance = SharedAllowance(limit)
        self._downloads = Downloads(store, client, self._repository, self._name, report, allowance)
        self._rows: list[Moved] = []

    def run(self) -> Transfer:
        part.set(0)
        wanted: str = self._reference.digest or self._reference.tag or "latest"
        if self._reference.digest:
            Digest.parse(wanted, f"{self._name}: the digest")
        else:
            digest, size = self._client.manifest_digest(self._repository, wanted, self._name)
            if digest and (image := self._known(digest)):
                self._report(Progress("manifest", None, digest, "began", 0, size))
                self._rows.append(Moved("manifest", None, digest, size, EXISTS))
                return self._finish(digest, image)
            wanted = digest or wanted
        top = self._client.manifest(self._repository, wanted, self._name)
        self._report(Progress("manifest", None, top.digest, "began", 0, len(top.data)))
        manifest = self._choose(top)
        with self._store.blobs.lease():
            image = self._image(manifest)
        return self._finish(top.digest, image)

    def _known(self, digest: Digest) -> Image | None:
        """The image here that the registry has under this digest, if it is for the platform that is asked for."""
        here = self._store.repo_digests.images().get(self._reference.pinned(digest))
        images = self._store.index.images()
        manifest = here if here in images else digest if digest in images else None
        if manifest is None:
            return None
        image = self._store.image(manifest)
        descriptor = {"platform": {"os": image.os, "architecture": image.architecture}}
        return image if manifest == digest or self._fits(descriptor) else None

    def _finish(self, digest: Digest, image: Image) -> Transfer:
        """Give the image its names; the last step, and one that cannot be seen half done."""
        pinned = self._reference.pinned(digest)
        before = self._store.repo_digests.images().get(pinned)
        tags = self._store.tags()
        if self._reference.digest is None:
            name = self._reference.with_default_tag()
            before = tags.get(name)
            self._store.point([name], image, "pull")
        newer = before is None or self._store.id_of(before) != image.id
        self._store.repo_digests.add(pinned, image.digest)
        requests = self._client.transport.requests()
        return Transfer("pull", self._name, digest, image, tuple(self._rows), requests, newer)

    # From a tag to one manifest -----------------------------------------------------------------------------------

    def _choose(self, top: Manifest) -> Manifest:
        """The manifest of one image: the one that came, or that of an index for the platform."""
        manifest = top
        for _ in range(MOST_INDEXES):
            if manifest.media_type not in (INDEX, DOCKER_INDEX):
                return manifest
            self._rows.append(Moved("index", None, manifest.digest, len(manifest.data), RECEIVED))
            index = parse_json(manifest.data, f"the index of {self._name}", json_fields.MANIFEST)
            listed = platforms.descriptors(index, f"the index of {self._name}")
            images = [item for item in listed if not platforms.is_attestation(item)]
            chosen = next((item for item in images if self._fits(item)), None)
            if chosen is None:
                there = ", ".join(sorted({platforms.name_of(item) for item in images})) or "nothing"
                raise NoPlatform(self._platform or platforms.of_this_machine(), there)
            digest = Digest.parse(chosen.get("digest"), f"the index of {self._name}: a digest")
            for item in images:
                if item is not chosen:
                    digest_there, size = Digest(item.get("digest", "")), item.get("size")
                    size = size if isinstance(size, int) else 0
                    self._rows.append(Moved("manifest", None, digest_there, size, SKIPPED))
            manifest = self._client.manifest(self._repository, digest, self._name)
            if (size := chosen.get("size")) != len(manifest.data):
                says = f"the index says that the manifest {digest} has {str(size)[:40]} bytes"
                raise Invalid(f"{self._name}: {says}, but it has {len(manifest.data)}")
        raise Invalid(f"{self._name} leads through more than {MOST_INDEXES - 1} indexes to its images")

    def _fits(self, descriptor: Json) -> bool:
        if not self._platform:
            return platforms.fits(descriptor)
        return platforms.matches(platforms.name_of(descriptor), self._platform)

    # From a manifest to an image ----------------------------------------------------------------------------------

    def _image(self, manifest: Manifest) -> Image:
        value = parse_manifest(manifest.data, f"the manifest of {self._name}")
        config, config_verdict = self._config(value["config"])
        parsed = parse_config(config, f"the config of {self._name}")
        diff_ids = [Digest(diff_id) for diff_id in parsed["rootfs"]["diff_ids"]]
        if len(diff_ids) != len(value["layers"]):
            layers = len(value["layers"])
            raise Invalid(f"{self._name}: the manifest lists {layers} layers, and the config {len(diff_ids)} diffIDs")
        pairs = list(zip(value["layers"], diff_ids, strict=True))
        top = Moved("manifest", None, manifest.digest, len(manifest.data), RECEIVED)
        same = self._same_image(value["config"]["digest"])
        if same is not None:
            rows = [self._row(descriptor, diff_id, EXISTS) for descriptor, diff_id in pairs]
            self._rows[:0] = [*rows, self._config_row(value["config"], config_verdict)]
            self._rows.append(top)
            return same
        results = self._downloads.layers(pairs)
        prove([(str(d["digest"])[:19], result) for (d, _), (result, _) in zip(pairs, results, strict=True)], diff_ids)
        image = add_image(self._store, manifest.data, config, (), parsed=parsed)
        rows = []
        for (descriptor, diff_id), (_, verdict) in zip(pairs, results, strict=True):
            row = self._row(descriptor, diff_id, verdict)
            again = row in rows  # a layer that is in the image twice travels once
            rows.append(self._row(descriptor, diff_id, EXISTS) if again else row)
        self._rows[:0] = [*rows, self._config_row(value["config"], config_verdict)]
        self._rows.append(top)
        notes = WireNotes(self._store)
        for descriptor, diff_id in pairs:
            blob = Blob(Digest(descriptor["digest"]), descriptor["size"], descriptor["mediaType"])
            notes.remember(diff_id, blob, self._client.host, self._repository, made_here=False)
        return image

    def _same_image(self, config: str) -> Image | None:
        """An image here with this config, however its layers are compressed: it has the same ID and the same files."""
        return next((image for image in self._store.images() if image.id == config), None)

    @staticmethod
    def _row(descriptor: Json, diff_id: Digest, verdict: str) -> Moved:
        return Moved("layer", diff_id, Digest(descriptor["digest"]), descriptor["size"], verdict)

    @staticmethod
    def _config_row(descriptor: Json, verdict: str) -> Moved:
        return Moved("config", None, Digest(descriptor["digest"]), descriptor["size"], verdict)

    def _config(self, descriptor: Json) -> tuple[bytes, str]:
        digest, size = Digest(descriptor["digest"]), descriptor["size"]
        what = f"the config of {self._name}"
        if size > MAX_JSON:
            raise Invalid(f"{what} has {size:,} bytes, too many for JSON: the limit is {MAX_JSON:,}")
        if digest in self._store.blobs:
            return self._store.read(digest), EXISTS
        data = b""
        for piece in self._downloads.pieces(digest, size, what):
            data += piece
            if len(data) > size:
                raise Invalid(f"{what} says that it has {size} bytes, but it has more")
        if Digest.of(data) != digest:
            raise Invalid(f"{what} should have the digest {digest}, but it has {Digest.of(data)}")
        return data, RECEIVED


class NoPlatform(NotFound):
    """An index lists no image for a platform; `words` are docker's."""

    def __init__(self, platform: str, there: str) -> None:
        self.words = f"no matching manifest for {platform} in the manifest list entries"
        super().__init__(f"{self.words}: there is {there}")
