"""Tree and Changes: a file system, and what changes it, as values.

A `Tree` maps paths to entries. A layer is a `Changes`: what to set and what to remove. `tree.apply(changes)` gives
the next tree, `Tree.diff(before, after)` gives the changes back, and nothing on any disk has moved.

As in Unix, a directory maps names to inodes: two hard-linked names hold *the same* Entry object. Paths are relative,
without a leading slash; the root directory is "".

Implements the OCI image-spec, layer.md "Applying Changesets" and "Representing Changes".
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ..errors import Invalid, NotFound
from ..shown import Displayed
from .entry import ROOT, Entry, ancestors, clean, order, parent_of

MAX_LINKS = 40  # symlinks followed in one lookup, as Linux has it
MAX_STEPS = 4096  # names walked through in one lookup, the links' own included: as many as Linux lets a path have


@dataclass(frozen=True, slots=True)
class Changes(Displayed):
    """The changes of one layer: entries to set, paths to remove, directories to empty first (opaque), and hard links
    to files of the layers below (`links`: new path → existing path).

    Hard links within the layer are two paths with the same Entry object.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    removed: frozenset[str] = frozenset()
    opaque: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Mapping[str, bytes | str | Entry | None], *, mtime: int = 0) -> Changes:
        """Changes from a mapping: bytes or text make a file, None removes, a path ending in '/' is a directory.

        A leading '/' is allowed, since that is how people name files in a container. Raises Invalid for the root
        directory, and for a path that holds '..' or NUL.
        """
        entries: dict[str, Entry] = {}
        removed = set()
        for name, value in content.items():
            path = clean(name.lstrip("/"))
            if not path:
                raise Invalid(f"{name!r} names the root directory itself: name a file or folder inside it")
            if value is None:
                removed.add(path)
            elif isinstance(value, Entry):
                entries[path] = value
            elif name.endswith("/"):
                entries[path] = Entry.dir(mtime=mtime)
            else:
                entries[path] = Entry.file(value.encode() if isinstance(value, str) else value, mtime=mtime)
        return cls(entries, frozenset(removed))

    def __len__(self) -> int:
        return len(self.entries) + len(self.removed) + len(self.opaque) + len(self.links)

    def paths(self) -> Iterator[str]:
        """Every path that the layer sets, removes or empties, in no particular order."""
        yield from self.entries
        yield from self.links
        yield from self.removed
        yield from self.opaque


class Files(Protocol):
    """Where a path leads to a file: a Tree, or a folder on disk."""

    def resolve(self, path: str) -> str: ...
    def find(self, path: str) -> Entry: ...


