"""Blobs: content-addressed storage, each blob written whole or not at all.

`blobs/sha256/<hex>` holds the bytes whose SHA-256 is <hex>. A blob is hashed as it is written into a temporary file,
flushed to the disk, and only then renamed to its digest; a power cut leaves a temporary file at worst.

Every writer works inside a lease: a folder of its own under `tmp/`, locked for as long as its process lives. `sweep`
deletes only blobs older than the oldest living lease, so it never takes one that is about to be referred to.

Implements the blobs of the OCI image-spec, image-layout.md; the contract follows umoci's `oci/cas`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ..errors import Invalid, NotFound
from ..host.locks import Lock
from ..oci.digest import Digest

MAX_JSON = 4 << 20  # bytes in a manifest, config or index, as containerd and registries limit them


class Blobs:
    """The blobs of one layout, shared by any number of processes."""

    def __init__(self, home: Path, lock: Lock) -> None:
        self._folder = str(home / "blobs" / "sha256")
        self._tmp = home / "tmp"
        self._lock = lock
        self._lease: Path | None = None
        self._holders = 0
        self._guard = threading.Lock()

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or would be."""
        return Path(self._folder, digest.hex)

    def __contains__(self, digest: object) -> bool:
        return isinstance(digest, Digest) and os.path.exists(f"{self._folder}/{digest.hex}")

    def __iter__(self) -> Iterator[Digest]:
        for item in os.scandir(self._folder):
            if len(item.name) == 64:
                yield Digest("sha256:" + item.name)

    def size(self, digest: Digest) -> int:
        """The blob's size in bytes; raises NotFound where it is not stored."""
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            raise _gone(digest) from None

    def open(self, digest: Digest) -> BinaryIO:
        """A file to read the blob from, which the caller closes; raises NotFound where it is not stored.

        The bytes are not hashed again; `gc.verify` does that.
        """
        try:
            return open(f"{self._folder}/{digest.hex}", "rb")
        except FileNotFoundError:
            raise _gone(digest) from None

    def read(self, digest: Digest) -> bytes:
        """The bytes of a manifest or config; raises NotFound, and Invalid for a blob over 4 MiB."""
        with self.open(digest) as file:
            data = file.read(MAX_JSON + 1)
        if len(data) > MAX_JSON:
            raise Invalid(f"{digest.short} has more than {MAX_JSON:,} bytes, too many for a manifest or config")
        return data

    def put(self, data: bytes) -> Digest:
        """Store bytes and return their digest. Idempotent: no error means that they are stored, by whomever."""
        with self.lease():
            temporary = self.temporary()
            temporary.write_bytes(data)
            return self._settle(temporary, Digest.of(data))

    @contextmanager
    def writer(self) -> Iterator[Writer]:
        """Write one blob of any size; after the block it is stored under `writer.digest`. Idempotent.

        If the block raises, nothing is stored.
        """
        with self.lease():
            with self.staged() as writer:
                yield writer
            self.settle(writer)

    @contextmanager
    def staged(self, keep: Path | None = None) -> Iterator[Writer]:
        """Write one blob that is stored under its digest only when `settle` is called, in the same lease.

        If the block raises anything but Invalid, the bytes so far stay as the file `keep`, if it is given; if this
        process is killed, `abandoned` finds them by its name.
        """
        writer = Writer(self.temporary(keep.name if keep is not None else ""))
        try:
            yield writer
            writer.finish()
        except BaseException as error:
            if keep is not None and writer.size and not isinstance(error, Invalid):
                writer.finish()
                keep.parent.mkdir(parents=True, exist_ok=True)
                os.replace(writer.path, keep)
            writer.discard()
            raise

    def settle(self, writer: Writer) -> None:
        """Store a staged blob under its digest, atomically. Idempotent."""
        if not writer.settled:
            self._settle(writer.path, writer.digest)
            writer.settled = True

    @contextmanager
    def lease(self) -> Iterator[None]:
        """While the block runs, no blob that it writes is swept, even if nothing refers to it yet. Re-entrant."""
        with self._guard:
            if self._holders == 0:
                lease = self._tmp / os.urandom(16).hex()
                with self._lock:  # a sweep must not meet a lease that is not locked yet
                    lease.mkdir(parents=True)
                    self._lease_lock = Lock(lease / "lock")
                    self._lease_lock.take()
                self._lease = lease
            self._holders += 1
        try:
            yield
        finally:
            with self._guard:
                self._holders -= 1
                if self._holders == 0 and self._lease is not None:
                    self._lease_lock.release()
                    shutil.rmtree(self._lease, ignore_errors=True)
                    self._lease = None

    def workplace(self) -> Path:
        """The folder of the lease that is held now, for temporary files; it is deleted when the lease ends."""
        assert self._lease is not None
        return self._lease

    def temporary(self, name: str = "") -> Path:
        """The path of a new file in the workplace."""
        return self.workplace() / (name + os.urandom(16).hex())

    def abandoned(self, name: str) -> list[Path]:
        """The temporary files of this name that killed processes left."""
        with self._lock:
            return [path for lease in self._tmp.iterdir() if self._is_dead(lease) for path in lease.glob(f"{name}*")]

    def _settle(self, temporary: Path, digest: Digest) -> Digest:
        target = self.path(digest)
        if not target.exists():
            _flush_file(temporary)
        with self._lock:
            if target.exists():
                os.utime(target)  # it counts as new, so that a sweep leaves it to this lease
                temporary.unlink()
            else:
                os.replace(temporary, target)
        return digest

    def sweep(self, live: Collection[Digest]) -> tuple[int, int]:
        """Delete every blob that is not `live` and older than every living lease; returns (blobs, bytes) deleted.

        The folders of dead leases are deleted too. The caller holds the store's lock.
        """
        os.utime(self._tmp)  # the time by this disk's clock, as blobs have it
        newest_allowed = self._tmp.stat().st_mtime_ns
        home = self._tmp.parent
        for torn in [*home.glob(".index.json.*"), *home.glob(".oci-layout.*")]:  # their writers would hold our lock
            torn.unlink(missing_ok=True)
        for lease in self._tmp.iterdir():
            with suppress(FileNotFoundError):  # its owner has just finished
                if lease.is_file():
                    lease.unlink()
                elif self._is_dead(lease):
                    shutil.rmtree(lease, ignore_errors=True)
                else:
                    newest_allowed = min(newest_allowed, (lease / "lock").stat().st_mtime_ns)
        blobs = freed = 0
        for digest in list(self):
            info = self.path(digest).stat()
            if digest not in live and info.st_mtime_ns < newest_allowed:
                self.path(digest).unlink()
                blobs, freed = blobs + 1, freed + info.st_size
        notes = (home / "cache" / folder for folder in ("build", "size", "wire", "pull"))
        for torn in (path for folder in notes for path in folder.glob(".*")):  # of a writer that was killed
            with suppress(FileNotFoundError):
                if torn.stat().st_mtime_ns < newest_allowed:
                    torn.unlink()
        return blobs, freed

    def _is_dead(self, lease: Path) -> bool:
        if lease == self._lease:
            return False
        if not (lease / "lock").exists():
            return True
        lock = Lock(lease / "lock")
        if dead := lock.take(wait=False):
            lock.release()
        return dead


class Writer:
    """One blob being written, and hashed as it is; `size` is in bytes, `digest` is known once it is finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.digest = Digest("")
        self.settled = False
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by finish and discard
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append some bytes; raises OSError as the disk does."""
        self._hash.update(data)
        self.size += len(data)
        view = memoryview(data)
        while view:  # a disk that fills up may take a part first
            view = view[self._file.write(view) :]

    def finish(self) -> None:
        """Close the file and compute the digest; the bytes are flushed to the disk only when it gets its name."""
        self._file.close()
        self.digest = Digest("sha256:" + self._hash.hexdigest())

    def discard(self) -> None:
        """Close the file and delete it."""
        self._file.close()
        self.path.unlink(missing_ok=True)


def _flush_file(path: Path) -> None:
    with open(path, "r+b") as file:
        os.fsync(file.fileno())


def _gone(digest: Digest) -> NotFound:
    return NotFound(
        f"the blob {digest} is not in the store: it was damaged or removed; `imagelab verify` lists what is"
    )
