"""`draw.build`: stages and steps of a build, and which stages were left out; and the lines of a Dockerfile.

Each stage is a column of steps; each step shows HIT or MISS, and the layer it made. An arrow goes from a stage to the
COPY --from or FROM that uses it. A stage that the target does not need is shown as not built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .drawing import CONFIG, LAYER, MANIFEST, PLAIN, QUIET, TAG, Drawing, box, count, digraph, row, text

if TYPE_CHECKING:
    from ..build.progress import BuildStage, BuildStep, Built

MOST_STEPS = 24  # of one stage; the rest is counted in one row
MOST_CHARACTERS = 70  # of a Dockerfile's line, and of what became of it
WIDTH = 420  # points, of a Dockerfile
NEW_LINE = "line:new"  # the id of the place for another line
FILLS = {"HIT": LAYER, "MISS": MANIFEST, "": PLAIN}


def build(built: Built) -> Drawing:
    """What a build did: its stages, each step with its cache state and layer, and which stages were left out."""
    graph = digraph(rankdir="LR", nodesep="0.3", ranksep="0.7")
    images: dict[str, str] = {}
    words: list[str] = []
    for stage in built.stages:
        steps = [step for step in built.steps if step.at == stage.index]
        graph.node(f"s{stage.index}", _column(stage, steps), id=f"stage:{stage.index}")
        words += _description(stage, steps)
        for step in steps:
            if step.needs is None:
                continue
            if isinstance(step.needs, int):
                tail = f"s{step.needs}:head"
            else:
                tail = images.setdefault(step.needs, f"i{len(images)}")
            how, style = ("--from", "dashed") if step.cache else ("FROM", "solid")
            graph.edge(tail, f"s{stage.index}:p{step.number}", label=f" {how} ", style=style)
    for name, node in images.items():
        graph.node(node, box(name, fill=CONFIG, subtitle="an image of the lab"), id=f"from:{name}")
    names = ", ".join(built.tags) or built.image.id.short
    last = built.steps[-1].at
    subtitle = f"image {built.image.id.short}, {count(len(built.image.layers), 'layer')}"
    graph.node("image", box(names, fill=TAG, subtitle=subtitle), id=f"image:{built.image.id.short}")
    graph.edge(f"s{last}:head", "image")
    words.append(f"The result is {names}, {subtitle}.")
    return Drawing(graph, f"How {names} was built", "\n".join(words))


@dataclass(frozen=True, slots=True)
class Line:
    """An instruction of a Dockerfile: the number of its line, its text, its state (HIT, MISS or ""), and why."""

    number: int
    text: str
    state: str = ""
    why: str = ""


def dockerfile(lines: Sequence[Line], title: str) -> Drawing:
    """A Dockerfile in one column, each instruction with what became of it; below the last, a place for another one."""
    rows = []
    for line in lines:
        shown = [text(f"{line.number}   {' '.join(line.text.split())}", limit=MOST_CHARACTERS)]
        outcome = "   ".join(filter(None, (line.state, line.why)))
        shown += [text(outcome, bold=bool(line.state), size=11, limit=MOST_CHARACTERS)] if outcome else []
        rows.append(row(*shown, fill=FILLS[line.state], id=line_id(line.number)))
    rows.append(row(text("+  another line", colour="#555555"), fill=QUIET, id=NEW_LINE))
    graph = digraph()
    graph.node("lines", box("Dockerfile", rows, fill=CONFIG, width=WIDTH))
    words = [f"Line {line.number}: {' '.join(line.text.split())}. {line.state} {line.why}".strip() for line in lines]
    return Drawing(graph, title, "\n".join(words) or "An empty Dockerfile.")


def line_id(number: int) -> str:
    """The id of an instruction, by the number of its line: `line:3`."""
    return f"line:{number}"


def _column(stage: BuildStage, steps: list[BuildStep]) -> str:
    title = _title(stage)
    if not stage.built:
        rows = [row(text(line, colour="#555555", size=11), fill=QUIET) for line in stage.lines[:MOST_STEPS]]
        return box(title, rows, fill=QUIET, subtitle="not built: the target needs nothing of it")
    rows = []
    for step in steps[:MOST_STEPS]:
        lines = [text(" ".join(step.instruction.split()), size=11, limit=52)]
        if step.cache:
            lines.append(text(_outcome(step), bold=True, size=11))
            lines += [text(step.reason, size=11)] if step.reason else []
        rows.append(row(*lines, port=f"p{step.number}", fill=FILLS[step.cache], id=f"step:{step.number}"))
    if len(steps) > MOST_STEPS:
        rows.append(row(text(f"and {count(len(steps) - MOST_STEPS, 'more step')}"), fill=QUIET))
    return box(title, rows, fill=PLAIN, subtitle=count(len(steps), "step"))


def _outcome(step: BuildStep) -> str:
    return f"{step.cache}   " + (f"layer {step.layer}, {count(step.size, 'byte')}" if step.layer else "no layer")


def _title(stage: BuildStage) -> str:
    return f"stage {stage.index}" + (f": {stage.name}" if stage.name else "")


def _description(stage: BuildStage, steps: list[BuildStep]) -> list[str]:
    if not stage.built:
        return [f"{_title(stage).capitalize()} was not built: the target needs nothing of it."]
    lines = [f"{_title(stage).capitalize()}:"]
    for step in steps:
        takes = f", takes from stage {step.needs}" if isinstance(step.needs, int) else ""
        takes = takes or (f", takes from the image {step.needs}" if step.needs else "")
        why = f" ({step.reason})" if step.reason else ""
        lines.append(f"  {' '.join(step.instruction.split())}" + f": {_outcome(step)}{why}" * bool(step.cache) + takes)
    return lines
