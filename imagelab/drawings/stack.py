"""`draw.stack`: the layers of an image, and which files of a lower layer are hidden.

Each layer shows the paths it adds, changes and removes. Where it covers or removes a file of a lower layer, a dashed
arrow goes down to that file, which is drawn in shadow: hidden, and all its bytes still there. Steps that wrote only to
the config made no layer, and are listed on top.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .. import units
from ..analysis.layer_changes import Mark, Stage, stages
from ..filesystem.entry import ancestors
from .drawing import (
    ADDED,
    CHANGED,
    LAYER,
    PLAIN,
    QUIET,
    REMOVED,
    SHADE,
    SHADOW,
    Drawing,
    box,
    count,
    digraph,
    first_name,
    row,
    text,
)

if TYPE_CHECKING:
    from ..oci.image import Image

COLOURS = {"A": ADDED, "C": CHANGED, "D": REMOVED}
MOST_MARKS = 8  # of one layer
MOST_LAYERS = 24
WIDTH = 330  # points, the same for all layers


@dataclass(frozen=True, slots=True)
class Cover:
    """What hides a file of a lower layer: it is `covered` or `hidden` by a layer, which marks the path `by` there."""

    how: str
    layer: int
    by: str


def stack(image: Image, paths: int = MOST_MARKS) -> Drawing:
    """The layers of an image, newest on top, each with at most `paths` of the paths it adds, changes and removes."""
    return draw_stages(image, stages(image), paths)


def draw_stages(image: Image, every: list[Stage], paths: int = MOST_MARKS) -> Drawing:
    """The picture of an image's stages."""
    shown = every[-MOST_LAYERS:]
    visible = {stage.number: shown_marks(stage, paths) for stage in shown}
    covers = hidden_by(every)
    shadows = {place: f"{cover.how} by layer {cover.layer}" for place, cover in covers.items()}
    graph = digraph(rankdir="TB", nodesep="0.2", ranksep="0.35")
    settings = [step.created_by for step in image.steps if step.layer is None]
    if settings:
        rows = [row(*(text(line or "(no instruction recorded)", size=11) for line in settings))]
        title = f"no layer: {count(len(settings), 'step')} wrote only to the config"
        graph.node("settings", box(title, rows, fill=QUIET, width=WIDTH))
    for stage in reversed(shown):
        rows = [row(text(stage.created_by, size=11))] if stage.created_by else []
        number = stage.number
        rows += [_mark(number, mark, shadows.get((number, mark.path), "")) for mark in visible[number]]
        left_out = len(stage.marks) - len(visible[stage.number])
        if left_out:
            rows.append(row(text(f"and {count(left_out, 'more path')}"), fill=QUIET))
        size = f"{stage.layer.files_size:,} bytes in files, {stage.layer.size:,} as stored"
        label = box(f"layer {number}", rows, fill=LAYER, subtitle=size, width=WIDTH, id=layer_id(number))
        graph.node(f"s{stage.number}", label)
    order = ["settings"] * bool(settings) + [f"s{stage.number}" for stage in reversed(shown)]
    for upper, lower in pairwise(order):
        graph.edge(upper, lower, style="invis")
    for stage in shown:
        for mark in visible[stage.number]:
            below = visible.get(mark.was_in or 0, [])
            if any(other.path == mark.path for other in below):
                graph.edge(f"s{stage.number}:{_port(mark.path)}:e", f"s{mark.was_in}:{_port(mark.path)}:e",
                           style="dashed", color=COLOURS[mark.letter], constraint="false",
                           id=f"{file_id(mark.layer, mark.path)}->{file_id(mark.was_in or 0, mark.path)}")  # fmt: skip
    if not order:
        graph.node("none", box("no layers", fill=QUIET))
    return Drawing(graph, f"Layers of {first_name(image)}", _description(every, settings, shadows))


def shown_marks(stage: Stage, limit: int = MOST_MARKS) -> list[Mark]:
    """At most `limit` marks, in path order: removals and changes before additions, files before folders."""
    marks = list(stage.marks.values())
    best = sorted(marks, key=lambda mark: (mark.letter == "A", mark.entry.kind == "dir"))[:limit]
    return [mark for mark in marks if mark in best]


def hidden_by(every: Iterable[Stage]) -> dict[tuple[int, str], Cover]:
    """(layer, path) of each file that a later layer hides → what hides it."""
    inside: dict[str, int] = {}  # path → the layer of the file that is visible there so far
    covers = {}
    for stage in every:
        for path, number in list(inside.items()):
            mark = stage.marks.get(path)
            if path not in stage.tree or mark:
                by = next((above for above in (path, *ancestors(path)) if above in stage.marks), path)
                covers[number, path] = Cover("covered" if mark and mark.letter == "C" else "hidden", stage.number, by)
                del inside[path]
        inside |= {path: stage.number for path, mark in stage.marks.items()
                   if mark.letter != "D" and mark.entry.kind != "dir"}  # fmt: skip
    return covers


def _mark(number: int, mark: Mark, shadow: str) -> str:
    name = mark.path + "/" * (mark.entry.kind == "dir")
    parts = [f"{mark.letter}  {name}"]
    if mark.letter == "D":
        parts.append(f"a whiteout hides layer {mark.was_in}'s")
    elif mark.entry.kind == "file":
        parts.append(f"{mark.entry.size:,} bytes" + f", over layer {mark.was_in}'s" * (mark.letter == "C"))
    colour = SHADE if shadow else COLOURS[mark.letter]
    lines = [text("   ".join(parts), colour=colour, limit=70)]
    if shadow:
        lines.append(text(f"in the shadow: {shadow}, and still here", colour=colour, size=11))
    return row(*lines, port=_port(mark.path), fill=SHADOW if shadow else PLAIN, id=file_id(number, mark.path))


def layer_id(number: int) -> str:
    """The id of the title of a layer: `layer:2`."""
    return f"layer:{number}"


def file_id(number: int, path: str) -> str:
    """The id of a path that a layer adds, changes or removes: `file:2:etc/motd`."""
    return units.harmless(f"file:{number}:{path}")


def _port(path: str) -> str:
    """A DOT port name for a path."""
    return "p" + path.encode("utf-8", "surrogateescape").hex()


def _description(every: Iterable[Stage], settings: list[str], shadows: Mapping[tuple[int, str], str]) -> str:
    lines = []
    for stage in every:
        lines.append(f"Layer {stage.number}: {stage.did}; {count(stage.layer.files_size, 'byte')} in files.")
        for mark in shown_marks(stage):
            was = f" (layer {mark.was_in} still holds it)" if mark.was_in and mark.entry.kind != "dir" else ""
            shadow = shadows.get((stage.number, mark.path), "")
            lines.append(f"  {mark.letter} {mark.path}{was}" + f" ({shadow})" * bool(shadow))
        if len(stage.marks) > MOST_MARKS:
            lines.append(f"  and {len(stage.marks) - MOST_MARKS:,} more")
    if settings:
        lines.append(f"{count(len(settings), 'step')} made no layer: {'; '.join(settings)}.")
    return "\n".join(lines) or "No layers."
