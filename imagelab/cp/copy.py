"""Copy files into a container and out of it, as `docker cp`: links stay links, modes and times are kept.

`landing` decides where a copy lands; `host.root` resolves paths inside the container.

Follows docker/cli's container/cp.go and moby's daemon/archive.go, 20.10.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

from ..errors import Conflict, Invalid, NotFound
from ..filesystem.entry import Entry, Gone, order, parent_of
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes, Tree
from ..host.disk import scan, walk
from ..host.root import Bind, Root
from ..host.snapshot import PRIVILEGED
from ..oci.compression import Allowance, expand
from ..oci.layer import content_in, pack, read_changes
from ..oci.tar import Reader
from .landing import (
    NoSuchPath,
    NotAFolder,
    Place,
    absolute,
    base,
    landing,
    local_source,
    local_target,
    renamed,
    says_folder,
    split,
)  # fmt: skip

Stream = str | os.PathLike[str] | BinaryIO
Owner = tuple[int, int]  # uid, gid


def copy_out(root: Root, tree: Callable[[], Tree], path: str, to: Stream, *, follow: bool = False) -> None:
    """Copy what is at a path of a container to this machine, or as a tar to a stream; with `follow`, a link's target.

    `tree` gives the merged files with their owners. Raises NotFound for a path or a directory that is not there, and
    Conflict where a file is in a folder's way.
    """
    target = local_target(os.fspath(to)) if isinstance(to, str | os.PathLike) else None
    name = ""
    if not path:
        raise Invalid("bad parameter: path cannot be empty")
    kind, real = _look(root, path)
    if follow and kind == "symlink":
        path, name = renamed(path, f"/{root.place(absolute(path, '/'))}")
        kind, real = _look(root, path)
    if not kind:
        raise NoSuchPath(path)
    entries = _below(root, tree, posixpath.normpath(f"/{real}").lstrip("/"), path)
    source = Place(absolute(path, "/"), is_folder=kind == "dir", name=name)
    if target is None:
        assert not isinstance(to, str | os.PathLike)
        top = base(source.path) if base(source.path) not in ("/", ".") else ""
        pack(Changes({"/".join(filter(None, (top, below))): entry for below, entry in entries.items()}), to.write)
        return
    folder, new_name = landing(source, target)
    top = new_name or name or base(source.path)
    if top in ("/", ".") and os.path.islink(posixpath.normpath(folder)):  # docker writes into it, but not over it
        raise Conflict(f"cannot overwrite {folder!r}, which is a link, with a directory: name the folder it leads to")
    os.makedirs(folder, exist_ok=True)  # of `new/.`
    _write(Root(Path(folder).resolve()), "/", top, entries, lambda entry: None)


def copy_in(root: Root, source: Stream, path: str, *, owner: Owner | None = None, follow: bool = False) -> None:
    """Copy a file or folder of this machine, or what a stream's tar holds, into a container's root folder.

    The files keep their owners, unless `owner` is given. Raises NotFound for a source or a directory that is not there,
    and Conflict where a file is in a folder's way.
    """
    target = _target(root, path)
    with ExitStack() as opened:
        if isinstance(source, str | os.PathLike):
            place = local_source(os.fspath(source), follow)
            folder, name = landing(place, target)
            name = name or place.name or split(place.path)[1]
            content = Changes(_from_disk(place))
        else:
            if not target.is_folder:
                raise NotAFolder(path)
            folder, name = target.path, "."
            content = _from_tar(source, opened)
        real = root.place(absolute(folder, "/"))
        if root.mounted_at(real).readonly:
            what = "mounted volume" if root.mounted_at(real).target else "container rootfs"
            raise Conflict(f"{what} is marked read-only")
        kind = _kind(root, real)
        if not kind:
            raise NoSuchPath(folder)
        if kind != "dir":
            raise NotFound(f"{folder!r} is not a directory in the container")
        for above in {parent_of(below) for below in content.entries} - content.entries.keys() - {""}:
            root.make_folders(f"/{real}/{above}")  # a tar need not name the folders that its files are in
        _write(root, f"/{real}", name, content.entries, lambda entry: _owner(entry, owner))
        for below, other in content.links.items():  # to files that were there before
            root.link(f"/{real}/{below}", f"/{real}/{other}")


def _owner(entry: Entry, owner: Owner | None) -> Owner | None:
    """The owner to set; None for an ordinary user, who cannot set one."""
    return (owner or (entry.uid, entry.gid)) if PRIVILEGED else None


def _look(root: Root, path: str) -> tuple[str, str]:
    """What is at a path of a container, "" for nothing, and its real path, in which a last link is not followed."""
    whole = absolute(path, "/")
    above, _, last = whole.rpartition("/")
    real = posixpath.join(root.place(above), last)
    kind = _kind(root, real)
    if kind not in ("", "dir") and says_folder(whole):
        raise NotFound(f"{path!r} is not a directory in the container")
    return kind, real


def _kind(root: Root, real: str) -> str:
    """What is at a real path, "" for nothing; raises NotFound where a file is in the way."""
    try:
        return root.kind(real, follow=False)
    except NotFound as error:
        if str(error).endswith("not a directory"):
            raise
        return ""


def _target(root: Root, path: str) -> Place:
    """Where in a container something is to go, links followed, also one that leads to nothing."""
    try:
        kind, _ = _look(root, path) if path else ("", "")  # as in docker, no path means no look-up
        if kind == "symlink":
            path = f"/{root.place(absolute(path, '/'))}"
            kind, _ = _look(root, path)
    except NotFound:  # a file where a folder should be: what comes of it is seen when it is written
        kind = ""
    return Place(path, exists=bool(kind), is_folder=kind == "dir")


def _below(root: Root, tree: Callable[[], Tree], place: str, path: str) -> Mapping[str, Entry]:
    """What is at a real path and below it, by paths relative to it; "" is itself. What is mounted there counts."""
    bind = root.mounted_at(place)
    above = f"{place}/" if place else ""
    if bind.target:
        below = _mounted(bind, place[len(bind.target) + 1 :])
    else:
        merged = tree()
        below = {p[len(above) :]: entry for p, entry in merged.items() if p.startswith(above) and p}
        below |= {"": merged[place]} if place in merged else {}
    if "" not in below:
        raise NoSuchPath(path)
    for inner in root.binds.values():  # those of outer directories come first
        if inner.target.startswith(above) and inner is not bind:
            at = inner.target[len(above) :]
            below = {p: entry for p, entry in below.items() if p != at and not p.startswith(f"{at}/")}
            below |= {f"{at}/{p}".rstrip("/"): entry for p, entry in _mounted(inner, "").items()}
    return below


def _mounted(bind: Bind, place: str) -> dict[str, Entry]:
    """What is mounted, from a place in it on, by paths relative to that."""

    def outside(path: str) -> Literal["", "skip", "look inside"]:
        if not place or f"{path}/".startswith(f"{place}/"):
            return ""
        return "look inside" if place.startswith(f"{path}/") else "skip"

    is_folder = os.path.isdir(bind.source)
    if not place:
        return {**_from_disk(Place(bind.source, is_folder=is_folder), live=True)}
    entries = scan(bind.source, walk(bind.source, leave_out=outside), live=True).entries
    start = len(place) + 1
    return {path[start:]: entry for path, entry in entries.items() if f"{path}/".startswith(f"{place}/")}


def _from_disk(place: Place, *, live: bool = False) -> Mapping[str, Entry]:
    path = Path(place.path)
    info = os.lstat(place.path)
    if stat.S_ISSOCK(info.st_mode):
        raise Invalid(f"{place.path!r} is a socket: sockets cannot be copied")
    top = scan(path.parent, [(path.name, info)]).entries[path.name] if path.name else Entry.dir()
    return {"": top, **(scan(path, live=live).entries if place.is_folder else {})}


def _from_tar(stream: BinaryIO, opened: ExitStack) -> Changes:
    """What a tar holds, which may be compressed; names that begin with '/' are relative all the same."""
    spool = opened.enter_context(tempfile.NamedTemporaryFile(prefix="imagelab-cp-"))  # noqa: SIM115
    for piece in expand(pieces_of(stream), Allowance(), "the tar"):
        spool.write(piece)
    spool.flush()

    def open_spool() -> BinaryIO:
        return open(spool.name, "rb")

    with open_spool() as tar:
        members = (replace(member, name=member.name.lstrip("/")) for member in Reader(pieces_of(tar), "the tar"))
        changes = read_changes(members, content_in(open_spool), Allowance(), "the tar", inside=True)
    if changes.removed or changes.opaque:
        raise Invalid("a name in the tar starts with '.wh.', which means a removal in a layer: no file may have it")
    return changes


def _write(
    root: Root, folder: str, name: str, entries: Mapping[str, Entry], owned: Callable[[Entry], Owner | None]
) -> None:
    """Write entries to a folder of a root, under a name; folders get their modes and times when they are full."""
    written: dict[int, str] = {}
    folders: list[tuple[str, Entry]] = []
    for below in sorted(entries, key=order):
        entry = entries[below]
        path = posixpath.normpath("/".join(["", folder, name, below]))
        if entry.kind == "file" and (first := written.setdefault(id(entry), path)) != path:
            root.link(path, first)  # hard links stay hard links
            continue
        try:
            root.write(path, replace(entry, mode=entry.mode | 0o700) if entry.kind == "dir" else entry, owned(entry))
        except Gone:
            if not below:
                raise
            continue  # a file deeper down that went away is left out
        if entry.kind == "dir" and (below or name != "."):
            folders.append((path, entry))
    for path, entry in reversed(folders):
        root.describe(path, entry, owned(entry))
