"""Layers: tar archives of changes, each with two digests.

`diff_id` is the digest of the uncompressed tar, `digest` that of the blob as stored; they differ when the blob is
compressed. Both names are the specification's, as in go-containerregistry's `v1.Layer`.

`pack` turns Changes into tar bytes, `read_changes` turns tar bytes into Changes, and a `Layer` is one stored blob.

Implements the OCI image-spec, layer.md (whiteouts, opaque directories), and docker's order of entries.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from io import BytesIO
from itertools import chain
from typing import BinaryIO

from ..errors import Invalid, NotFound
from ..filesystem.entry import Content, Entry, Gone, clean, climbs, from_root, order, parent_of
from ..filesystem.streams import CHUNK, pieces_of
from ..filesystem.tree import Changes
from ..shown import Displayed
from . import tar
from .compression import MAGIC, Allowance, compression_of, expand
from .digest import Digest

WHITEOUT = ".wh."  # an empty file `.wh.x` removes x of the layers below
OPAQUE = ".wh..wh..opq"  # an empty file of this name removes what the layers below have in its directory
AUFS = ".wh..wh."  # other names that start so are metadata of the AUFS storage driver: ignored

MAX_DEPTH = 512  # directories in one path

TAR = "application/vnd.oci.image.layer.v1.tar"
TAR_GZIP = TAR + "+gzip"
TAR_ZSTD = TAR + "+zstd"


def pack(changes: Changes, write: Callable[[bytes], object], *, clamp: int | None = None) -> int:
    """Write the changes as a tar, in about 1 MiB at a time; returns the bytes in regular files, each inode once.

    Entries come directory by directory, whiteouts before their siblings; a file's further names become hard links
    to the first. No time is later than `clamp` (seconds since 1970), if given. The same changes give the same
    bytes everywhere. A file of a running container that has gone is left out. Raises Invalid for a name that only a
    whiteout may have, and for a file that changed while it was read.
    """
    plan: list[tuple[str, str, Entry | None, str | None]] = []  # sort key, name, what, hard link to
    for path, entry in changes.entries.items():
        if WHITEOUT in path and posixpath.basename(path).startswith(WHITEOUT):
            raise Invalid(
                f"{path!r}: a name that starts with '.wh.' means a removal in a layer, so no file may have it"
            )
        plan.append((order(path), path or ".", entry, None))
    plan += [(order(path), path, None, target) for path, target in changes.links.items()]
    for path in changes.removed:
        parent, name = posixpath.split(path)
        plan.append((_first_in(parent, name), posixpath.join(parent, WHITEOUT + name), None, None))
    for path in changes.opaque:
        plan.append((_first_in(path, ""), posixpath.join(path, OPAQUE), None, None))
    plan.sort(key=lambda step: step[0])

    first_name: dict[int, str] = {}
    waiting: list[bytes] = []
    waiting_size = total = 0
    for _, name, inode, target in plan:
        entry = inode or Entry("file", 0 if target is None else 0o644)
        if inode and inode.kind != "dir":
            target = first_name.get(id(inode), target)
        chunks: Iterator[bytes] = iter(())
        if entry.size and target is None:
            chunks = entry.chunks()
            try:
                chunks = chain([next(chunks)], chunks)
            except Gone:
                continue
        if inode and inode.kind != "dir":
            first_name.setdefault(id(inode), name)
        waiting.append(tar.header(name, entry, hard_link_to=target, clamp=clamp))
        waiting_size += len(waiting[-1])
        if entry.size and target is None:
            total += entry.size
            for chunk in chunks:
                waiting.append(chunk)
                waiting_size += len(chunk)
                if waiting_size >= CHUNK:
                    write(b"".join(waiting))
                    waiting, waiting_size = [], 0
            waiting.append(tar.padding(entry.size))
        if waiting_size >= CHUNK:
            write(b"".join(waiting))
            waiting, waiting_size = [], 0
    write(b"".join([*waiting, tar.END]))
    return total


def _first_in(parent: str, name: str) -> str:
    """A sort key that puts a whiteout before every sibling."""
    return (order(parent) + "\0" if parent else "") + "\1" + name


def read_changes(
    reader: Iterable[tar.Member], content: Callable[[int, int], Content] | None, allowance: Allowance,
    what: str = "layer", *, inside: bool = False,
) -> Changes:  # fmt: skip
    """The changes that a layer's tar describes; `content(offset, size)` gives a way to read a file's bytes later.

    Accepts what real builders write, however odd: names such as `./a`, `/a` and `b/../a` (see `from_root`), children
    before parents, a name twice (the last one counts), AUFS metadata. A symbolic link's target is kept as it is, and
    resolved inside the root when it is followed. Raises Invalid for a root that is not a directory, a whiteout without
    a name, and more entries than allowed; with `inside`, also for names and links that lead out of the tar by '..', as
    docker cp refuses them.
    """
    entries: dict[str, Entry] = {}
    aufs: dict[str, Entry] = {}
    links: dict[str, str] = {}
    removed: set[str] = set()
    opaque: set[str] = set()
    directories = {""}
    for member in reader:
        remembered = len(member.name) + len(member.link)
        if member.xattrs:
            remembered += sum(128 + len(key) + len(value) for key, value in member.xattrs.items())
        allowance.take_entry(remembered)
        path = from_root(member.name, what=f"{what}: the name")
        if inside:
            _check_inside(path, member, what)
        if path.count("/") >= MAX_DEPTH:
            raise Invalid(f"{what}: {path[:80]!r}… lies more than {MAX_DEPTH} directories deep")
        parent = parent_of(path)
        while parent not in directories:  # those that the layer does not describe take memory too
            directories.add(parent)
            allowance.take_entry(len(parent))
            parent = parent_of(parent)
        if not path and member.kind != "dir":
            raise Invalid(f"{what}: the root directory is described as something else ({member.name!r})")
        into = entries
        if member.kind == "dir":
            directories.add(path)
        if WHITEOUT in path:
            parent, base = posixpath.split(path)
            if base == OPAQUE:
                opaque.add(parent)
                continue
            if any(part.startswith(AUFS) for part in path.split("/")):
                into = aufs  # nothing of these is in the image, but a hard link may point to one
            elif any(part.startswith(WHITEOUT) for part in parent.split("/")):
                raise Invalid(f"{what}: {path!r} lies in a directory whose name means a removal")
            elif base.startswith(WHITEOUT):
                name = base.removeprefix(WHITEOUT)
                if name in ("", ".", ".."):
                    raise Invalid(f"{what}: the whiteout {path!r} names nothing that could be removed")
                removed.add(posixpath.join(parent, name))
                continue
        links.pop(path, None)
        if member.kind is None:
            target = from_root(member.link, what=f"{what}: {path!r} is a hard link whose target")
            inode = entries.get(target) or aufs.get(target)
            if inode is not None and inode.kind == "dir":
                raise Invalid(
                    f"{what}: {path!r} is a hard link to the directory {target!r}; only files can have two names"
                )
            if inode is None:
                entries.pop(path, None)
                links[path] = target
            elif target != path:
                entries.pop(path, None)
                into[path] = inode
            continue
        if member.kind == "symlink" and (not member.link or "\0" in member.link):
            raise Invalid(f"{what}: the symbolic link {path!r} has an empty or damaged target")
        entries.pop(path, None)
        into[path] = Entry(
            member.kind, member.mode, member.uid, member.gid, member.mtime, member.size,
            member.link if member.kind == "symlink" else "", member.device, member.xattrs,
            content(member.offset, member.size) if content and member.size else None,
        )  # fmt: skip
    return Changes(entries, frozenset(removed), frozenset(opaque), links)


def _check_inside(path: str, member: tar.Member, what: str) -> None:
    """Refuse what moby's archive.Unpack refuses where a tar is unpacked into a folder that is not the root."""
    names = [member.name, *([member.link] if member.kind is None else [])]
    if member.kind == "symlink":
        names.append(posixpath.join(parent_of(path), member.link))
    for name in names:
        if not name.startswith("/") and climbs(name):
            link = f" → {member.link!r}" if member.link else ""
            raise Invalid(f"{what}: {member.name!r}{link} leads out of it with '..'")


