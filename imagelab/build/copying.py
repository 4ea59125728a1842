"""COPY and ADD: which files of one tree go where in another.

A `Plan` works it out without reading a file; its `sums` are what the cache compares, its `changes` the layer. A
directory's contents are copied, not the directory; missing parents are made; the owner is 0:0 unless --chown says
otherwise. Links on the way to the destination are followed inside the image and never out of it, also where they lead
to nothing. Links below the destination are not followed: a directory cannot be copied onto a link, and a file replaces
one.

Implements the Dockerfile reference, COPY and ADD, as BuildKit does them (tonistiigi/fsutil, copy.go). ADD also unpacks
a local tar, and downloads what is at a URL (`remote`). Wildcards that match nothing at all are an error, as in Docker's
classic builder.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from e2b_dockerfile_utils import PatternMatcher

from ..errors import Invalid, NotFound
from ..filesystem.entry import Entry, ancestors
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes, Tree, with_parents
from ..filesystem.users import user_of
from ..oci import tar
from ..oci.compression import Allowance, compression_of, expand
from ..oci.digest import Digest
from ..oci.layer import changes_of
from ..store.ingest import LIMIT
from .context import Context, is_pattern, matching
from .remote import Remote

_KINDS = {"dir": "directory", "symlink": "symbolic link"}


@dataclass(frozen=True, slots=True)
class Copy:
    """A COPY or ADD with its variables replaced."""

    sources: tuple[str, ...]
    target: str  # as written; with a '/' at its end it is a directory
    directory: str  # the target as an absolute path in the image
    chown: str
    chmod: str
    exclude: tuple[str, ...]  # patterns
    documents: Mapping[str, str]  # heredocs
    remotes: tuple[Remote, ...]  # files at URLs
    unpacks: bool  # a local tar: ADD
    unpacks_remotes: bool  # a tar from a URL: ADD --unpack
    parents: bool  # the directories that a source names are kept: --parents

    def is_folder(self) -> bool:
        """Whether the target must be a directory, whatever the image has there."""
        return self.target in (".", "..") or self.target.endswith(("/", "/.", "/.."))


class Plan:
    """Which files a COPY or ADD puts where in the tree `into`.

    Raises NotFound for a source that is not there, and Invalid for a destination that it cannot be copied to.
    """

    def __init__(self, copy: Copy, context: Context, into: Tree, mtime: int) -> None:
        self._copy, self._context, self._into, self._mtime = copy, context, into, mtime
        self._entries: dict[str, Entry] = {}  # by destination
        self._origins: dict[str, str] = {}  # destination → path in the context
        self._inodes: dict[int, Entry] = {}  # of one source: its hard links stay links, those between sources do not
        self._owner = _owner(copy.chown, into) if copy.chown else None
        self._mode = _mode(copy.chmod)
        self._excludes = PatternMatcher(list(copy.exclude)).matches if copy.exclude else lambda path: False
        paths = self._paths()
        self._base = into.follow(copy.directory.lstrip("/"))
        in_folder = copy.parents or copy.is_folder() or (self._base in into and into[self._base].kind == "dir")
        self._make_folders(self._base if in_folder else posixpath.dirname(self._base))
        for path in paths:
            self._inodes.clear()
            self._add(path, self._destination(posixpath.basename(path), in_folder))
        for source in copy.sources if copy.parents else ():
            self._inodes.clear()
            self._add_with_parents(source)
        for remote in copy.remotes:
            self._inodes.clear()
            if not copy.unpacks_remotes or not self._unpack(remote.entry, remote.url):
                self._put(self._destination(remote.name, in_folder), remote.entry)
        for name, text in copy.documents.items():
            self._inodes.clear()  # an id is unique only among the entries that are alive
            self._put(self._destination(name, in_folder), Entry.file(text.encode(), mtime=mtime))

    def changes(self) -> Changes:
        """The layer: the copied files, and the directories above them."""
        return with_parents(self._into, Changes(self._entries), self._mtime)

    def sums(self) -> Mapping[str, str]:
        """The sum of each source that the cache compares, by its path in the context."""
        texts = {f"<<{name}": Digest.of(text.encode()).hex for name, text in self._copy.documents.items()}
        remotes = {remote.url: remote.sum for remote in self._copy.remotes}
        return {**self._context.sums(list(self._origins.values())), **texts, **remotes}

    def _paths(self) -> list[str]:
        """The paths in the context that the sources name."""
        copy = self._copy
        if copy.parents:
            return []
        patterns = copy.sources
        paths = [path for pattern in patterns for path in _find(self._context, pattern)]
        if patterns and not paths and not copy.documents and not copy.remotes:
            names, are = ", ".join(map(repr, patterns)), "is" if len(patterns) == 1 else "are"
            raise NotFound(f"{names} {are} not in {self._context.name}: nothing matches, so nothing is copied")
        if len(paths) + len(copy.documents) + len(copy.remotes) > 1 and not copy.is_folder():
            raise Invalid(
                f"with more than one source, the destination must be a folder and end with '/': {copy.target!r}"
            )
        return paths

    def _destination(self, name: str, in_folder: bool) -> str:
        return posixpath.join(self._base, name) if in_folder else self._base

    def _add(self, origin: str, destination: str) -> None:
        """Plan one source: a directory's contents, what a tar for ADD holds, or a file."""
        context, into, base = self._context, self._into, self._base
        path = _resolve(context, origin)
        entry = context.tree[path]
        if entry.kind == "dir":
            if base in into and into[base].kind != "dir":
                raise Invalid(f"cannot copy a directory onto /{base}, which is a {into[base].kind}")
            self._make_folders(base)
            for below in _below(context.tree, path):
                relative = below[len(path) + 1 :] if path else below
                if not self._excludes(relative):
                    self._put(posixpath.join(base, relative), context.tree[below], below)
        elif self._copy.unpacks and self._unpack(entry, f"{path!r} in {context.name}"):
            self._origins[f"{base}//{path}"] = path
        elif not self._excludes(posixpath.basename(path)):
            self._put(destination, entry, path)

    def _unpack(self, entry: Entry, what: str) -> bool:
        """Plan what a tar holds; returns whether the file is one."""
        if (contents := _unpacked(entry, what)) is None:
            return False
        self._make_folders(self._base)
        self._entries |= {posixpath.join(self._base, name): inner for name, inner in contents.entries.items() if name}
        return True

    def _add_with_parents(self, source: str) -> None:
        """Plan what one source of COPY --parents names: `**` is any number of directories, and `/./` begins the path.

        Raises NotFound for a path without wildcards that is not there.
        """
        above, _, below = source.partition("/./") if "/./" in source else ("", "", source)
        pattern = posixpath.normpath(f"/{below}").lstrip("/")
        matches = PatternMatcher([pattern]).matches if pattern else lambda path: True
        tree = self._context.tree
        tops = _find(self._context, above) if above.strip("/.") else [""]
        candidates = [
            (top, posixpath.relpath(path, top) if top else path)
            for top in tops
            for path in _below(tree, top)
        ]  # fmt: skip
        chosen = [(top, path) for top, path in candidates if matches(path)]
        if not chosen and not is_pattern(source):
            raise NotFound(f"{source!r} is not in {self._context.name}: {_why_not(self._context, source, pattern)}")
        for top, path in chosen:
            for part in [*[*ancestors(path)][::-1], path]:
                destination, origin = posixpath.join(self._base, part), posixpath.join(top, part)
                if not self._excludes(part) and (part == path or destination not in self._entries):
                    self._put(destination, tree[origin], origin)

    def _put(self, path: str, entry: Entry, origin: str | None = None) -> None:
        """Plan one file, with the owner and mode that it gets."""
        old = self._entries.get(path) or self._into.get(path)
        if old is not None and (old.kind == "dir") != (entry.kind == "dir"):
            here, what = _KINDS.get(old.kind, old.kind), _KINDS.get(entry.kind, entry.kind)
            raise Invalid(f"cannot copy a {what} onto /{path}, which is a {here}: remove it first, or copy elsewhere")
        if (new := self._inodes.get(id(entry))) is None:
            mode = entry.mode if self._mode is None or entry.kind == "symlink" else self._mode
            uid, gid = self._owner or (entry.uid, entry.gid)
            new = self._inodes[id(entry)] = replace(entry, mode=mode, uid=uid, gid=gid)
        self._entries[path] = new
        if origin is not None:
            self._origins[path] = origin

    def _make_folders(self, path: str) -> None:
        self._entries |= _missing(self._into, path, self._owner or (0, 0), self._mtime)


