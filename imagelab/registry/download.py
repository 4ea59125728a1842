"""Download: the layers of an image, each proved as it arrives, as many at a time as docker fetches.

A layer that the store has does not travel: under its digest, or as the same tar under another one, which is compressed
again where imagelab is known to have made the blob. What came of a layer that broke off is kept in `cache/pull`, or in
the `tmp` of a process that was killed, and the rest is asked for by Range.

Implements the distribution-spec v1.1, "Pulling blobs"; ranges follow RFC 9110.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Invalid
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes
from ..oci.compression import Allowance
from ..oci.digest import Digest
from ..oci.layer import TAR, Layer
from ..oci.manifest import Json
from ..store.ingest import Provable, Staged, settle_layer, stage
from ..store.store import Store
from .client import Client
from .compress import MEDIA_TYPES, compress
from .connection.failure import Stopped, Unreachable
from .connection.transport import part
from .transfer import EXISTS, RECEIVED, Progress, Report
from .wire import WireNotes

AT_ONCE = 3  # as docker's --max-concurrent-downloads
_HOW = {media_type: how for how, media_type in MEDIA_TYPES.items()}


@dataclass(frozen=True, slots=True)
class _Kept:
    """A layer that the store has, and that was proved when it came."""

    diff_id: Digest | None
    changes: Changes | None
    trouble: Invalid | None = None


@dataclass(slots=True)
class Downloads:
    """The blobs of one image, from one repository; `name` is the image's in messages, `limit` bytes when expanded."""

    store: Store
    client: Client
    repository: str
    name: str
    report: Report
    allowance: Allowance

    def layers(self, pairs: Sequence[tuple[Json, Digest]]) -> list[tuple[Provable, str]]:
        """Each layer, given by descriptor and diffID, and whether it travelled; the blobs are stored then.

        Raises Invalid for a layer that is not what it should be, NotFound, Denied, and Unreachable.
        """
        here = {(layer.digest, layer.diff_id): layer for image in self.store.images() for layer in image.layers}
        by_diff_id = {layer.diff_id: layer for layer in here.values()}
        for descriptor, diff_id in pairs:
            state = "exists" if (Digest(descriptor["digest"]), diff_id) in here else "waiting"
            self._tell(descriptor, diff_id, state)
        transport = self.client.transport
        with ThreadPoolExecutor(AT_ONCE, "pull") as pool:
            futures: dict[tuple[str, Digest], Future[tuple[Provable, str]]] = {}
            for number, (descriptor, diff_id) in enumerate(pairs, 1):
                if (key := (descriptor["digest"], diff_id)) not in futures:
                    futures[key] = pool.submit(self._layer, number, descriptor, diff_id, here, by_diff_id)
            try:
                return [futures[descriptor["digest"], diff_id].result() for descriptor, diff_id in pairs]
            except BaseException as first:
                transport.give_up()
                for future in futures.values():
                    future.cancel()
                if isinstance(first, Stopped):
                    errors = (future.exception() for future in futures.values() if not future.cancelled())
                    raise next((one for one in errors if one and not isinstance(one, Stopped)), first) from None
                raise

    def _layer(
        self, number: int, descriptor: Json, diff_id: Digest, here: dict[tuple[Digest, Digest], Layer],
        by_diff_id: dict[Digest, Layer],
    ) -> tuple[Provable, str]:  # fmt: skip
        part.set(number)
        digest = Digest(descriptor["digest"])
        if layer := here.get((digest, diff_id)):
            return _Kept(diff_id, layer.changes()), EXISTS
        if digest in self.store.blobs:  # of a pull that was cut off, or of an image that was removed
            with closing(self.store.blobs.open(digest)) as file, suppress(Invalid):
                staged = self._stage(descriptor, pieces_of(file), diff_id)
                self._tell(descriptor, diff_id, "exists")
                return staged, EXISTS
        if (layer := by_diff_id.get(diff_id)) and (made := self._made_here(descriptor, layer)):
            self._tell(descriptor, diff_id, "exists")
            return made, EXISTS
        self._tell(descriptor, diff_id, "began")
        staged = self._download(descriptor, diff_id)
        self._tell(descriptor, diff_id, "kept", staged.writer.size)
        return staged, RECEIVED

    def _made_here(self, descriptor: Json, layer: Layer) -> Staged | None:
        """The layer's blob made from the same layer under another digest; None where that gives other bytes."""
        how = _HOW.get(descriptor["mediaType"])
        known = WireNotes(self.store).blob(layer.diff_id, descriptor["mediaType"])
        if how is None or (descriptor["mediaType"] != TAR and (known is None or known.digest != descriptor["digest"])):
            return None
        with suppress(Invalid):
            return self._stage(descriptor, compress(layer.pieces(), how), layer.diff_id)
        return None

    def _download(self, descriptor: Json, diff_id: Digest) -> Staged:
        digest, size = Digest(descriptor["digest"]), descriptor["size"]
        partial = self.store.home / "cache" / "pull" / f".{digest.hex}"  # a sweep takes it
        what = f"the layer {digest.short} of {self.name}"

        def arrived(done: int) -> None:
            self._tell(descriptor, diff_id, "moving", done)

        if (before := self._claim(partial)) is not None:
            with suppress(Invalid):  # what was there may be damaged: then all of it is asked for once more
                return self._stage(descriptor, self.pieces(digest, size, what, before, arrived), diff_id, partial)
        return self._stage(descriptor, self.pieces(digest, size, what, None, arrived), diff_id, partial)

    def _claim(self, partial: Path) -> Path | None:
        """What came of a layer in an earlier pull, taken so that no other process uses it too."""
        ours = self.store.blobs.temporary(partial.name)
        left = [path for path in (partial, *self.store.blobs.abandoned(partial.name)) if path.exists()]
        with suppress(FileNotFoundError):  # another process was faster
            os.replace(max(left, key=lambda path: path.stat().st_size, default=partial), ours)
            return ours
        return None

    def _stage(self, descriptor: Json, pieces: Iterator[bytes], diff_id: Digest, keep: Path | None = None) -> Staged:
        """Read a layer, and keep its blob: it has its name only now that digest, size and diffID are right."""
        what = f"the layer {descriptor['digest'][7:19]} of {self.name}"
        staged = stage(self.store, pieces, self.allowance, what, descriptor=descriptor, keep=keep)
        self._tell(descriptor, diff_id, "moved", staged.writer.size)
        if staged.trouble:
            raise staged.trouble
        if staged.changes is None or staged.diff_id != diff_id:
            raise Invalid(f"{what} expands to {staged.diff_id}, but the config says {diff_id}")
        settle_layer(self.store, staged, as_it_came=True)
        return staged

    def pieces(
        self, digest: Digest, size: int, what: str, before: Path | None = None,
        arrived: Callable[[int], None] = lambda done: None,
    ) -> Iterator[bytes]:  # fmt: skip
        """A blob's bytes: those in `before`, and the rest from the registry, in several answers where they break off.

        All that comes is yielded, however much: the reader refuses too many. `arrived` gets how many there were so far.
        Raises Unreachable, also where the registry has fewer than `size`.
        """
        at = failures = 0
        if before is not None:
            with open(before, "rb") as file:
                for piece in pieces_of(file):
                    at += len(piece)
                    yield piece
            before.unlink()
        asked = False
        while at < size or not (asked or at):  # a blob without a byte is asked for once
            began, asked, error = at, True, None
            try:
                answer, start = self.client.blob(self.repository, digest, size, at)
                with closing(answer):
                    for piece in answer.pieces():
                        known = min(len(piece), at - start)  # a server that ignores the Range begins at the beginning
                        start += len(piece)
                        if known < len(piece):
                            at += len(piece) - known
                            yield piece[known:]
                            arrived(at)
            except Unreachable as problem:
                error = problem
            if at >= size:
                return
            failures = 1 if at > began else failures + 1
            if failures >= self.client.transport.limits.attempts:
                raise error or Unreachable(f"{what} should have {size} bytes, but the registry sends only {at}")
            self.client.transport.pause(failures)

    def _tell(self, descriptor: Json, diff_id: Digest, state: str, done: int = 0) -> None:
        self.report(Progress("layer", diff_id, descriptor["digest"], state, done, descriptor["size"]))


class SharedAllowance(Allowance):
    """An allowance that several threads use up."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._guard = threading.Lock()

    def take(self, size: int) -> None:
        """Use up `size` bytes."""
        with self._guard:
            super().take(size)

    def take_entry(self, more: int = 0) -> None:
        """Use up one entry, and another for each 64 bytes more that have to be remembered with it."""
        with self._guard:
            super().take_entry(more)
