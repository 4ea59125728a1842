"""COPY and ADD: which files of one tree go where in another.

`plan` works that out without moving a byte; the plan's `sums` are what the cache compares, its `changes` the layer. A
folder's contents are copied, not the folder; parents that are missing are made; the owner is 0:0 unless --chown says
otherwise. Links on the way to the destination are followed inside the image and never out of it, also where they lead
to nothing; below the destination none is: a folder cannot be copied onto a link, and a file takes a link's place.

Implements the Dockerfile reference, COPY and ADD, as BuildKit does them (tonistiigi/fsutil, copy.go). ADD also unpacks
a local tar. Wildcards that match nothing at all are an error, as in Docker's classic builder.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

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

_KINDS = {"dir": "directory", "symlink": "symbolic link"}


@dataclass(frozen=True, slots=True)
class Request:
    """A COPY or ADD with its variables replaced; `directory` is the destination, absolute in the image."""

    sources: tuple[str, ...]
    target: str
    directory: str
    chown: str
    chmod: str
    exclude: tuple[str, ...]
    documents: Mapping[str, str]
    unpacks: bool


@dataclass(slots=True)
class Plan:
    """Destination path → entry, and where each came from."""

    entries: dict[str, Entry]
    origins: dict[str, str]  # destination path → path in the context
    documents: Mapping[str, str]  # heredocs
    context: Context
    into: Tree
    mtime: int

    def changes(self) -> Changes:
        """The layer: the entries, and the folders above them."""
        return with_parents(self.into, Changes(self.entries), self.mtime)

    def sums(self) -> Mapping[str, str]:
        """What the cache compares, by the paths that the author of the Dockerfile knows."""
        texts = {f"<<{name}": Digest.of(text.encode()).hex for name, text in self.documents.items()}
        return {**self.context.sums(list(self.origins.values())), **texts}


def plan(wanted: Request, context: Context, into: Tree, mtime: int) -> Plan:
    """Work out a COPY or ADD; raises NotFound for a source that is not there, Invalid for a destination that cannot."""
    result = Plan({}, {}, wanted.documents, context, into, mtime)
    owner, mode = _owner(wanted.chown, into) if wanted.chown else None, _mode(wanted.chmod)
    leave_out = PatternMatcher(list(wanted.exclude)) if wanted.exclude else None
    folder = wanted.target.endswith("/") or wanted.target in (".", "..") or wanted.target.endswith(("/.", "/.."))
    patterns = [word for word in wanted.sources if not word.startswith("<<")]
    paths = [path for word in patterns for path in _find(context, word)]
    if patterns and not paths and not wanted.documents:
        are = "is" if len(patterns) == 1 else "are"
        raise NotFound(
            f"{', '.join(map(repr, patterns))} {are} not in {context.name}: nothing matches, so nothing is copied"
        )
    if len(paths) + len(wanted.documents) > 1 and not folder:
        raise Invalid(
            f"with more than one source, the destination must be a folder and end with '/': {wanted.target!r}"
        )
    base = into.follow(wanted.directory.lstrip("/"))
    is_folder = folder or (base in into and into[base].kind == "dir")
    result.entries |= _missing(into, base if is_folder else posixpath.dirname(base), owner or (0, 0), mtime)
    copied: dict[int, Entry] = {}  # of the source at work: its hard links stay that, those between sources do not
    before: set[int] = set()  # of the sources before it

    def put(path: str, entry: Entry, origin: str | None) -> None:
        there = result.entries.get(path) or into.get(path)
        if there is not None and (there.kind == "dir") != (entry.kind == "dir"):
            here, what = _KINDS.get(there.kind, there.kind), _KINDS.get(entry.kind, entry.kind)
            raise Invalid(f"cannot copy a {what} onto /{path}, which is a {here}: remove it first, or copy elsewhere")
        made = copied.get(id(entry))
        if made is None:
            bits = entry.mode if mode is None or entry.kind == "symlink" else mode
            uid, gid = owner or (entry.uid, entry.gid)
            same = (bits, uid, gid) == (entry.mode, entry.uid, entry.gid) and id(entry) not in before
            made = copied[id(entry)] = entry if same else replace(entry, mode=bits, uid=uid, gid=gid)
        result.entries[path] = made
        if origin is not None:
            result.origins[path] = origin

    for origin in paths:
        path = _led_to(context, origin)
        entry = context.tree[path]
        before |= copied.keys()
        copied.clear()
        if entry.kind == "dir":
            if base in into and into[base].kind != "dir":
                raise Invalid(f"cannot copy a directory onto /{base}, which is a {into[base].kind}")
            result.entries |= _missing(into, base, owner or (0, 0), mtime)
            for below in _below(context.tree, path):
                relative = below[len(path) + 1 :] if path else below
                if leave_out is None or not leave_out.matches(relative):
                    put(posixpath.join(base, relative), context.tree[below], below)
        elif wanted.unpacks and (unpacked := _unpacked(entry, f"{path!r} in {context.name}")) is not None:
            result.entries |= _missing(into, base, owner or (0, 0), mtime)
            for inside, found_entry in unpacked.entries.items():
                if inside:
                    result.entries[posixpath.join(base, inside)] = found_entry
            result.origins[f"{base}//{path}"] = path
        elif leave_out is None or not leave_out.matches(posixpath.basename(path)):
            name = posixpath.basename(origin)
            put(posixpath.join(base, name) if is_folder else base, entry, path)
    for name, text in wanted.documents.items():
        put(posixpath.join(base, name) if is_folder else base, Entry.file(text.encode(), mtime=mtime), None)
    return result


def folder(into: Tree, path: str, owner: tuple[int, int], mtime: int) -> Changes:
    """The changes that make a directory, and those above it, where they are missing: WORKDIR."""
    place = into.follow(path.lstrip("/"))
    if place in into and into[place].kind != "dir":
        raise Invalid(f"{path!r} is a {into[place].kind}, not a directory")
    return with_parents(into, Changes(_missing(into, place, owner, mtime)), mtime)


def _missing(into: Tree, path: str, owner: tuple[int, int], mtime: int) -> dict[str, Entry]:
    """A directory and those above it, as far as they are not there; a file in their place is left to `apply`."""
    made = Entry.dir(uid=owner[0], gid=owner[1], mtime=mtime)
    return {above: made for above in [path, *ancestors(path)] if above and above not in into}


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
    """The paths that a source word means: one, or as many as match its wildcards, also none."""
    pattern = posixpath.normpath("/" + word).lstrip("/")  # '../' leads no higher than the context
    try:
        if (paths := matching(context.tree, pattern)) or is_pattern(pattern):
            return paths
    except NotFound:
        pass
    except ValueError as error:
        raise Invalid(str(error)) from None
    raise NotFound(f"{word!r} is not in {context.name}: {_why_not(context, word, pattern)}")


def _led_to(context: Context, path: str) -> str:
    """The real path of a source: where its link leads, if it is one."""
    try:
        return context.tree.resolve(path)
    except NotFound:
        raise NotFound(f"{path!r} is not in {context.name}: {_why_not(context, path, path)}") from None


def _why_not(context: Context, word: str, pattern: str) -> str:
    if ".." in word.split("/"):
        return "COPY cannot reach what lies outside"
    if pattern in context.skipped:
        return "it is a socket, and no layer can hold one"
    for path in [pattern, *ancestors(pattern)]:
        if path in context.tree and context.tree[path].kind == "symlink":
            return f"the symbolic link {path!r} leads to {context.tree[path].link!r}, which is not in it"
    return "is it misspelt, or left out by .dockerignore?"


def _below(tree: Tree, path: str) -> Iterator[str]:
    for child in tree.children(path):
        yield child
        yield from _below(tree, child)


def _unpacked(entry: Entry, what: str) -> Changes | None:
    """What a local tar given to ADD holds, compressed or not, or None for a file that is no tar."""
    head = _first(entry.chunks())
    wrapping = compression_of(head)
    if not wrapping and not (head.strip(b"\0") and tar.is_header(head[: tar.BLOCK])):
        return None
    plain = tempfile.NamedTemporaryFile(prefix="imagelab-add-")  # noqa: SIM115 - lives as long as the layer's contents
    with tempfile.TemporaryFile(prefix="imagelab-add-") as file:
        for piece in entry.chunks():
            file.write(piece)
        file.seek(0)
        pieces = expand(pieces_of(file), Allowance(LIMIT), what)
        try:
            head = _first(pieces)
        except Invalid:  # only looks compressed; it is copied as it is
            return None
        if not tar.is_header(head[: tar.BLOCK]):
            return None
        for piece in chain([head], pieces):
            plain.write(piece)
    plain.flush()
    return changes_of(lambda: open(plain.name, "rb"), what)


def _first(pieces: Iterator[bytes]) -> bytes:
    """Enough of a stream to see what it is."""
    head = b""
    while len(head) < tar.BLOCK and (piece := next(pieces, b"")):
        head += piece
    return head