def folder_changes(into: Tree, path: str, owner: tuple[int, int], mtime: int) -> Changes:
    """The changes that make a directory, and those above it, where they are missing: WORKDIR.

    Raises Invalid where something else is in its place.
    """
    real = into.follow(path.lstrip("/"))
    if real in into and into[real].kind != "dir":
        raise Invalid(f"{path!r} is a {into[real].kind}, not a directory")
    return with_parents(into, Changes(_missing(into, real, owner, mtime)), mtime)


def _missing(into: Tree, path: str, owner: tuple[int, int], mtime: int) -> dict[str, Entry]:
    """A directory and those above it that are not there yet; a file in the place of one is an error of `apply`."""
    entry = Entry.dir(uid=owner[0], gid=owner[1], mtime=mtime)
    return {directory: entry for directory in [path, *ancestors(path)] if directory and directory not in into}


def _owner(chown: str, tree: Tree) -> tuple[int, int]:
    uid, gid = user_of(chown, tree)
    return (uid, uid) if chown.isdigit() else (uid, gid)


def _mode(chmod: str) -> int | None:
    if not chmod:
        return None
    if not chmod.isdigit() or any(c in "89" for c in chmod) or int(chmod, 8) > 0o7777:
        raise Invalid(f"--chmod={chmod}: write the mode in octal, such as 0755")
    return int(chmod, 8)


