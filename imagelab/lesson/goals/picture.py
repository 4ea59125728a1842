"""A goal as a picture: what the lab looks like once all conditions hold, or what it looks like now.

Both pictures have the same boxes in the same places: a tag and an arrow to its image, with settings, files and layers;
a container with its writable layer and an arrow to its image; a tag of a registry as one of the lab. Their lines are
those that the check compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .goal import Condition, Lines, Place, count

if TYPE_CHECKING:
    import graphviz

    from ...drawings.drawing import Drawing
    from ...lab import Lab

MOST = 8  # lines of one condition
ORANGE, WRITABLE = "#FBE6BF", "#E8C3DA"
CAPTIONS: dict[Place, str] = {"layers": "layers, the last on top", "writable": "writable layer"}


@dataclass(frozen=True, slots=True)
class Part:
    """What one condition adds to a picture: lines at a place, as in the goal or not (None: the picture is the goal)."""

    place: Place
    lines: Lines
    as_in_goal: bool | None

    @property
    def mark(self) -> str:
        """What stands before its lines."""
        return "✗ " if self.as_in_goal is False else ""


def draw(conditions: Sequence[Condition], lab: Lab | None = None) -> Drawing:
    """The goal as a picture; with a lab, the lab now, with the same boxes and what is not yet as in the goal marked."""
    from ...drawings.drawing import Drawing, digraph

    graph = digraph(rankdir="LR", ranksep="0.5", nodesep="0.2")
    names = list(dict.fromkeys(condition.name for condition in conditions))
    words = []
    for number, name in enumerate(names):
        own = [condition for condition in conditions if condition.name == name]
        parts = []
        for condition in own:
            lines = condition.lines if lab is None else condition.look(lab).lines
            part = Part(condition.place, lines, None if lab is None else lines == condition.lines)
            parts.append(part)
            mark = {None: "", True: "as in the goal: ", False: "not yet: "}[part.as_in_goal]
            words.append(f"{mark}{name}: {'; '.join(lines) or 'not there'}")
        _draw(graph, str(number), own[0], parts, lab)
    with graph.subgraph() as column:  # the same order in both pictures, whatever their arrows
        column.attr(rank="same")
        for upper, lower in pairwise(range(len(names))):
            column.edge(f"s{upper}", f"s{lower}", style="invis")
    title = "The goal" if lab is None else "Now"
    return Drawing(graph, f"{title}: {' and '.join(names)}", "\n".join(words))


def _draw(graph: graphviz.Digraph, node: str, condition: Condition, parts: Sequence[Part], lab: Lab | None) -> None:
    """The boxes of one name: a tag and its image, a container and its image, or a box of its own."""
    from ...drawings.drawing import CONFIG, PLAIN, QUIET, TAG, box

    name = condition.name
    if condition.kind in ("names", "folder"):
        graph.node(f"s{node}", box(name, _rows(parts), fill=TAG if condition.kind == "names" else QUIET))
        return
    there = any(part.lines for part in parts)
    target = "container" if condition.kind == "container" else "image"
    where = "tag in the registry" if condition.kind == "registry" else "tag"
    attributes = {"id": f"{'tag' if target == 'image' else 'container'}:{name}"}
    inside = [part for part in parts if part.place != "title"]
    if not there:
        missing = "not in the registry" if condition.kind == "registry" else f"no {target} of this name"
        graph.node(f"s{node}", box(f"✗ {name}", fill=PLAIN, subtitle=missing), **attributes)
        return
    if target == "container":
        graph.node(f"s{node}", box(name, _rows(inside), fill=WRITABLE, subtitle="container"), **attributes)
    else:
        graph.node(f"s{node}", box(name, fill=TAG, subtitle=where), **attributes)
    title = [part.mark + line for part in parts if part.place == "title" for line in part.lines]
    subtitle = f"image {condition.short_id(lab)}" if lab else ""
    rows = _rows(inside) if target == "image" else []
    if title or rows:
        heading = " and ".join(dict.fromkeys(title)) or "an image"
        graph.node(f"i{node}", box(heading, rows, fill=CONFIG, subtitle=subtitle))
        graph.edge(f"s{node}:head:e", f"i{node}:head:w")


def _rows(parts: Iterable[Part]) -> list[str]:
    """The rows of a box, place by place; layers stand with the last on top."""
    from ...drawings.drawing import LAYER, PLAIN, QUIET, row, text

    fills = {"layers": LAYER, "writable": WRITABLE}
    places: dict[Place, list[Part]] = {}
    for part in sorted(parts, key=lambda part: part.place == "layers"):  # below all else
        places.setdefault(part.place, []).append(part)
    rows = []
    for place, own in places.items():
        if place in CAPTIONS:
            rows.append(row(text(CAPTIONS[place], size=10), fill=QUIET))
        for part in own:
            shown = list(part.lines[:MOST]) or ["nothing"]
            if len(part.lines) > MOST:
                shown.append(f"and {count(len(part.lines) - MOST, 'more line')}")
            fill = ORANGE if part.as_in_goal is False else fills.get(place, PLAIN)
            ordered = reversed(shown) if place == "layers" else shown
            rows += [row(text(part.mark + line), fill=fill) for line in ordered]
    return rows
