"""`draw.tags`: where every tag points, and where it has pointed.

Tags stand on the left, images on the right in the order in which tags first met them. A full arrow is where a tag
points now, a dashed grey one where it pointed before. Each bears the numbers of the moves that put it there, so the
picture is the whole past and yet the same bytes on every machine. What keeps an image by its ID, as every container
does, stands at the far right, and no move of a tag reaches it.

Left out: the times of the moves, which `Lab.tag_log` has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import graphviz

from .. import units
from ..oci.digest import Digest
from ..oci.reference import Reference
from .drawing import CONFIG, INK, PLAIN, QUIET, TAG, Drawing, count, digraph, text

if TYPE_CHECKING:
    from ..lab import Lab
    from ..oci.image import Image
    from ..store.taglog import TagMove

T = TypeVar("T")
MOST = 12  # tags, and images: those that moved last; nobody follows more arrows than that
SAID = 40  # of each in words
PAST = "#6B6B6B"  # a grey that is still read as text on white

WORDS = {
    "tagged": "",
    "dangling": "<none>, dangling: no tag points here",
    "untagged": "untagged: another image was made from it",
    "removed": "removed: its bytes are gone",
    "kept": "removed, but for a container that has its files",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where arrows end: a manifest digest, its image while that is here, and its state, a key of WORDS."""

    digest: str
    image: Image | None
    state: str

    @property
    def called(self) -> str:
        """The image ID as `docker images` shows it; of a removed image nothing but the manifest digest is known."""
        return self.image.id.short if self.image else f"of manifest {Digest(self.digest).short}"


@dataclass(frozen=True, slots=True)
class Holder:
    """What keeps an image by its ID, whatever the tags do: its name, what it is, and the image's manifest digest."""

    name: str
    what: str
    digest: str


@dataclass(frozen=True, slots=True)
class Past:
    """What a lab's tags have done: all moves, oldest first, where each tag points now, and every target."""

    moves: Sequence[TagMove]
    now: Mapping[Reference, str]
    targets: Mapping[str, Target]

    @property
    def names(self) -> list[Reference]:
        """Every name that is a tag, or was one, sorted."""
        return sorted({*self.now, *(move.name for move in self.moves)})

    def arrows(self, name: Reference) -> dict[str, list[int]]:
        """Manifest digest → the numbers, from 1, of the moves that made this name point there."""
        found: dict[str, list[int]] = {}
        for number, move in enumerate(self.moves, 1):
            if move.name == name and move.new:
                found.setdefault(move.new, []).append(number)
        return found


def past(lab: Lab, held: Iterable[str] = ()) -> Past:
    """Read a lab's tags: picture, table and board all show this, so that they cannot disagree.

    Every image is a target that a tag points to or has pointed to, that `docker images` lists, or whose manifest digest
    is among `held`.
    """
    moves, now = lab.tag_log(), lab.tags()
    here = {image.digest: image for image in lab.images(all=True)}
    listed = {image.digest for image in lab.images()}
    met = [*(move.new for move in moves if move.new), *(digest for digest in here if digest in listed), *held]
    tagged = set(now.values())
    targets = {}
    for digest in dict.fromkeys(met):
        image = here.get(Digest(digest))
        state = "tagged" if digest in tagged else "dangling" if digest in listed else "untagged"
        gone = "kept" if Digest(digest) in lab.store.blobs else "removed"
        targets[digest] = Target(digest, image, state if image else gone)
    return Past(moves, now, targets)


def tags(lab: Lab, held: Mapping[str, Image] | None = None) -> Drawing:
    """Where each tag of a lab points and has pointed, and which images no tag points to any more.

    Containers keep their image by its ID. `held` names other things that do, with the image of each.
    """
    holders = holders_of(lab, held)
    return drawn(past(lab, [holder.digest for holder in holders]), holders)


def drawn(found: Past, holders: Sequence[Holder]) -> Drawing:
    """The picture of a past that has been read, and of what keeps an image by its ID."""
    names = recent(found.names, [move.name for move in found.moves])
    digests = recent(found.targets, [move.new for move in found.moves], [holder.digest for holder in holders])
    graph = digraph(rankdir="LR", nodesep="0.2", ranksep="1.3")
    tag_node = {name: f"t{number}" for number, name in enumerate(names)}
    image_node = {digest: f"i{number}" for number, digest in enumerate(digests)}
    for name, node in tag_node.items():
        _tag(graph, node, name, removed=name not in found.now)
    for digest, node in image_node.items():
        _image(graph, node, found.targets[digest])
    _column(graph, "t", [*tag_node.values()], len(found.names) - len(names), "tag")
    _column(graph, "i", [*image_node.values()], len(found.targets) - len(digests), "image")
    for name, node in tag_node.items():
        for digest, numbers in found.arrows(name).items():
            if digest in image_node:
                _arrow(graph, node, image_node[digest], numbers, now=found.now.get(name) == digest)
    for number, holder in enumerate(holders[:MOST]):
        _node(graph, f"h{number}", [text(holder.name, bold=True), text(holder.what, size=11)], fill=PLAIN)
        if holder.digest in image_node:
            graph.edge(f"{image_node[holder.digest]}:e", f"h{number}:w", dir="back", penwidth="2")
    return Drawing(graph, "Tags, and where they have pointed", _words(found, holders))


