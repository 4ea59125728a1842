"""`draw.tags`: where every tag points, and where it has pointed.

Tags are on the left, in the order in which they were first made; images on the right, in the order in which a tag
first pointed to them: a move adds below, and nothing changes places. A solid arrow is where a tag points now, a dashed
one where it pointed before. Each is labelled with the numbers of the moves that put it there, in the colour of its tag,
for arrows that cross. At the far right is what keeps an image by its ID, as every container does: no move of a tag
changes that. `TagHistory.after(3)` is the same picture as it was after the third move.

Left out: the times of the moves, which `Lab.tag_log` has; the picture is the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import graphviz

from .. import units
from ..analysis.docker_stores import shown_id
from ..oci.digest import Digest
from ..oci.reference import Reference
from .drawing import CONFIG, INK, PLAIN, QUIET, TAG, Drawing, count, digraph, text

if TYPE_CHECKING:
    from ..lab import Lab
    from ..oci.image import Image
    from ..store.taglog import TagMove

T = TypeVar("T")
MOST = 12  # tags, and images: those that moved last
MOST_LINES = 40  # of each kind in the description
# Okabe and Ito's, dark enough to be read as text on white; a tag has the same one whatever tags come later.
COLOURS = ("#1A1A1A", "#0072B2", "#B34700", "#00694B", "#8C3A6B", "#8A5A00")

STATES = {
    "tagged": "",
    "dangling": "<none>, dangling: no tag points here",
    "untagged": "untagged: another image was made from it",
    "removed": "removed: its bytes are gone",
    "kept": "removed, but a container still uses its files",
    "left": "untagged after this move",
}


@dataclass(frozen=True, slots=True)
class Target:
    """An image that tags point or pointed to: its manifest digest, the image if the lab has it, a key of STATES.

    `docker` is the version whose ID and words are shown, "20-28" or "29".
    """

    digest: str
    image: Image | None
    state: str
    docker: str = "20-28"

    @property
    def label(self) -> str:
        """The image ID as `docker images` shows it, or the manifest digest of an image that was removed."""
        if self.image is None:
            return f"of manifest {Digest(self.digest).short}"
        return shown_id(self.image, self.docker).short

    @property
    def note(self) -> str:
        """What is to be said of its state; nothing for an image that a tag points to."""
        return STATES[self.state].replace("<none>", "<untagged>" if self.docker == "29" else "<none>")


@dataclass(frozen=True, slots=True)
class Holder:
    """What keeps an image by its ID: its name, what kind of thing it is, and the image's manifest digest."""

    name: str
    what: str
    digest: str


@dataclass(frozen=True, slots=True)
class TagHistory:
    """All moves of a lab's tags, oldest first; the manifest digest each tag points to now; and all targets."""

    moves: Sequence[TagMove]
    now: Mapping[Reference, str]
    targets: Mapping[str, Target]

    @property
    def names(self) -> list[Reference]:
        """Every tag, those removed included, in the order of their first moves."""
        others = sorted(self.now, key=lambda name: name.canonical)
        return list(dict.fromkeys([*(move.name for move in self.moves), *others]))

    def arrows(self, name: Reference) -> dict[str, list[int]]:
        """Manifest digest → the numbers, from 1, of the moves that made this tag point there."""
        numbers: dict[str, list[int]] = {}
        for number, move in enumerate(self.moves, 1):
            if move.name == name and move.new:
                numbers.setdefault(move.new, []).append(number)
        return numbers

    def after(self, number: int) -> TagHistory:
        """The history as it was after so many moves: 0 is before the first one.

        What was dangling, and what was removed, is not in the log: an image that no tag points to is only that.
        """
        moves = self.moves[:number]
        now: dict[Reference, str] = {}
        for move in moves:
            now.pop(move.name, None)
            if move.new:
                now[move.name] = move.new
        tagged = set(now.values())
        reached = dict.fromkeys(move.new for move in moves if move.new)
        targets = {
            digest: replace(self.targets[digest], state="tagged" if digest in tagged else "left") for digest in reached
        }
        return TagHistory(moves, now, targets)