class Tree(Mapping[str, Entry], Displayed):
    """An immutable file system: path → Entry, every path's parent a directory of the same tree.

    Iterates in `order`. Two trees are equal when no `diff` separates them: names, attributes, content, hard links.
    """

    __slots__ = ("_children", "_entries")

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {"": ROOT}
        self._children: dict[str, dict[str, None]] = {"": {}}

    def __getitem__(self, path: str) -> Entry:
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries, key=order))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, path: object) -> bool:
        return path in self._entries

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tree):
            return NotImplemented
        return not Tree.diff(self, other) and not Tree.diff(other, self)

    __hash__ = None  # type: ignore[assignment]  # equality reads content; nothing should hash that by accident

    def __repr__(self) -> str:
        return f"<Tree: {len(self) - 1} paths, {self.files_size} bytes in files>"

    @property
    def files_size(self) -> int:
        """Bytes in regular files, each inode counted once: what docker calls a layer's size."""
        return sum(entry.size for entry in {id(e): e for e in self._entries.values()}.values())

    def children(self, path: str) -> list[str]:
        """The paths directly inside a directory, sorted; empty for anything else."""
        return sorted(f"{path}/{name}" if path else name for name in self._children.get(path, ()))

    def find(self, path: str) -> Entry:
        """The entry a path leads to, as `open` would find it: a leading '/' is allowed and symlinks are followed.

        Raises NotFound.
        """
        return self._entries[self.resolve(path)]

    def resolve(self, path: str) -> str:
        """The real path that `path` leads to, every symlink followed inside the root; raises NotFound."""
        real = self._real(path, follow_last=True)
        if real not in self._entries:
            raise NotFound(f"no such file in the image: {path!r}")
        return real

    def follow(self, path: str) -> str:
        """Where a path leads, its last link followed too, whether or not something is there.

        Raises Invalid when a parent of that exists and is not a directory.
        """
        return self.place(self._real(path, follow_last=True))

    def place(self, path: str) -> str:
        """Where something called `path` would be created: symlinks in its parents are followed, in the root.

        Raises Invalid when a parent exists and is not a directory.
        """
        parent = parent_of(path)
        if parent in self._children:
            return path
        real = self._real(parent, follow_last=True)
        if real in self._entries and real not in self._children:
            raise Invalid(f"{path!r} cannot be created: {real!r} is a {self._entries[real].kind}, not a directory")
        return posixpath.join(real, posixpath.basename(path))

    def _real(self, path: str, *, follow_last: bool) -> str:
        """Walk a path part by part, the way a process whose root is this tree would, '..' never leaving it."""
        todo = path.split("/")[::-1]
        here: list[str] = []
        hops = steps = 0
        while todo:
            part = todo.pop()
            steps += 1
            if steps > MAX_STEPS:
                raise Invalid(f"{path[:80]!r}… leads through more than {MAX_STEPS:,} names")
            if part in ("", "."):
                continue
            if part == "..":
                del here[-1:]
                continue
            here.append(part)
            entry = self._entries.get("/".join(here))
            if entry is not None and entry.kind == "symlink" and (todo or follow_last):
                hops += 1
                if hops > MAX_LINKS:
                    raise Invalid(f"{path!r} goes through more than {MAX_LINKS} symbolic links: a loop?")
                here = [] if entry.link.startswith("/") else here[:-1]
                todo.extend(reversed(entry.link.split("/")))
        return "/".join(here)

    def apply(self, changes: Changes) -> Tree:
        """The tree as it looks with one more layer on top (layer.md, "Applying Changesets").

        Whiteouts act on what lies below, never on the same layer's own entries, so they go first. A directory
        over a directory replaces its attributes; anything else replaces all that was there. Raises Invalid for
        a hard link to nowhere and for a parent that is not a directory.
        """
        new = Tree()
        new._entries = dict(self._entries)
        new._children = {path: dict(names) for path, names in self._children.items()}
        for path in changes.opaque:
            directory = new._real(path, follow_last=True)
            for name in list(new._children.get(directory, ())):
                new._remove(posixpath.join(directory, name))
        for path in changes.removed:
            new._remove(new._real(parent_of(path), follow_last=True), posixpath.basename(path))
        for path, entry in changes.entries.items():
            new._put(path, entry)
        for path, target in changes.links.items():
            inode = new._entries.get(new._real(target, follow_last=False))
            if inode is None or inode.kind == "dir":
                raise Invalid(f"hard link {path!r} points to {target!r}, which is no file of this image")
            new._put(path, inode)
        return new

    def _put(self, path: str, entry: Entry) -> None:
        if not path:
            if entry.kind != "dir":
                raise Invalid(f"the root of a layer must be a directory, and this one is a {entry.kind}")
            self._entries[""] = entry
            return
        real = self.place(path)
        parent, _, name = real.rpartition("/")
        self._make_folders(parent)
        if real in self._children and entry.kind != "dir":
            self._remove(real)
        self._entries[real] = entry
        self._children[parent][name] = None
        if entry.kind == "dir":
            self._children.setdefault(real, {})

    def _make_folders(self, path: str) -> None:
        """Make a directory and those above it where the layer did not describe them, as tar readers do."""
        missing = []
        while path not in self._children:
            if path in self._entries:
                raise Invalid(f"{path!r} is a {self._entries[path].kind}, not a directory: nothing can be in it")
            missing.append(path)
            path = parent_of(path)
        for path in reversed(missing):
            parent, _, name = path.rpartition("/")
            self._entries[path], self._children[path] = ROOT, {}
            self._children[parent][name] = None

    def _remove(self, path: str, name: str = "") -> None:
        path = posixpath.join(path, name) if name else path
        if path not in self._entries:
            return  # a whiteout of something absent is odd, and harmless
        parent, _, name = path.rpartition("/")
        del self._children[parent][name]
        doomed = [path]
        while doomed:
            path = doomed.pop()
            del self._entries[path]
            doomed += (f"{path}/{name}" for name in self._children.pop(path, ()))

    @staticmethod
    def diff(before: Tree, after: Tree) -> Changes:
        """The changes that lead from one tree to another: `before.apply(Tree.diff(before, after)) == after`.

        As in docker's layers, the directories above a change are part of it, and when one name of a hard-linked
        file is written all its names are. Equal trees give empty changes.
        """
        old, new = before._entries, after._entries
        changed = {path for path, entry in new.items() if not _unchanged(old.get(path), entry)}
        changed |= _relinked(before, after, changed)
        removed = {
            path
            for path in old
            if path not in new and parent_of(path) in after._children and parent_of(path) in before._children
        }
        for path in [*changed, *removed]:
            changed.update(ancestors(path))
        taken = {id(entry) for entry in old.values()}
        written: dict[int, Entry] = {}  # what a layer writes is a new inode, even where it looks like an old one
        for path in sorted(changed, key=order):
            inode = new[path]
            written.setdefault(id(inode), replace(inode) if id(inode) in taken else inode)
        return Changes({path: written[id(new[path])] for path in sorted(changed, key=order)}, frozenset(removed))


