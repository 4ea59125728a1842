"""LayerExplorer: the file system after each layer, with what the layer changed.

A slider over the layers, and below it the tree as it looks once that layer is on top: what it added (A), changed (C)
and removed (D), and for every path the layer it comes from. However many files there are, a page stays short.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape

import ipywidgets

from .. import units
from ..analysis.layer_changes import WORDS, Stage, stages
from ..errors import LabError
from ..filesystem.entry import ancestors, order, parent_of
from ..oci.image import Image
from .base import Readable, fluid, in_words

ROWS = 150  # shown at a time
FEW = 8  # of each folder, when there are more than that

# Ground and ink together, so that they are readable in a light theme and in a dark one; the letter says it again.
STYLES = {
    "A": "background:#CFE6F5;color:#00304D",
    "C": "background:#FBE6BF;color:#4A3000",
    "D": "background:#F9D9C8;color:#5C2200",
}


class LayerExplorer(Readable):
    """A widget that shows an image's file system layer by layer.

    Holds nothing but the image; `slider.value` is the layer (from 1), `only_changes.value` hides what it left alone.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        number = len(image.layers)
        self.slider = ipywidgets.IntSlider(
            value=min(number, 1), min=min(number, 1), max=number, description="Layer", disabled=number < 2,
            continuous_update=True, layout=ipywidgets.Layout(width="min(100% - 4px, 28em)"),
        )  # fmt: skip
        self.only_changes = ipywidgets.Checkbox(
            description="Only what this layer changed", indent=False, layout=ipywidgets.Layout(width="auto")
        )
        self.page = fluid("")
        self._stages: list[Stage] = []
        trouble = ""
        try:
            self._stages = stages(image)
        except LabError as error:
            trouble = str(error)
        show = in_words(self.page, self._show)
        self.slider.observe(show, "value")
        self.only_changes.observe(show, "value")
        if trouble:
            self.page.value = f'<p role="alert"><b>This image cannot be shown.</b> {escape(trouble)}</p>'
        else:
            show()
        title = f"<b>Layer explorer</b>: {escape(_called(image))}, {_count(number, 'layer')}"
        super().__init__(
            [fluid(title), self.slider, self.only_changes, self.page],
            html=f"<p>{title}</p>{self._all_pages() or self.page.value}",
            plain=self._in_words() or trouble or "This image has no layers.",
        )

    def _show(self, *_: object) -> None:
        if self._stages:
            self.page.value = page(self._stages[self.slider.value - 1], len(self._stages), self.only_changes.value)
        else:
            self.page.value = "<p>This image has no layers: its file system is empty.</p>"

    def _all_pages(self) -> str:
        """What the slider would show at each stop, one under another, for readers without a kernel."""
        pages = []
        for stage in self._stages:
            opened = " open" if stage.number == len(self._stages) else ""
            summary = f"<summary>Layer {stage.number}: {escape(stage.created_by)}</summary>"
            pages.append(f"<details{opened}>{summary}{page(stage, len(self._stages), False, rows=40)}</details>")
        return "".join(pages)

    def _in_words(self) -> str:
        lines = [f"Layer explorer: {_called(self.image)}"] if self._stages else []
        for stage in self._stages:
            lines.append(f"Layer {stage.number} ({units.harmless(stage.created_by)}): {stage.did}")
            lines += [f"  {mark.letter} {units.harmless(mark.path)}" for mark in list(stage.marks.values())[:ROWS]]
        return "\n".join(lines)


