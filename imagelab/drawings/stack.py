"""`draw.stack`: the layers of an image, and which files of a lower layer are hidden.

Each layer shows what it adds, changes and removes. Where a layer covers or hides a file of a lower one, a dashed arrow
goes down to it, and the file lies in a shadow: out of sight, and all its bytes still there. Steps that only set
something leave no layer, and say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from ..analysis.layer_changes import Mark, Stage, stages
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
    called,
    count,
    digraph,
    row,
    text,
)

if TYPE_CHECKING:
    from ..oci.image import Image

COLOURS = {"A": ADDED, "C": CHANGED, "D": REMOVED}
MOST_MARKS = 8  # of one layer; a picture of a thousand files shows nothing
MOST_LAYERS = 24
WIDTH = 330  # points: one width for all, so that they lie on one another


def stack(image: Image, paths: int = MOST_MARKS) -> Drawing:
    """The layers of an image, newest on top, each with at most so many of the paths it adds, changes and removes."""
    found = stages(image)
    shown = found[-MOST_LAYERS:]
    visible = {stage.number: _shown(stage, paths) for stage in shown}
    shadows = _shadows(found)
    graph = digraph(rankdir="TB", nodesep="0.2", ranksep="0.35")
    settings = [step.created_by for step in image.steps if step.layer is None]
    if settings:
        rows = [row(*(text(line or "(nothing said)", size=11) for line in settings))]
        title = f"no layer: {count(len(settings), 'step')} wrote only to the config"
        graph.node("settings", box(title, rows, fill=QUIET, width=WIDTH))
    for stage in reversed(shown):
        rows = [row(text(stage.created_by, size=11))] if stage.created_by else []
        rows += [_mark(mark, shadows.get((stage.number, mark.path), "")) for mark in visible[stage.number]]
        left_out = len(stage.marks) - len(visible[stage.number])
        if left_out:
            rows.append(row(text(f"and {count(left_out, 'more path')}"), fill=QUIET))
        size = f"{stage.layer.files_size:,} bytes in files, {stage.layer.size:,} as stored"
        graph.node(f"s{stage.number}", box(f"layer {stage.number}", rows, fill=LAYER, subtitle=size, width=WIDTH))
    order = ["settings"] * bool(settings) + [f"s{stage.number}" for stage in reversed(shown)]
    for upper, lower in pairwise(order):
        graph.edge(upper, lower, style="invis")
    for stage in shown:
        for mark in visible[stage.number]:
            below = visible.get(mark.was_in or 0, [])
            if any(other.path == mark.path for other in below):
                graph.edge(f"s{stage.number}:{_port(mark.path)}:e", f"s{mark.was_in}:{_port(mark.path)}:e",
                           style="dashed", color=COLOURS[mark.letter], constraint="false")
    if not order:
        graph.node("none", box("no layers", fill=QUIET))
    return Drawing(graph, f"Layers of {called(image)}", _words(found, settings, shadows))


def _shown(stage: Stage, limit: int) -> list[Mark]:
    """The marks worth a row: removals and changes before additions, files before folders, in path order."""
    marks = list(stage.marks.values())
    best = sorted(marks, key=lambda mark: (mark.letter == "A", mark.entry.kind == "dir"))[:limit]
    return [mark for mark in marks if mark in best]


def _shadows(found: list[Stage]) -> dict[tuple[int, str], str]:
    """For each file of a layer that a later layer took out of sight, by layer number and path: which layer, and how."""
    inside: dict[str, int] = {}  # path → the layer that its file is in, of those in sight so far
    shadows = {}
    for stage in found:
        for path, number in list(inside.items()):
            mark = stage.marks.get(path)
            if path not in stage.tree or mark:
                how = "covered" if mark and mark.letter == "C" else "hidden"
                shadows[number, path] = f"{how} by layer {stage.number}"
                del inside[path]
        inside |= {path: stage.number for path, mark in stage.marks.items()
                   if mark.letter != "D" and mark.entry.kind != "dir"}  # fmt: skip
    return shadows


def _mark(mark: Mark, shadow: str) -> str:
    name = mark.path + "/" * (mark.entry.kind == "dir")
    said = [f"{mark.letter}  {name}"]
    if mark.letter == "D":
        said.append(f"a whiteout hides layer {mark.was_in}'s")
    elif mark.entry.kind == "file":
        said.append(f"{mark.entry.size:,} bytes" + f", over layer {mark.was_in}'s" * (mark.letter == "C"))
    colour = SHADE if shadow else COLOURS[mark.letter]
    lines = [text("   ".join(said), colour=colour, limit=70)]
    if shadow:
        lines.append(text(f"in the shadow: {shadow}, and still here", colour=colour, size=11))
    return row(*lines, port=_port(mark.path), fill=SHADOW if shadow else PLAIN)


def _port(path: str) -> str:
    """A name that DOT takes for a port."""
    return "p" + path.encode("utf-8", "surrogateescape").hex()


def _words(found: Iterable[Stage], settings: list[str], shadows: Mapping[tuple[int, str], str]) -> str:
    lines = []
    for stage in found:
        lines.append(f"Layer {stage.number}: {stage.did}; {count(stage.layer.files_size, 'byte')} in files.")
        for mark in _shown(stage, MOST_MARKS):
            was = f" (layer {mark.was_in} still holds it)" if mark.was_in and mark.entry.kind != "dir" else ""
            shadow = shadows.get((stage.number, mark.path), "")
            lines.append(f"  {mark.letter} {mark.path}{was}" + f" ({shadow})" * bool(shadow))
        if len(stage.marks) > MOST_MARKS:
            lines.append(f"  and {len(stage.marks) - MOST_MARKS:,} more")
    if settings:
        lines.append(f"{count(len(settings), 'step')} made no layer: {'; '.join(settings)}.")
    return "\n".join(lines) or "No layers."
