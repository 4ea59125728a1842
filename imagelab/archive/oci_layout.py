"""An OCI layout's table of contents: `index.json` leads to manifests, some of them through indexes.

What it leads to need not be an image, nor be there whole: signatures, SBOMs and Helm charts lie in layouts too, and of
an index of several platforms often only one is present. Such things are left, and reported; damage is an error.

Implements the OCI image-spec, image-layout.md and image-index.md, with containerd's annotation for whole names. Of an
index one image is taken: for linux on this machine's processor where there is one, or else the first that is whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Invalid, Unsupported
from ..golang import json_fields
from ..oci import platforms
from ..oci.compression import OverLimit
from ..oci.digest import Digest
from ..oci.manifest import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST, Json, parse_json, parse_manifest
from ..oci.reference import Reference
from ..store.index import NAME, REF
from .archive import Archive, Missing
from .candidates import Candidate, Left, references

TABLE = "index.json"
MARK = "oci-layout"
_MAX_DEPTH = 4  # indexes in one another


class Layout:
    """The images that an archive's index.json leads to. `stem` is the repository of those that have a tag alone."""

    def __init__(self, archive: Archive, stem: str) -> None:
        self._archive = archive
        self._stem = stem
        self._results: dict[str, Candidate | Unsupported | Missing] = {}
        layout = parse_json(archive.json(MARK, MARK), MARK, json_fields.LAYOUT)
        if layout.get("imageLayoutVersion") != "1.0.0":
            raise Invalid(f"oci-layout gives the version {layout.get('imageLayoutVersion')!r}: only 1.0.0 is known")
        index = parse_json(archive.json(TABLE, TABLE), TABLE, json_fields.MANIFEST)
        if "manifests" not in index:
            raise Invalid("index.json is not an OCI index: it has no list of 'manifests'")
        self._listed = platforms.descriptors(index, TABLE)

    def images(self, left: list[Left]) -> list[Candidate]:
        """One image for each manifest that index.json leads to; what is none, or not whole, is added to `left`.

        Raises Invalid, for damage, and for an archive in which there is no image at all.
        """
        images: dict[Digest, Candidate] = {}
        reasons: list[Unsupported | Missing] = []
        for descriptor in self._listed:
            names, labels = _names_of(descriptor, self._stem)
            what = names[0].familiar if names else min(labels, default=str(descriptor.get("digest"))[:19])
            try:
                image = self._image(descriptor, "an image in index.json", what, left)
            except (Unsupported, Missing) as error:
                reasons.append(error)
                left.append(Left(what, str(error), frozenset(labels)))
                continue
            images.setdefault(Digest.of(image.manifest), image).add_names(names, labels)
        if not images:
            raise reasons[0] if reasons else Invalid("index.json lists no image")
        return list(images.values())

    def add_manifests(self, images: list[Candidate], left: list[Left]) -> None:
        """Give images that have none yet the manifests and names that index.json has for the same configs and layers.

        What else is in the index is added to `left`, damage too: docker goes by manifest.json where there is one.
        """
        waiting: dict[Digest, list[Candidate]] = {}
        for image in images:
            waiting.setdefault(image.id, []).append(image)
        for descriptor in self._listed:
            what = str(descriptor.get("digest"))[:19]
            try:
                names, labels = _names_of(descriptor, self._stem)
                what = names[0].familiar if names else what
                leaves = list(self._leaves(descriptor, what, left))
            except OverLimit:
                raise
            except Invalid as error:
                left.append(Left(what, f"in index.json: {error}"))
                continue
            named = False
            for shown, leaf in leaves:
                try:
                    data, manifest = self._manifest(leaf)
                    if not (same := waiting.get(manifest["config"]["digest"])):
                        raise Unsupported("manifest.json, which docker goes by, does not list it")
                    layers = self._candidate(data, manifest).layers
                    if [staged.diff_id for _, staged in layers] != same[0].diff_ids:
                        raise Unsupported("the layers of its manifest are not those of its config, in that order")
                except OverLimit:
                    raise
                except Invalid as error:
                    left.append(Left(shown, f"in index.json: {error}"))
                    continue
                for image in same:
                    if not image.manifest:
                        image.manifest, image.layers, image.kept_manifest = data, layers, True
                if not named:
                    same[0].add_names(names, labels)
                named = True

    # From a descriptor to images --------------------------------------------------------------------------------

    def _image(self, descriptor: Json, what: str, shown: str, left: list[Left], depth: int = 0) -> Candidate:
        """The image of a descriptor, or of the index that it leads to; each is looked at once, however often named."""
        key = str([descriptor.get(name) for name in ("mediaType", "digest", "size")])
        if key not in self._results:
            try:
                if descriptor.get("mediaType") in (INDEX, DOCKER_INDEX):
                    self._results[key] = self._of_index(descriptor, what, shown, left, depth)
                else:
                    self._results[key] = self._candidate(*self._manifest(descriptor, what))
            except (Unsupported, Missing) as error:
                self._results[key] = error
        result = self._results[key]
        if isinstance(result, Candidate):
            return result
        raise result

    def _of_index(self, descriptor: Json, what: str, shown: str, left: list[Left], depth: int) -> Candidate:
        chosen: Candidate | None = None
        here, others = "", list[str]()
        error: Unsupported | Missing | None = None
        reasons: list[Left] = []
        for inner in platforms.by_preference(self._index(descriptor, what, depth)):
            name = f"{shown} for {platforms.name_of(inner)}"
            if platforms.is_attestation(inner):
                if self._is_there(inner):
                    left.append(_attestation(inner, shown))
            elif chosen is not None:
                if self._is_there(inner):
                    others.append(platforms.name_of(inner))
            else:
                try:
                    chosen = self._image(inner, "an image in an index", name, reasons, depth + 1)
                    here = platforms.name_of(inner)
                except (Unsupported, Missing) as problem:
                    error = error or problem
                    if self._is_there(inner):  # an index lists platforms by the dozen, and few are ever saved
                        reasons.append(Left(name, str(problem)))
        if chosen is None:
            raise error or Unsupported("an index in the archive lists no image")
        left += reasons
        if others:
            left.append(Left(f"{shown} for {', '.join(others)}", f"of several platforms one is loaded, here {here}"))
        return chosen

    def _leaves(self, descriptor: Json, shown: str, left: list[Left]) -> Iterator[tuple[str, Json]]:
        """The manifests that a descriptor leads to and the archive holds, each once, with what to call them."""
        todo, seen = [(descriptor, shown, 0)], set[str]()
        while todo:
            inner, name, depth = todo.pop()
            if inner.get("mediaType") not in (INDEX, DOCKER_INDEX):
                yield name, inner
                continue
            for below in reversed(platforms.by_preference(self._index(inner, "an image in index.json", depth))):
                if not self._is_there(below) or (digest := str(below.get("digest"))) in seen:
                    continue
                seen.add(digest)
                if platforms.is_attestation(below):
                    left.append(_attestation(below, shown))
                else:
                    todo.append((below, f"{shown} for {platforms.name_of(below)}", depth + 1))

    def _index(self, descriptor: Json, what: str, depth: int) -> list[Json]:
        if depth >= _MAX_DEPTH:
            raise Invalid("index.json leads through more than four indexes to its images")
        value = parse_json(self._archive.json_blob(descriptor, what), what, json_fields.MANIFEST)
        if "layers" in value or "config" in value:
            raise Invalid(f"{what} has `manifests` and `layers` or `config`: it must be either an index or a manifest")
        return platforms.descriptors(value, what)

    def _manifest(self, descriptor: Json, what: str = "an image in index.json") -> tuple[bytes, Json]:
        media_type = descriptor.get("mediaType") or MANIFEST
        try:
            data = self._archive.json_blob(descriptor, what)
            return data, parse_manifest(data)
        except Invalid as error:
            if media_type in (MANIFEST, DOCKER_MANIFEST) or isinstance(error, OverLimit):
                raise
            raise Unsupported(f"its media type is {str(media_type)[:80]!r}, which is not an image's") from None

    def _candidate(self, data: bytes, manifest: Json) -> Candidate:
        config = self._archive.json_blob(manifest["config"], "the config")
        layers = [self._archive.blob(layer, f"layer {number}") for number, layer in enumerate(manifest["layers"], 1)]
        return Candidate(data, config, layers)

    def _is_there(self, descriptor: Json) -> bool:
        return f"blobs/sha256/{str(descriptor.get('digest'))[7:]}" in self._archive


def _attestation(descriptor: Json, shown: str) -> Left:
    digest = str(descriptor.get("digest"))[:19]
    return Left(f"{digest} beside {shown}", "it is an attestation (SBOM, provenance), not an image")


def _names_of(descriptor: Json, stem: str) -> tuple[list[Reference], set[str]]:
    """The names an index gives an image, and the same as they are written.

    containerd writes the whole name; the specification's may be a tag alone, which gets the archive's own name for its
    repository, as in `app.tar` or a folder `app`.
    """
    annotations = descriptor.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise Invalid("an image in index.json has annotations that are no object")
    labels = {text for key in (NAME, REF) if isinstance(text := annotations.get(key), str) and text}
    if whole := annotations.get(NAME):
        return references([whole]), labels
    short = annotations.get(REF)
    if not isinstance(short, str) or not short:
        return [], labels
    try:
        return references([short if ":" in short or "/" in short else f"{stem.lower()}:{short}"]), labels
    except Invalid:
        return [], labels