def with_parents(base: Tree, changes: Changes, mtime: int = 0) -> Changes:
    """The same changes at their real places in `base`, with the directories above them, as a builder records them.

    Raises NotFound for the removal of something that is not there, and Invalid as `apply` does.
    """
    entries: dict[str, Entry] = {}
    for path in changes.removed:
        if base.place(path) not in base:
            raise NotFound(f"nothing to remove at {path!r}: the image has no such path")
    removed = frozenset(base.place(path) for path in changes.removed)
    after = base.apply(changes)
    for path, entry in changes.entries.items():
        entries[after.place(path)] = entry
    for path in [*entries, *changes.links, *removed, *changes.opaque]:
        for directory in ancestors(after.place(path)):
            if directory not in entries:
                entry = after[directory]
                entries[directory] = Entry.dir(mtime=mtime) if entry is ROOT else entry
    ordered = {path: entries[path] for path in sorted(entries, key=order)}
    return Changes(ordered, removed, changes.opaque, changes.links)


def _unchanged(old: Entry | None, new: Entry) -> bool:
    return old is new or (old is not None and old == new and (new.kind != "file" or old.same_content(new)))


def _relinked(before: Tree, after: Tree, changed: set[str]) -> set[str]:
    """The unchanged-looking paths whose set of hard links is not what it was, or has a changed member."""
    again: set[str] = set()
    inode_before = {path: id(entry) for path, entry in before._entries.items()}
    for names in hard_links(after._entries).values():
        if not changed.isdisjoint(names) or len({inode_before.get(name) for name in names}) > 1:
            again.update(names)
    inode_after = {path: id(entry) for path, entry in after._entries.items()}
    for names in hard_links(before._entries).values():
        kept = [name for name in names if name in inode_after and name not in changed and name not in again]
        if len({inode_after[name] for name in kept}) > 1:  # equal bytes, but no longer one inode
            again.update(name for name in kept if inode_after[name] != inode_after[kept[0]])
    return again


def hard_links(entries: Mapping[str, Entry]) -> dict[int, list[str]]:
    """The names of each inode that has more than one, in `order`; keys mean nothing outside this process."""
    names: dict[int, list[str]] = defaultdict(list)
    for path, entry in entries.items():
        if entry.kind != "dir":
            names[id(entry)].append(path)
    return {inode: sorted(paths, key=order) for inode, paths in names.items() if len(paths) > 1}