def page(stage: Stage, of: int, only_changes: bool, rows: int = ROWS) -> str:
    """One stop of the slider as HTML: what the layer did, and the tree with at most about so many rows."""
    said = escape(units.harmless(stage.created_by))
    head = (
        f"<p><b>Layer {stage.number} of {of}</b>: "
        f'<code style="white-space:normal;overflow-wrap:anywhere">{said}</code><br/>'
        f"{stage.did}; {_count(stage.layer.files_size, 'byte')} in files, {stage.layer.size:,} bytes as stored.</p>"
    )
    titles = "".join(
        f'<th scope="col" style="text-align:{side};padding:0 8px">{title}</th>'
        for title, side in (("CHANGE", "left"), ("PATH", "left"), ("BYTES", "right"), ("FROM LAYER", "right"))
    )
    body = "".join(_rows(stage, only_changes, rows))
    caption = '<caption style="text-align:left">A added, C changed, D removed by this layer</caption>'
    return (
        f'{head}<div style="overflow-x:auto">'
        f'<table style="border-collapse:collapse;line-height:1.35;white-space:nowrap">{caption}'
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _rows(stage: Stage, only_changes: bool, limit: int) -> Iterator[str]:
    """The rows of the tree: all of it where it fits, else what changed, the folders above, and counts of the rest."""
    everything = sorted({path for path in stage.tree if path} | stage.marks.keys(), key=order)
    if len(everything) <= limit and not only_changes:
        shown = everything
    else:
        first = set(sorted(stage.marks, key=lambda path: (stage.marks[path].letter == "A", order(path)))[:limit])
        if not only_changes:
            first |= set(_some_of_each_folder(everything)[: limit - len(first)])
        shown = sorted(first | {above for path in first for above in ancestors(path)}, key=order)
    hidden: Counter[str] = Counter()
    visible = set(shown)
    for path in everything:
        if path not in visible and (path in stage.marks or not only_changes):
            hidden[next((above for above in ancestors(path) if above in visible), "")] += 1
    waiting: list[str] = []  # the folders we are in, whose count of hidden paths comes after their last row
    for path in shown:
        while waiting and not path.startswith(waiting[-1] + "/"):
            yield from _more(waiting.pop(), hidden)
        yield _row(stage, path)
        waiting.append(path)
    while waiting:
        yield from _more(waiting.pop(), hidden)
    yield from _more("", hidden)


def _some_of_each_folder(paths: list[str]) -> list[str]:
    """The first few paths of every folder, those near the root first."""
    taken: Counter[str] = Counter()
    few = {"": None}
    for path in sorted(paths, key=lambda path: path.count("/")):
        folder = parent_of(path)
        if folder in few and taken[folder] < FEW:
            taken[folder] += 1
            few[path] = None
    return list(few)[1:]


def _row(stage: Stage, path: str) -> str:
    mark = stage.marks.get(path)
    entry = mark.entry if mark else stage.tree[path]
    letter, style = (mark.letter, STYLES[mark.letter]) if mark else ("", "")
    name = units.harmless(path.rpartition("/")[2]) + "/" * (entry.kind == "dir")
    if entry.kind == "symlink":
        name += f" → {units.harmless(entry.link)}"
    size = f"{entry.size:,}" if entry.kind == "file" else ""
    origin = f"{stage.origin[path]}" if path in stage.origin else f"hidden, still in {mark.was_in}" if mark else ""
    word = f'<abbr title="{WORDS[mark.letter]}" style="text-decoration:none">{letter}</abbr>' if mark else ""
    struck = ";text-decoration:line-through" if letter == "D" else ""
    inner = f'<code style="background:none;color:inherit{struck}">{escape(name)}</code>'
    cells = [("left", word, 0), ("left", inner, path.count("/")), ("right", size, 0), ("right", origin, 0)]
    shown = "".join(
        f'<td style="text-align:{side};padding:0 8px 0 {8 + 18 * depth}px;{style}">{cell}</td>'
        for side, cell, depth in cells
    )
    return f'<tr title="{escape(units.harmless(path))}">{shown}</tr>\n'


def _more(folder: str, hidden: Counter[str]) -> Iterator[str]:
    if number := hidden[folder]:
        depth = folder.count("/") + 1 if folder else 0
        indent = f"padding:0 8px 0 {8 + 18 * depth}px"
        yield f'<tr><td></td><td colspan="3" style="text-align:left;{indent}"><i>and {number:,} more</i></td></tr>\n'


def _called(image: Image) -> str:
    return ", ".join(name.familiar for name in image.names) or image.id.short


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)


