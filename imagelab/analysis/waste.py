"""Bytes of an image that later layers cover or remove.

For each path: the bytes that all layers together hold for it, its smallest size so far (0 once a
layer has removed it), and the difference, its waste. Efficiency is the sum of the smallest sizes over the sum of all.

Follows dive (efficiency.go), whose score this is, but for three things. Its WastedBytes counts all bytes of a path,
the smallest included (dive#684). It takes a folder's removal for a new path as large as what was in the folder; here
each file in it is removed. And it looks at names, where this looks at inodes: as in docker's SIZE, a file with several
names counts once, and is not wasted while one of them is visible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..errors import Invalid
from ..filesystem.entry import Entry, order
from ..filesystem.tree import Changes, Tree
from ..oci.layer import Layer
from ..shown import Displayed

if TYPE_CHECKING:
    from ..tables import Table


@dataclass(frozen=True, slots=True)
class PathWaste(Displayed):
    """One path's bytes: `sizes`, what each of `layers` (from 1) left there, 0 where it took the file away.

    `visible` are the bytes that the merged file system shows; `hidden` are the rest of `cumulative`.
    """

    path: str
    layers: tuple[int, ...]
    sizes: tuple[int, ...]
    visible: int

    @property
    def cumulative(self) -> int:
        """Bytes that all layers together hold for this path."""
        return sum(self.sizes)

    @property
    def smallest(self) -> int:
        """Its smallest size so far, in bytes."""
        return min(self.sizes)

    @property
    def wasted(self) -> int:
        """What dive calls wasted: all bytes but the fewest."""
        return self.cumulative - self.smallest

    @property
    def hidden(self) -> int:
        """Bytes in some layer that nobody sees; never more than `wasted`, and less where the path has grown."""
        return self.cumulative - self.visible


@dataclass(frozen=True, slots=True)
class Waste(Displayed):
    """What a stack of layers holds and what it shows of it; `paths` in the order of the file system."""

    paths: tuple[PathWaste, ...]

    def __repr__(self) -> str:
        return f"<Waste: {self.wasted:,} of {self.size:,} bytes, efficiency {self.efficiency:.3f}>"

    @property
    def size(self) -> int:
        """Bytes of files in all layers: docker's SIZE."""
        return sum(path.cumulative for path in self.paths)

    @property
    def visible(self) -> int:
        """Bytes of files in the merged file system."""
        return sum(path.visible for path in self.paths)

    @property
    def hidden(self) -> int:
        """Bytes that are in a layer and not in the merged file system: `size` - `visible`."""
        return self.size - self.visible

    @property
    def wasted(self) -> int:
        """Bytes beyond the fewest that each path has had."""
        return sum(path.wasted for path in self.paths)

    @property
    def smallest(self) -> int:
        """The sum of the fewest bytes that each path has had."""
        return sum(path.smallest for path in self.paths)

    @property
    def efficiency(self) -> float:
        """The fewest bytes over all bytes, from 0 to 1; 1 where there are none."""
        return self.smallest / self.size if self.size else 1.0

    def table(self, all: bool = False) -> Table:
        """The paths that waste something as a pandas DataFrame, those that waste most first; with `all`, every path."""
        from .. import tables

        return tables.waste(self, all)

    @property
    def worst(self) -> tuple[PathWaste, ...]:
        """The paths that waste something, those that waste most first."""
        wasteful = [path for path in self.paths if path.wasted]
        return tuple(sorted(wasteful, key=lambda path: (-path.wasted, order(path.path))))


def waste(layers: Sequence[Layer]) -> Waste:
    """Account for every byte of files in a stack of layers, the base first; raises Invalid as `Tree.apply` does.

    The sizes add up to docker's SIZE of the image, the visible bytes to those of the merged file system.
    """
    stack = [layer.changes() for layer in layers]
    trees = [Tree()]
    for changes in stack:
        trees.append(trees[-1].apply(changes))
    last = trees[-1]
    in_sight = {id(entry): path for path, entry in reversed(list(last.items())) if entry.kind != "dir"}
    records_of: dict[str, list[tuple[int, int]]] = defaultdict(list)  # path → (layer, bytes)
    seen: dict[str, Entry] = {}  # path → the file that is counted there and that the whole image shows
    for number, (changes, before, after) in enumerate(zip(stack, trees, trees[1:], strict=False), 1):
        records: list[tuple[str, int]] = []
        for entry, names in _inodes(changes):
            places = [place for place in map(partial(_place, after), names) if after.get(place) is entry]
            path = next((place for place in places if last.get(place) is entry), in_sight.get(id(entry)))
            if path is not None:
                seen[path] = entry
            path = path or next(iter(places), None)
            records += [(path, entry.size)] if path else [(names[0], entry.size), (names[0], 0)]
        written = {path for path, _ in records}
        for path in records_of.keys() - written:
            leaf = _leaf(after, path)
            if leaf is not _leaf(before, path) and (leaf is None or leaf is not seen.get(path)):
                records.append((path, 0))
        for path, size in records:
            records_of[path].append((number, size))
    return Waste(tuple(
        PathWaste(path, tuple(at for at, _ in records), tuple(size for _, size in records),
                  seen[path].size if path in seen else 0)
        for path, records in sorted(records_of.items(), key=lambda item: order(item[0]))
    ))  # fmt: skip


def _inodes(changes: Changes) -> Iterator[tuple[Entry, list[str]]]:
    """Each file or other leaf that a layer writes, with all its names in order."""
    names: dict[int, list[str]] = defaultdict(list)
    for name in sorted(changes.entries, key=order):
        if changes.entries[name].kind != "dir":
            names[id(changes.entries[name])].append(name)
    for several in names.values():
        yield changes.entries[several[0]], several


def _place(tree: Tree, name: str) -> str:
    """Where a layer's name leads to in the tree, its folders' symlinks followed; itself where it leads nowhere."""
    try:
        return tree.place(name)
    except Invalid:
        return name


def _leaf(tree: Tree, path: str) -> Entry | None:
    """What is at a path, unless it is a directory or nothing."""
    entry = tree.get(path)
    return entry if entry is not None and entry.kind != "dir" else None
