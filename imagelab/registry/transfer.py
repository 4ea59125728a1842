"""What a push or a pull moved: every blob with its fate, and every request that was made.

A `Transfer` is the result of `push.push` and `pull.pull`; a `Progress` tells of it as it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..oci.digest import Digest
from ..oci.image import Image
from ..shown import Displayed, Listing
from .connection.transport import Request

if TYPE_CHECKING:
    from ..tables import Table

SENT, RECEIVED, EXISTS, MOUNTED, SKIPPED = "sent", "received", "exists", "mounted", "skipped"


@dataclass(frozen=True, slots=True)
class Moved(Displayed):
    """A blob or manifest of a transfer: its names, its bytes on the wire, and what became of it.

    `kind` is layer, config, manifest or index. A layer has two names: `diff_id`, of its tar, and `digest`, of the bytes
    that travel. The `verdict` is sent, received, exists (the other side has it), mounted (the registry took it over
    from its repository `mounted_from`), or skipped (it is fetched elsewhere, or of another platform).
    """

    kind: str
    diff_id: Digest | None
    digest: str
    size: int
    verdict: str
    mounted_from: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What happens to a layer, or a manifest: `done` of `total` bytes have moved.

    `state` is one of: waiting, began (the layer's turn has come), moving, moved (all bytes have), kept (in the store or
    the registry), exists, mounted.
    """

    kind: str
    diff_id: Digest | None
    digest: str
    state: str
    done: int = 0
    total: int = 0
    mounted_from: str = ""


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Transfer(Displayed):
    """What a push or a pull did; `table()` has a row for each blob.

    `name` is what was pushed or pulled, `digest` that of the manifest or index there, `image` the lab's own; `requests`
    are those that were answered, in order. `status` says of a pull whether the name leads to another image now.
    """

    verb: str
    name: str
    digest: Digest
    image: Image | None
    blobs: tuple[Moved, ...]
    requests: tuple[Request, ...]
    newer: bool = False

    @property
    def moved(self) -> int:
        """How many blobs and manifests travelled."""
        return self._count(SENT, RECEIVED)

    @property
    def skipped(self) -> int:
        """How many did not need to."""
        return self._count(EXISTS, SKIPPED)

    @property
    def mounted(self) -> int:
        """How many the registry took over from another of its repositories."""
        return self._count(MOUNTED)

    @property
    def bytes(self) -> int:
        """Bytes of all bodies on the wire, those of questions and errors too."""
        return sum(request.sent + request.received for request in self.requests)

    def _count(self, *verdicts: str) -> int:
        return sum(blob.verdict in verdicts for blob in self.blobs)

    def table(self) -> Table:
        """A row for each blob: a pandas DataFrame with whole digests and sizes in bytes."""
        return Listing(self.blobs, "blobs").table()

    def log(self) -> Listing[Request]:
        """The requests as a list that shows as a table."""
        return Listing(self.requests, "requests")

    def __repr__(self) -> str:
        return f"<Transfer {self.verb} {self.name}: {self.summary}>"

    @property
    def summary(self) -> str:
        """The totals in words."""
        return f"{self.moved} moved, {self.skipped} skipped, {self.mounted} mounted, {self.bytes:,} bytes"


def silent(progress: Progress) -> None:
    """A Report that nobody reads."""