def read_history(lab: Lab, held: Iterable[str] = (), docker: str = "20-28") -> TagHistory:
    """Read the history of a lab's tags.

    The targets are the images that a tag points or pointed to, those that `docker images` lists, and those whose
    manifest digest is in `held`.
    """
    moves, now = lab.tag_log(), lab.tags()
    present = {image.digest: image for image in lab.images(all=True)}
    listed = {image.digest for image in lab.images()}
    digests = [*(move.new for move in moves if move.new), *(digest for digest in present if digest in listed), *held]
    tagged = set(now.values())
    targets = {}
    for digest in dict.fromkeys(digests):
        image = present.get(Digest(digest))
        state = "tagged" if digest in tagged else "dangling" if digest in listed else "untagged"
        gone = "kept" if Digest(digest) in lab.store.blobs else "removed"
        targets[digest] = Target(digest, image, state if image else gone, docker)
    return TagHistory(moves, now, targets)


def tags(lab: Lab, held: Mapping[str, Image] | None = None) -> Drawing:
    """Where each tag of a lab points and has pointed, and which images no tag points to any more.

    Containers keep their image by its ID. `held` maps the names of other things that do to their images.
    """
    holders = holders_of(lab, held)
    return draw_history(read_history(lab, [holder.digest for holder in holders]), holders)


def draw_history(
    history: TagHistory, holders: Sequence[Holder], title: str = "Tags, and where they have pointed"
) -> Drawing:
    """The picture of a history, with what keeps images by their IDs."""
    names, digests = drawn(history, holders)
    graph = digraph(rankdir="LR", nodesep="0.2", ranksep="1.3")
    tag_node = {name: f"t{number}" for number, name in enumerate(names)}
    image_node = {digest: f"i{number}" for number, digest in enumerate(digests)}
    colour = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(history.names)}
    for name, node in tag_node.items():
        _tag(graph, node, name, removed=name not in history.now, colour=colour[name])
    for digest, node in image_node.items():
        _image(graph, node, history.targets[digest])
    _column(graph, "t", [*tag_node.values()], len(history.names) - len(names), "tag")
    _column(graph, "i", [*image_node.values()], len(history.targets) - len(digests), "image")
    for name, node in tag_node.items():
        for digest, numbers in history.arrows(name).items():
            if digest in image_node:
                ends = f"{tag_id(name)}->{image_id(history.targets[digest])}"
                now = history.now.get(name) == digest
                _arrow(graph, node, image_node[digest], numbers, now=now, colour=colour[name], id=ends)
    for number, holder in enumerate(holders[:MOST]):
        lines = [text(holder.name, bold=True), text(holder.what, size=11)]
        _node(graph, f"h{number}", lines, fill=PLAIN, id=f"container:{holder.name}")
        if holder.digest in image_node:
            graph.edge(f"{image_node[holder.digest]}:e", f"h{number}:w", dir="back", penwidth="2")
    return Drawing(graph, title, _description(history, holders))


def drawn(history: TagHistory, holders: Sequence[Holder], most: int = MOST) -> tuple[list[Reference], list[str]]:
    """The tags, and the manifest digests of the images, that have a place in the picture: those that moved last."""
    names = recent(history.names, [move.name for move in history.moves], most=most)
    held = [holder.digest for holder in holders]
    return names, recent(history.targets, [move.new for move in history.moves], held, most=most)


def holders_of(lab: Lab, held: Mapping[str, Image] | None) -> list[Holder]:
    """The containers, newest first, and the other things that keep an image."""
    containers = [Holder(each.name, f"container, {each.status}", each.spec.image) for each in lab.containers()]
    others = [Holder(name, "keeps the image ID", image.digest) for name, image in (held or {}).items()]
    return [*(holder for holder in containers if holder.digest), *others]


def tag_id(name: Reference) -> str:
    """The id of a tag's group in the SVG: `tag:shop:1.0`."""
    return f"tag:{name.familiar}"


def image_id(target: Target) -> str:
    """The id of an image's group in the SVG: `image:` and 12 digits, of a removed image those of its manifest."""
    return f"image:{target.image.id.short if target.image else Digest(target.digest).short}"


def recent(every: Collection[T], *moved: Sequence[T], most: int = MOST) -> list[T]:
    """At most `most` items of `every`, in their order: those that come last in `every` and then in each of `moved`."""
    items = set(every)
    ordered = [item for group in (list(every), *moved) for item in group if item in items]
    kept = set(list(dict.fromkeys(reversed(ordered)))[:most])
    return [item for item in every if item in kept]


