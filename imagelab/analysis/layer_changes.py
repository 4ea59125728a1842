"""What each layer of an image added, changed and removed.

Each path a layer touched gets docker's letter: A for added, C for changed, D for removed. The stack picture, the table
of changes and the layer explorer all read this, so they can never disagree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ..filesystem.entry import Entry, order, parent_of
from ..filesystem.tree import Tree

if TYPE_CHECKING:
    from ..oci.image import Image
    from ..oci.layer import Layer

Letter = Literal["A", "C", "D"]
WORDS: Mapping[Letter, str] = {"A": "added", "C": "changed", "D": "removed"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What a layer did to a path: its letter, the entry (the one removed, for D), and the layer it was in before."""

    letter: Letter
    path: str
    entry: Entry
    was_in: int | None = None
    layer: int = 0  # the number of the layer that did it


@dataclass(frozen=True, slots=True)
class Stage:
    """The file system once layer `number` (from 1) is on top: `tree`, the marks the layer left, and `origin`, the
    number of the layer that each path of the tree comes from."""

    number: int
    layer: Layer
    created_by: str
    tree: Tree
    marks: Mapping[str, Mark]
    origin: Mapping[str, int]

    @property
    def did(self) -> str:
        """What the layer did in a few words: `added 3 paths, removed 1 path`."""
        counts = Counter(mark.letter for mark in self.marks.values())
        counted = [f"{WORDS[at]} {n:,} path{'s' * (n != 1)}" for at in WORDS if (n := counts[at])]
        return ", ".join(counted) or "changed nothing"


def stages(image: Image) -> list[Stage]:
    """The image's file system after each of its layers, the first layer first. Raises Invalid as `Tree.apply` does."""
    made_by = [step.created_by for step in image.steps if step.layer is not None]
    made_by += [""] * (len(image.layers) - len(made_by))
    below = Tree()
    origin = {"": 0}
    every: list[Stage] = []
    for number, (layer, created_by) in enumerate(zip(image.layers, made_by, strict=False), 1):
        tree = below.apply(layer.changes())
        origin = {path: origin[path] if _left_alone(below.get(path), tree[path]) else number for path in tree}
        marks = _marks(number, below, tree, every[-1].origin if every else {})
        every.append(Stage(number, layer, created_by, tree, marks, origin))
        below = tree
    return every


def _marks(number: int, below: Tree, tree: Tree, origin: Mapping[str, int]) -> dict[str, Mark]:
    marks = []
    for path in tree:
        entry, old = tree[path], below.get(path)
        if old is None:
            marks.append(Mark("A", path, entry, None, number))
        elif path and not _left_alone(old, entry, any_time=True):
            marks.append(Mark("C", path, entry, origin[path], number))
    for path in below:
        if path not in tree and parent_of(path) in tree:  # what lay inside went with it
            marks.append(Mark("D", path, below[path], origin[path], number))
    return {mark.path: mark for mark in sorted(marks, key=lambda mark: order(mark.path))}


def _left_alone(old: Entry | None, new: Entry, *, any_time: bool = False) -> bool:
    """Whether a layer did nothing to a path: a directory may be named again on the way to a change inside it.

    With `any_time` a directory's time does not count, as in `docker diff`.
    """
    if old is None or old is new:
        return old is new
    if any_time:
        old, new = replace(old, mtime=0), replace(new, mtime=0)
    return new.kind == "dir" and old == new
