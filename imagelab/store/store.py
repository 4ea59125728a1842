"""Store: a folder of images that is an OCI image layout.

Blobs never change. The index says which images there are and which names point to them, and the tag log remembers where
they pointed before. Any number of processes may share a store.

Implements the OCI image-spec, image-layout.md, with containerd's annotations for names. Our own files beside it
(`tmp/`, `cache/`, `tag-log.jsonl`, `.lock`) are ones that readers of the specification ignore.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ..errors import Conflict, InvalidReference, LabError, NotFound
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes
from ..host.atomic import write_atomically
from ..host.locks import Lock
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.layer import TAR, Layer, pack, sum_of_files
from ..oci.manifest import Json, dump, manifest_for, scratch_config
from ..oci.reference import Reference
from ..shown import Displayed
from .blobs import Blobs, Writer
from .index import Index, Item, index_bytes
from .repo_digests import RepoDigests
from .taglog import TagLog, TagMove, clock, places

SHORT = 12  # hex digits of an ID that listings show
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{1,64})")


class Store(Displayed):
    """The images of one folder, which is made if it is not there.

    With `epoch` (seconds since 1970), no time later than it reaches an image. Raises LabError for a folder that
    holds something else, and OSError as the disk does.
    """

    def __init__(
        self, home: str | os.PathLike[str], *, epoch: int | None = None, platform: str = "linux/amd64"
    ) -> None:
        self.home = Path(home).absolute()
        self.epoch = epoch
        self.os, _, self.architecture = platform.partition("/")
        self._lay_out()
        self.lock = Lock(self.home / ".lock")
        self.blobs = Blobs(self.home, self.lock)
        self.index = Index(self.home, self.lock)
        self.repo_digests = RepoDigests(self.home, self.lock)
        self._log = TagLog(self.home)
        self._images: dict[Digest, Image] = {}
        self._sizes: dict[Digest, int] = {}

    def __repr__(self) -> str:
        return f"<Store {self.home}>"

    def _lay_out(self) -> None:
        marker = self.home / "oci-layout"
        if not marker.exists():
            if self.home.exists() and not self.home.is_dir():
                raise LabError(f"{str(self.home)!r} is a file: choose a folder for the store (--home, IMAGELAB_HOME)")
            # Of a store whose maker was cut off, or has finished since we looked.
            ours = {"oci-layout", "index.json", "blobs", "tmp", "cache", "containers", "tag-log.jsonl"}
            names = {item.name for item in self.home.iterdir()} if self.home.exists() else set()
            if other := {name for name in names - ours if not name.startswith(".")}:
                raise LabError(
                    f"{str(self.home)!r} is not an image store: it contains {min(other)!r}; "
                    "choose an empty or new folder (--home, IMAGELAB_HOME)"
                )
            (self.home / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            with Lock(self.home / ".lock"):
                if not (self.home / "index.json").exists():
                    write_atomically(self.home / "index.json", index_bytes([]))
                write_atomically(marker, b'{"imageLayoutVersion":"1.0.0"}')
        for folder in ("tmp", "cache/size"):  # a layout that another tool made lacks them
            (self.home / folder).mkdir(parents=True, exist_ok=True)

    # Images -----------------------------------------------------------------------------------------------------

    def images(self) -> list[Image]:
        """Every image, tagged or not, each manifest once; newest first, as docker lists them."""
        return sorted(map(self.image, self.index.images()), key=lambda image: image.moment, reverse=True)

    def image(self, digest: Digest, *, fresh: bool = False) -> Image:
        """The image with this manifest digest, read again if `fresh`; raises NotFound, and Invalid for damaged JSON."""
        if fresh or digest not in self._images:
            self._images[digest] = Image(self.blobs.read(digest), self)
        return self._images[digest]

    def find(self, text: str) -> Image:
        """The image that a tag, an ID, the unique start of an ID, or name@digest leads to; as docker looks it up.

        Raises NotFound, InvalidReference, and Conflict where an ID's start fits several images.
        """
        return self.resolve(text)[0]

    def resolve(self, text: str) -> tuple[Image, Reference | None]:
        """The image that `find` finds, and the tag that led to it: None for an ID or a digest; raises as `find`."""
        match = _ID.fullmatch(text)
        if not (match and len(match[1]) == 64):
            try:
                reference = Reference.parse(text).with_default_tag()
            except InvalidReference:
                if not match:
                    raise
            else:
                if reference.digest:
                    return self._by_digest(reference, text), None
                if digest := self.tags().get(reference):
                    return self.image(digest), reference
        if match:
            fitting = {image.id: image for image in self.images() if image.id.hex.startswith(match[1])}
            if not fitting:
                full = len(match[1]) >= SHORT  # what Docker 29 shows as an ID; fewer digits are too easily a slip
                fitting = {image.id: image for image in self.images() if full and image.digest.hex.startswith(match[1])}
            if len(fitting) > 1:
                raise Conflict(f"{text!r} is the start of {len(fitting)} image IDs: write more of it")
            if fitting:
                return next(iter(fitting.values())), None
        raise NotFound(f"No such image: {text}")

    def _by_digest(self, reference: Reference, text: str) -> Image:
        """An image by name@digest: one that a registry has under it, or else one whose manifest here has that digest.

        A tag of that repository must have pointed to the latter.
        """
        digest = Digest(reference.digest or "")
        known = self.repo_digests.images().get(reference.pinned(digest))
        if known is not None and known in self.index.images():
            return self.image(known)
        if digest in self.index.images() and (
            any(name.name == reference.name for name in self.index.names(digest))
            or any(move.name.name == reference.name for move in self._log.read(about=digest))
        ):
            return self.image(digest)
        raise NotFound(f"No such image: {text}")

    # What an Image needs of its store ---------------------------------------------------------------------------

    def read(self, digest: Digest) -> bytes:
        """The bytes of a config or manifest; raises NotFound, and Invalid for a blob over 4 MiB."""
        return self.blobs.read(digest)

    def layer(self, digest: Digest, diff_id: Digest, size: int, media_type: str) -> Layer:
        """A stored layer. The size of the files in it comes from `cache/size`, or else the layer is read for it."""
        return Layer(digest, diff_id, size, media_type, partial(self.blobs.open, digest), self._files_size)

    def pack(self, changes: Changes) -> Layer:
        """Write some changes as a layer, uncompressed: its digest is its diffID. Raises Invalid as `layer.pack`."""
        with self.blobs.writer() as writer:
            files_size = pack(changes, writer.write, clamp=self.epoch)
        return self.adopt(writer, files_size)

    def adopt(self, writer: Writer, files_size: int) -> Layer:
        """The layer of an uncompressed tar that has just been written; `files_size` counts the files' bytes."""
        self.remember_size(writer.digest, files_size)
        return self.layer(writer.digest, writer.digest, writer.size, TAR)

    def now(self) -> str:
        """The time that new images get, RFC 3339 in UTC: the clock's, or the epoch where it is earlier."""
        now = datetime.now(UTC)
        if self.epoch is not None and now.timestamp() > self.epoch:
            now = datetime.fromtimestamp(self.epoch, UTC)
        return now.isoformat().replace("+00:00", "Z")

    def mtime(self) -> int:
        """The same time in whole seconds since 1970, for new files."""
        return int(datetime.fromisoformat(self.now()).timestamp())

    def names_of(self, image: Image) -> list[Reference]:
        """The tags that point to an image now, sorted."""
        return list(self.index.names(image.digest))

    def digests_of(self, image: Image) -> list[Reference]:
        """The name@digest that registries have an image under, sorted, whichever of its manifests it was."""
        known = self.repo_digests.images()
        ids = {manifest: self.id_of(manifest) for manifest in set(known.values())}
        return [name for name, manifest in known.items() if ids[manifest] == image.id]

    def parent_of(self, image: Image) -> Image | None:
        """The image that this one was made from, if it was made here and is still here."""
        parent = self.parent_digest(image.digest)
        return self.image(parent) if parent else None

    def parent_digest(self, digest: Digest) -> Digest | None:
        """`parent_of` by manifest digests; no image is read."""
        images = self.index.images()
        parent = images[digest].parent if digest in images else None
        return parent if parent in images else None

    def add(self, image: Image, parent: Image | None = None) -> Image:
        """Store an image of any store or none, untagged, with the layers that are not here yet. Idempotent.

        Returns the image as one of this store. An image that is here already and has no parent yet gets this one.
        Raises NotFound if a layer of its own store is missing.
        """
        with self.blobs.lease():
            if not image.is_in(self):
                self._copy_layers(image)
                image = Image(image.manifest_bytes, self, image.config_bytes, parsed=image.config)
            self.blobs.put(image.config_bytes)
            digest = self.blobs.put(image.manifest_bytes)
            image = self._images.setdefault(digest, image)
            with self.index.changing() as items:
                for blob in [image.id, *(layer.digest for layer in image.layers)]:
                    if blob not in self.blobs:
                        raise NotFound(f"layer {blob.short} of the new image is gone: was its base removed meanwhile?")
                here = {item.digest for item in items}
                if digest not in here:
                    items.append(Item.of(image, parent=parent.digest if parent else None))
                elif parent:
                    items[:] = [
                        item.with_parent(parent.digest, here) if item.digest == digest else item for item in items
                    ]
        return image

    def _copy_layers(self, image: Image) -> None:
        for layer in image.layers:
            if layer.digest not in self.blobs:
                with self.blobs.writer() as writer, layer.blob() as blob:
                    for piece in pieces_of(blob):
                        writer.write(piece)

    def scratch(self, settings: Json | None = None) -> Image:
        """The empty image: no layers, an empty config. It is in no index and has no blobs."""
        config = dump(scratch_config(self.architecture, self.os) | {"config": settings or {}})
        return Image(manifest_for(config, []), self, config)

    # Tags -------------------------------------------------------------------------------------------------------

    def tags(self) -> Mapping[Reference, Digest]:
        """Every tag, and the manifest digest it points to now."""
        return self.index.tags()

    def point(self, names: Iterable[Reference], image: Image, verb: str) -> list[TagMove]:
        """Make tags point to an image, in one atomic step; an image that loses its last tag stays, untagged.

        Returns the moves; a tag that pointed there already has none. Raises NotFound for an image that is gone.
        """
        return self._move({name.tagged(name.tag or "latest"): image for name in names}, verb)

    def unpoint(self, names: Iterable[Reference], verb: str) -> list[TagMove]:
        """Remove tags; their images stay."""
        return self._move(dict.fromkeys(names), verb)

    def _move(self, targets: Mapping[Reference, Image | None], verb: str) -> list[TagMove]:
        with self.index.changing() as items:
            moves = []
            for name, image in targets.items():
                before = next((item for item in items if item.name == name), None)
                old, new = (before.digest if before else ""), (image.digest if image else "")
                if old == new:
                    continue
                if before is not None:
                    items.remove(before)
                    if all(item.digest != old for item in items):
                        items.append(before.untagged())
                if image is not None:
                    same = [item for item in items if item.digest == new]
                    if not same:
                        raise NotFound(f"the image {image.id.short} is no longer in the store")
                    if not same[0].name and len(same) == 1:
                        items.remove(same[0])
                    items.append(Item.of(image, name, same[0].parent))
                moves.append(TagMove(clock(), name, old, new, verb))
            self._log.append(moves)
        return moves

    def forget(self, digests: Iterable[Digest]) -> None:
        """Drop images that have no name from the index; their blobs stay until `sweep`."""
        doomed = set(digests)
        with self.index.changing() as items:
            items[:] = [item for item in items if item.digest not in doomed or item.name]

    def moves(self, name: Reference | None = None) -> list[TagMove]:
        """The history of a tag, or of all, oldest first, moves by other tools included."""
        moves = self._log.moves(self.tags())
        return moves if name is None else [move for move in moves if move.name == name.with_default_tag()]

    def id_of(self, digest: str) -> Digest | None:
        """The image ID of the image here that has this manifest digest; None for one that was removed."""
        return self.image(Digest(digest)).id if digest in self.index.images() else None

    def undo(self, name: Reference) -> TagMove:
        """Take back a tag's last move that was not taken back yet.

        Raises Conflict when there is none left, and NotFound when the image it pointed to before has been removed.
        """
        name = name.with_default_tag()
        digests = places(self.moves(name))
        if len(digests) < 2:
            raise Conflict(f"{name.familiar} has no move to undo")
        if not (before := digests[-2]):
            return self.unpoint([name], "undo")[0]
        if before not in self.index.images():
            raise NotFound(f"{name.familiar} pointed to {before[:19]} before, and that image has been removed")
        return self.point([name], self.image(Digest(before)), "undo")[0]

    # Sizes of layers' contents, which cost a whole reading to find out ------------------------------------------

    def remember_size(self, diff_id: Digest, files_size: int) -> None:
        """Note how many bytes the files of a layer have."""
        with suppress(FileNotFoundError):  # a sweep may take the file before it has its name
            write_atomically(self.home / "cache" / "size" / diff_id.hex, b"%d" % files_size, durable=False)
        self._sizes[diff_id] = files_size

    def forget_sizes(self, kept: Collection[Digest]) -> None:
        """Drop the notes on layers other than these."""
        for note in [*(self.home / "cache" / "size").iterdir(), *(self.home / "cache" / "wire").glob("*")]:
            if not note.name.startswith(".") and Digest(f"sha256:{note.name}") not in kept:
                note.unlink(missing_ok=True)

    def _files_size(self, layer: Layer) -> int:
        if layer.diff_id not in self._sizes:
            try:
                with open(f"{self.home}/cache/size/{layer.diff_id.hex}") as note:
                    self._sizes[layer.diff_id] = int(note.read())
            except (FileNotFoundError, ValueError):
                self.remember_size(layer.diff_id, sum_of_files(layer.changes()))
        return self._sizes[layer.diff_id]