def _column(graph: graphviz.Digraph, side: str, nodes: list[str], left_out: int, noun: str) -> None:
    """Put nodes in a column in this order, whatever their arrows, and count those left out."""
    if left_out or not nodes:
        label = f"and {count(left_out, f'more {noun}')}" if left_out else f"no {noun}s"
        nodes = [*nodes, f"{side}more"]
        _node(graph, nodes[-1], [text(label)], fill=QUIET)
    with graph.subgraph() as column:
        column.attr(rank="same")
        for node in nodes:
            column.node(node)
        for upper, lower in pairwise(nodes):
            column.edge(upper, lower, style="invis")


def _tag(graph: graphviz.Digraph, node: str, name: Reference, *, removed: bool, colour: str) -> None:
    lines = [text(name.familiar, bold=True)]
    if removed:
        lines.append(text("removed", size=11))
        _node(graph, node, lines, fill=PLAIN, style="dotted", colour=colour, id=tag_id(name))
    else:
        _node(graph, node, lines, fill=TAG, colour=colour, id=tag_id(name))


def _image(graph: graphviz.Digraph, node: str, target: Target) -> None:
    lines = [text(f"image {target.label}", bold=True)]
    if target.image:
        lines.append(text(f"{count(len(target.image.layers), 'layer')}, {units.size(target.image.size, 3)}", size=11))
    if target.note:
        lines.append(text(target.note, size=11))
    fill = CONFIG if target.state == "tagged" else QUIET if target.image else PLAIN
    style = "solid" if target.state == "tagged" else "rounded,dashed" if target.image else "dotted"
    _node(graph, node, lines, fill=fill, style=style, id=image_id(target))


def _node(
    graph: graphviz.Digraph, node: str, lines: list[str], *, fill: str, style: str = "solid", colour: str = INK,
    id: str = "",
) -> None:  # fmt: skip
    label = "".join(f'{line}<br align="left"/>' for line in lines)
    looks = {"shape": "box", "style": f"filled,{style}", "fillcolor": fill, "color": colour, "margin": "0.12,0.07"}
    graph.node(node, f"<{label}>", **looks, **({"id": id} if id else {}))


def _arrow(
    graph: graphviz.Digraph, tail: str, head: str, numbers: list[int], *, now: bool, colour: str, id: str
) -> None:
    label = f" now ({_numbers(numbers)}) " if now else f" {_numbers(numbers)} "
    looks = {"penwidth": "1.5"} if now else {"style": "dashed"}
    graph.edge(f"{tail}:e", f"{head}:w", label=label, color=colour, fontcolor=colour, id=id, **looks)


def _numbers(numbers: list[int]) -> str:
    """`move 3`, `moves 1, 4`; of more than three the last three."""
    shown = ("… " if len(numbers) > 3 else "") + ", ".join(f"{number:,}" for number in numbers[-3:])
    return ("move " if len(numbers) == 1 else "moves ") + shown


def _description(history: TagHistory, holders: Sequence[Holder]) -> str:
    lines = []
    for name in history.names[:MOST_LINES]:
        familiar, at = name.familiar, history.now.get(name)
        arrows = history.arrows(name)
        if at:
            now = f"points to image {history.targets[at].label} ({_numbers(arrows[at])})"
        else:
            now = f"was removed (move {max(n for n, move in enumerate(history.moves, 1) if move.name == name):,})"
        before = [f"{history.targets[d].label} ({_numbers(numbers)})" for d, numbers in arrows.items() if d != at]
        lines.append(f"{familiar} {now}." + f" Before: {', '.join(before)}." * bool(before))
    untagged = [target for target in history.targets.values() if target.state != "tagged"]
    lines += [f"Image {target.label} is {target.note}." for target in untagged[:MOST_LINES]]
    for holder in holders[:MOST_LINES]:
        lines.append(f"{holder.name} ({holder.what}): image {history.targets[holder.digest].label}.")
    left_out = sum(max(0, len(group) - MOST_LINES) for group in (history.names, untagged, holders))
    lines += [f"And {left_out:,} more lines like these."] if left_out else []
    return "\n".join(lines) or "No tags, and no images."