def _find(context: Context, word: str) -> list[str]:
    """The paths that a source names: one, or all that match its wildcards, perhaps none."""
    pattern = posixpath.normpath("/" + word).lstrip("/")  # '..' cannot leave the context
    try:
        if (paths := matching(context.tree, pattern)) or is_pattern(pattern):
            return paths
    except NotFound:
        pass
    except ValueError as error:
        raise Invalid(str(error)) from None
    raise NotFound(f"{word!r} is not in {context.name}: {_why_not(context, word, pattern)}")


def _resolve(context: Context, path: str) -> str:
    """The real path of a source, links followed."""
    try:
        return context.tree.resolve(path)
    except NotFound:
        raise NotFound(f"{path!r} is not in {context.name}: {_why_not(context, path, path)}") from None


def _why_not(context: Context, word: str, pattern: str) -> str:
    if ".." in word.split("/"):
        return "COPY cannot reach files outside of it"
    if pattern in context.skipped:
        return "it is a socket, which a layer cannot contain"
    for path in [pattern, *ancestors(pattern)]:
        if path in context.tree and context.tree[path].kind == "symlink":
            return f"the symbolic link {path!r} leads to {context.tree[path].link!r}, which is not in it"
    return "is it misspelt, or left out by .dockerignore?"


def _below(tree: Tree, path: str) -> Iterator[str]:
    for child in tree.children(path):
        yield child
        yield from _below(tree, child)


def _unpacked(entry: Entry, what: str) -> Changes | None:
    """The files in a local tar given to ADD, compressed or not; None for a file that is not a tar."""
    head = _first(entry.chunks())
    if not compression_of(head) and not (head.strip(b"\0") and tar.is_header(head[: tar.BLOCK])):
        return None
    copy = tempfile.NamedTemporaryFile(prefix="imagelab-add-")  # noqa: SIM115 - entries read it later
    for piece in entry.chunks():
        copy.write(piece)
    copy.flush()
    with open(copy.name, "rb") as file:
        try:
            head = _first(expand(pieces_of(file), Allowance(LIMIT), what))
        except Invalid:  # it only looks compressed: copy the file itself
            return None
    if not tar.is_header(head[: tar.BLOCK]):
        return None
    return changes_of(lambda: open(copy.name, "rb"), what, Allowance(LIMIT, entries=1 << 62))


def _first(pieces: Iterator[bytes]) -> bytes:
    """The start of a stream, enough to recognise a tar or a compression."""
    head = b""
    while len(head) < tar.BLOCK and (piece := next(pieces, b"")):
        head += piece
    return head