def changes_of(open_tar: Callable[[], BinaryIO], what: str, allowance: Allowance | None = None) -> Changes:
    """The changes that a tar outside the store describes, compressed or not; `what` is its name in messages.

    `open_tar` opens it from its start, now and whenever a file's content is read. Raises Invalid as `read_changes`
    does, and for damaged compressed data.
    """
    allowance = allowance or Allowance(entries=1 << 62)
    with open_tar() as file:
        if compression_of(file.read(MAGIC)):
            file.seek(0)
            plain = tempfile.NamedTemporaryFile(prefix="imagelab-tar-")  # noqa: SIM115 - lives as long as the contents
            for piece in expand(pieces_of(file), allowance, what):
                plain.write(piece)
            plain.flush()

            def open_plain() -> BinaryIO:
                return open(plain.name, "rb")

            open_tar = open_plain
    with open_tar() as file:
        return read_changes(tar.Reader(pieces_of(file), what), content_in(open_tar), allowance, what)


def content_in(open_tar: Callable[[], BinaryIO]) -> Callable[[int, int], Content]:
    """How to read files' contents in an uncompressed tar, by offset and size."""

    def content(offset: int, size: int) -> Content:
        def chunks() -> Iterator[bytes]:
            with open_tar() as file:
                file.seek(offset)
                left = size
                while left and (chunk := file.read(min(left, CHUNK))):
                    left -= len(chunk)
                    yield chunk

        return chunks

    return content