def holders_of(lab: Lab, held: Mapping[str, Image] | None) -> list[Holder]:
    """The containers, the newest first, and whatever else is said to keep an image."""
    containers = [Holder(one.name, f"container, {one.status}", one.spec.image) for one in lab.containers()]
    others = [Holder(name, "keeps the image ID", image.digest) for name, image in (held or {}).items()]
    return [*(one for one in containers if one.digest), *others]


def recent(every: Collection[T], *moved: Sequence[T], most: int = MOST) -> list[T]:
    """At most so many of all, in the order they come in: those in the last of `moved` first, and those moved last."""
    wanted = [item for group in (list(every), *moved) for item in group if item in every]
    kept = set(list(dict.fromkeys(reversed(wanted)))[:most])
    return [item for item in every if item in kept]


def _column(graph: graphviz.Digraph, side: str, nodes: list[str], left_out: int, noun: str) -> None:
    """Put nodes one under another in the order given, whatever their arrows do, and say how many are left out."""
    if left_out or not nodes:
        said = f"and {count(left_out, f'more {noun}')}" if left_out else f"no {noun}s"
        nodes = [*nodes, f"{side}more"]
        _node(graph, nodes[-1], [text(said)], fill=QUIET)
    with graph.subgraph() as column:
        column.attr(rank="same")
        for node in nodes:
            column.node(node)
        for upper, lower in pairwise(nodes):
            column.edge(upper, lower, style="invis")


def _tag(graph: graphviz.Digraph, node: str, name: Reference, *, removed: bool) -> None:
    lines = [text(name.familiar, bold=True)]
    if removed:
        _node(graph, node, [*lines, text("removed", size=11)], fill=PLAIN, style="dotted")
    else:
        _node(graph, node, lines, fill=TAG)


def _image(graph: graphviz.Digraph, node: str, target: Target) -> None:
    lines = [text(f"image {target.called}", bold=True)]
    if target.image:
        lines.append(text(f"{count(len(target.image.layers), 'layer')}, {units.size(target.image.size, 3)}", size=11))
    if WORDS[target.state]:
        lines.append(text(WORDS[target.state], size=11))
    fill = CONFIG if target.state == "tagged" else QUIET if target.image else PLAIN
    style = "solid" if target.state == "tagged" else "rounded,dashed" if target.image else "dotted"
    _node(graph, node, lines, fill=fill, style=style)


def _node(graph: graphviz.Digraph, node: str, lines: list[str], *, fill: str, style: str = "solid") -> None:
    label = "".join(f'{line}<br align="left"/>' for line in lines)
    graph.node(node, f"<{label}>", shape="box", style=f"filled,{style}", fillcolor=fill, color=INK, margin="0.12,0.07")


def _arrow(graph: graphviz.Digraph, tail: str, head: str, numbers: list[int], *, now: bool) -> None:
    label = f" now ({_numbers(numbers)}) " if now else f" {_numbers(numbers)} "
    looks = {"penwidth": "1.5"} if now else {"style": "dashed", "color": PAST, "fontcolor": PAST}
    graph.edge(f"{tail}:e", f"{head}:w", label=label, **looks)


def _numbers(numbers: list[int]) -> str:
    """`move 3`, `moves 1, 4`; of many the last few."""
    shown = ("… " if len(numbers) > 3 else "") + ", ".join(f"{number:,}" for number in numbers[-3:])
    return ("move " if len(numbers) == 1 else "moves ") + shown


def _words(found: Past, holders: Sequence[Holder]) -> str:
    lines = []
    for name in found.names[:SAID]:
        familiar, at = name.familiar, found.now.get(name)
        arrows = found.arrows(name)
        if at:
            now = f"points to image {found.targets[at].called} ({_numbers(arrows[at])})"
        else:
            now = f"was removed (move {max(n for n, move in enumerate(found.moves, 1) if move.name == name):,})"
        before = [f"{found.targets[d].called} ({_numbers(numbers)})" for d, numbers in arrows.items() if d != at]
        lines.append(f"{familiar} {now}." + f" Before: {', '.join(before)}." * bool(before))
    loose = [target for target in found.targets.values() if target.state != "tagged"]
    lines += [f"Image {target.called} is {WORDS[target.state]}." for target in loose[:SAID]]
    lines += [f"{one.name} ({one.what}): image {found.targets[one.digest].called}." for one in holders[:SAID]]
    left_out = sum(max(0, len(group) - SAID) for group in (found.names, loose, holders))
    lines += [f"And {left_out:,} more lines like these."] if left_out else []
    return "\n".join(lines) or "No tags, and no images."
