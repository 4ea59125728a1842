"""The files of an image archive: staged on disk in the order they come, and looked up by path.

An archive is a tar, in any order, or the folder of an OCI layout. Nothing in it is trusted: every file is written
beside the store and hashed, and every claim about it (its digest, size or diffID) is compared with what was computed.

Names and links lead to other files of the archive and nowhere else, as in moby's image/tarexport, which unpacks the
archive into a folder that it makes its root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import Invalid
from ..filesystem.entry import climbs, from_root, parent_of
from ..filesystem.streams import pieces_of
from ..filesystem.tree import MAX_LINKS, MAX_STEPS
from ..oci import tar
from ..oci.compression import Allowance, expand
from ..oci.digest import Digest
from ..oci.manifest import Json
from ..store.ingest import Staged, stage
from ..store.store import Store

_STAGED = 448  # bytes that one file of an archive takes in memory, over those of an entry; see Allowance

Member = tuple[str, Iterator[bytes] | str]  # its name, and its bytes or, for a link, the other name


class Missing(Invalid):
    """A file that a table of contents names and the archive does not hold."""


def members_of_tar(file: BinaryIO, allowance: Allowance) -> Iterator[Member]:
    """The files and links of a tar, compressed or not; raises Invalid as `tar.Reader` does."""
    reader = tar.Reader(expand(pieces_of(file), allowance, "the archive"), "the archive")
    for member in reader:
        allowance.take_entry(_STAGED + len(member.name) + len(member.link))
        name = from_root(member.name, what="the archive: the name")
        if not name:
            continue
        if member.kind == "file":
            yield name, reader.content()
        elif member.kind == "symlink":  # docker before 25 writes a repeated layer as a link
            yield name, member.link
        elif member.kind is None:
            yield name, "/" + from_root(member.link, what="the archive: the hard link")
    reader.drain()


def members_of_folder(folder: Path, allowance: Allowance) -> Iterator[Member]:
    """The files of an OCI layout's folder; raises Invalid for a folder that is none."""
    paths = [folder / "oci-layout", folder / "index.json", *sorted((folder / "blobs" / "sha256").glob("*"))]
    if not paths[0].is_file() or not paths[1].is_file():
        raise Invalid(
            f"{str(folder)!r} is not an OCI layout: it lacks 'oci-layout' or 'index.json'{_what_to_do(folder)}"
        )
    for path in paths:
        allowance.take_entry(_STAGED)
        if path.is_symlink() or not path.is_file():
            raise Invalid(f"{str(path)!r} is not a plain file, and an OCI layout has only such")
        with open(path, "rb") as file:
            yield path.relative_to(folder).as_posix(), pieces_of(file)


def _what_to_do(folder: Path) -> str:
    if (folder / "manifest.json").is_file():
        return f"; it looks like an unpacked archive of docker save: pack it again (tar -C {folder} -cf FILE .)"
    inside = next(iter(sorted(folder.glob("*/oci-layout"))), None)
    return f"; there is a layout in {str(inside.parent)!r}: load that folder" if inside else ""


class Archive:
    """All files of an archive, staged. Of two with one name the last counts, as in any tar."""

    def __init__(self, store: Store, members: Iterable[Member], allowance: Allowance) -> None:
        self._allowance = allowance
        self._files: dict[str, Staged] = {}
        self._links: dict[str, str] = {}
        self._json: dict[str, bytes] = {}  # read once, however many names lead to it
        for name, content in members:
            place = self._real(name, follow_last=False)
            self._files.pop(place, None)
            self._links.pop(place, None)
            if isinstance(content, str):
                self._links[place] = content
            else:
                self._files[place] = stage(store, content, allowance, f"{name!r} in the archive")

    def _real(self, path: str, *, follow_last: bool) -> str:
        """The path with the archive's own symbolic links followed; "" for a loop of them."""
        if not self._links:
            return path
        todo, here, hops, steps = path.split("/")[::-1], list[str](), 0, 0
        while todo and hops <= MAX_LINKS and steps < MAX_STEPS:
            steps += 1
            part = todo.pop()
            if part == "..":
                del here[-1:]
            elif part not in ("", "."):
                here.append(part)
                link = self._links.get("/".join(here))
                if link is not None and (todo or follow_last):
                    hops += 1
                    here = [] if link.startswith("/") else here[:-1]
                    todo.extend(reversed(link.split("/")))
        self._allowance.take_entry(steps - path.count("/") - 1)  # a walk through many links takes time
        return "" if todo else "/".join(here)

    def __contains__(self, path: str) -> bool:
        return self._real(path, follow_last=True) in self._files

    def tops(self, name: str) -> list[str]:
        """The folders of the archive in which there is a file of this name, sorted."""
        return sorted(parent_of(path) for path in self._files if path.endswith("/" + name))

    def file(self, name: object, what: str) -> tuple[str, Staged]:
        """The file at a path that a table of contents gives; raises Missing, and Invalid for what is no such path."""
        if not isinstance(name, str):
            raise Invalid(f"{what} is named by {str(name)[:80]!r}, which is not a path")
        if climbs(name):
            raise Invalid(f"{what} is named by {name!r}, whose '..' leads out of the archive")
        path = self._real(from_root(name, what=what), follow_last=True)
        if path not in self._files:
            raise Missing(f"{what} should be at {name!r} in the archive, and is not there")
        return path, self._files[path]

    def json(self, name: object, what: str) -> bytes:
        """The bytes of a file that should be JSON; raises as `file`, and Invalid for over 4 MiB."""
        path, staged = self.file(name, what)
        if path not in self._json:
            self._json[path] = staged.read(what)
        data = self._json[path]  # the caller parses it, which takes memory and time each time
        self._allowance.take_entry(len(data) + 16 * sum(map(data.count, (b",", b"[", b"{"))))
        return data

    def blob(self, descriptor: Json, what: str) -> tuple[str, Staged]:
        """The file that a descriptor names, its digest and size compared; raises Missing and Invalid."""
        digest = Digest.parse(descriptor.get("digest"), f"{what}: the digest")
        path, staged = self.file(f"blobs/sha256/{digest.hex}", what)
        staged.check(descriptor, what)
        return path, staged

    def json_blob(self, descriptor: Json, what: str) -> bytes:
        """The bytes of a manifest, index or config that a descriptor names; raises as `blob` and `json`."""
        self.blob(descriptor, what)
        return self.json(f"blobs/sha256/{Digest(descriptor['digest']).hex}", what)