class Layer(Displayed):
    """One stored layer: its two digests, its size in bytes, and ways to read it.

    `size` is that of the blob as stored; `files_size` counts bytes of regular files inside, as docker's SIZE does.
    """

    def __init__(
        self,
        digest: Digest,
        diff_id: Digest,
        size: int,
        media_type: str,
        open_blob: Callable[[], BinaryIO],
        files_size: Callable[[Layer], int] | None = None,
    ) -> None:
        self.digest = digest
        self.diff_id = diff_id
        self.size = size
        self.media_type = media_type
        self._open_blob = open_blob
        self._files_size = files_size or (lambda layer: sum_of_files(layer.changes()))

    @classmethod
    def of(cls, changes: Changes, *, clamp: int | None = None) -> Layer:
        """The layer that these changes make, in memory and in no store; raises Invalid as `pack` does."""
        pieces: list[bytes] = []
        files_size = pack(changes, pieces.append, clamp=clamp)
        data = b"".join(pieces)
        digest = Digest.of(data)
        return cls(digest, digest, len(data), TAR, lambda: BytesIO(data), lambda _: files_size)

    def __repr__(self) -> str:
        return f"<Layer {self.diff_id.short}: {self.files_size} bytes of files in a blob of {self.size}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.digest == other.digest and self.diff_id == other.diff_id

    def __hash__(self) -> int:
        return hash(self.digest)

    def blob(self) -> BinaryIO:
        """The blob as stored, whose digest is `digest`; raises NotFound where it is gone."""
        return self._open_blob()

    @property
    def compressed(self) -> bool:
        """Whether the blob is stored compressed, so that `digest` differs from `diff_id`."""
        return self.digest != self.diff_id

    @property
    def descriptor(self) -> dict[str, object]:
        """How a manifest names this layer: media type, digest and size of the blob (descriptor.md)."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}

    def open(self) -> BinaryIO:
        """The uncompressed tar, seekable, whose digest is `diff_id`; raises NotFound, and Invalid as `expand`."""
        file = self._open_blob()
        head = file.read(MAGIC)
        file.seek(0)
        return self._unpacked(file) if compression_of(head) else file

    def _unpacked(self, blob: BinaryIO) -> BinaryIO:
        """Decompress the blob once, into a temporary file that is deleted with this object."""
        if "_spooled" not in self.__dict__:
            spool = tempfile.NamedTemporaryFile(prefix="imagelab-layer-")  # noqa: SIM115 - lives as long as we do
            with blob:
                for piece in expand(pieces_of(blob), Allowance(), f"layer {self.digest.short}"):
                    spool.write(piece)
            spool.flush()
            self._spooled = spool
        return open(self._spooled.name, "rb")

    def pieces(self) -> Iterator[bytes]:
        """The uncompressed tar in pieces of at most 1 MiB, once from start to end; raises as `open`."""
        with self._open_blob() as file:
            yield from expand(pieces_of(file), Allowance(), f"layer {self.digest.short}")

    @cached_property
    def _changes(self) -> Changes:
        reader = tar.Reader(self.pieces(), f"layer {self.digest.short}")
        return read_changes(reader, content_in(self.open), Allowance(entries=1 << 62), f"layer {self.digest.short}")

    def changes(self) -> Changes:
        """What the layer adds, changes and removes; raises Invalid as `read_changes`."""
        return self._changes

    @cached_property
    def files_size(self) -> int:
        """Bytes in the layer's regular files, each inode once (docker's SIZE of a layer)."""
        return self._files_size(self)

    def read(self, path: str) -> bytes:
        """The bytes of one file as this layer has it; raises NotFound."""
        entry = self._changes.entries.get(clean(path.lstrip("/")))
        if entry is None or entry.kind != "file":
            raise NotFound(f"layer {self.diff_id.short} holds no file {path!r}")
        return entry.read()


def sum_of_files(changes: Changes) -> int:
    """Bytes in the regular files of some changes, each inode once."""
    return sum({id(entry): entry.size for entry in changes.entries.values()}.values())
