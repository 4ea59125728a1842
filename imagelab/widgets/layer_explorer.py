"""LayerExplorer: the file system after each layer, with what the layer changed.

A click on a layer in the picture of the stack opens it, as the slider does; a file in the picture says which layer it
comes from and what hides it. Below stands the file tree of the layers up to the open one: which paths the layer added
(A), changed (C) and removed (D), and the layer that each path comes from. A page has at most about `ROWS` rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

import ipywidgets

from .. import units
from ..analysis.layer_changes import WORDS, Mark, Stage, stages
from ..drawings.drawing import count, names
from ..drawings.stack import MOST_LAYERS, draw_stages, file_id, hidden_by, layer_id, shown_marks
from ..errors import LabError
from ..filesystem.entry import ancestors, order, parent_of
from ..oci.image import Image
from .base import Readable, html_area, show_errors, side_by_side
from .html_table import CHANGE_STYLES, cell, code, number, table
from .slider import Slider
from .touch import Node, TouchDrawing

ROWS = 150  # shown at a time
FEW = 8  # paths shown of each folder, where not all fit
HINT = "Click a layer to open it; point at a file to see where it comes from. By keyboard: arrows, and Enter opens."


class LayerExplorer(Readable):
    """A widget that shows an image's file system layer by layer.

    Holds only the image. `slider.value` is the layer (from 1); `only_changes.value` hides the paths it did not touch;
    `picture` is the stack.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        layers = len(image.layers)
        stops = [(f"{number} of {layers}", number) for number in range(1, layers + 1)]
        self.slider = Slider("Layer", stops, disabled=layers < 2)
        self.only_changes = ipywidgets.Checkbox(
            description="Only what this layer changed", indent=False, layout=ipywidgets.Layout(width="auto")
        )
        self.page = html_area()
        self.picture = TouchDrawing(self._act, HINT)
        self._stages: list[Stage] = []
        damage = ""
        try:
            self._stages = stages(image)
        except LabError as error:
            damage = str(error)
        self._drawing = draw_stages(image, self._stages)
        self._files = _file_nodes(self._stages)
        show = show_errors(self.page, self._show)
        self.slider.observe(show, "value")
        self.only_changes.observe(show, "value")
        if damage:
            self.page.value = f'<p role="alert"><b>This image cannot be shown.</b> {escape(damage)}</p>'
        else:
            show()
        title = f"<b>Layer explorer</b>: {escape(units.harmless(names(image)))}, {count(layers, 'layer')}"
        opened = [self.slider, self.only_changes, self.page]
        columns = [_column(self.picture.parts, "1 1 32em"), _column(opened, "1 1 24em")] if self._stages else opened
        super().__init__(
            [html_area(title), side_by_side(*columns)],
            html=f"<p>{title}</p>{self._without_kernel() or self.page.value}",
            plain=self._text() or damage or "This image has no layers.",
        )

    def _show(self, *_: object) -> None:
        if self._stages:
            self.picture.show(self._drawing, {**_layer_nodes(self._stages, self.slider.value), **self._files})
            self.page.value = page(self._stages[self.slider.value - 1], len(self._stages), self.only_changes.value)
        else:
            self.page.value = "<p>This image has no layers: its file system is empty.</p>"

    def _act(self, event: str, node: str, target: str | None) -> str:
        """Open the layer that was clicked, or the one of the file that was clicked."""
        number = int(node.split(":")[1])
        self.slider.value = number
        stage = self._stages[number - 1]
        return f"Layer {number} of {len(self._stages)} is open: it {stage.did}."

    def _without_kernel(self) -> str:
        """The stack, and the page of every layer, one below the other."""
        pages = [self._drawing._repr_html_()] if self._stages else []
        for stage in self._stages:
            opened = " open" if stage.number == len(self._stages) else ""
            summary = f"<summary>Layer {stage.number}: {escape(stage.created_by)}</summary>"
            pages.append(f"<details{opened}>{summary}{page(stage, len(self._stages), False, rows=40)}</details>")
        return "".join(pages)

    def _text(self) -> str:
        lines = [f"Layer explorer: {names(self.image)}"] if self._stages else []
        for stage in self._stages:
            lines.append(f"Layer {stage.number} ({units.harmless(stage.created_by)}): {stage.did}")
            lines += [f"  {mark.letter} {units.harmless(mark.path)}" for mark in list(stage.marks.values())[:ROWS]]
        return "\n".join(lines)


def _column(widgets: Sequence[ipywidgets.Widget], flex: str) -> ipywidgets.VBox:
    """A column beside another one, or above it where the page is narrow."""
    return ipywidgets.VBox([*widgets], layout=ipywidgets.Layout(flex=flex, min_width="0", max_width="100%"))


def _layer_nodes(every: list[Stage], chosen: int) -> dict[str, Node]:
    return {
        layer_id(stage.number): Node(
            f"layer {stage.number}: {stage.did}", note=f"Layer {stage.number} {stage.did}: {stage.created_by}",
            pressed=stage.number == chosen,
        )
        for stage in reversed(every[-MOST_LAYERS:])
    }  # fmt: skip


def _file_nodes(every: list[Stage]) -> dict[str, Node]:
    """The files in the picture: each says where it comes from and what hides it, and lights up both."""
    covers = hidden_by(every)
    nodes = {}
    for stage in every[-MOST_LAYERS:]:
        for mark in shown_marks(stage):
            place, words, same = file_id(stage.number, mark.path), [f"{mark.path}: {_did(mark)}"], []
            if mark.was_in:
                below = file_id(mark.was_in, mark.path)
                same += [below, f"{place}->{below}", layer_id(mark.was_in)]
            if cover := covers.get((stage.number, mark.path)):
                above = file_id(cover.layer, cover.by)
                same += [above, f"{above}->{place}", layer_id(cover.layer)]
                how = "its own file there covers this one" if cover.how == "covered" else "a whiteout there hides it"
                words.append(f"From layer {cover.layer} on it is out of sight: {how}. Its bytes stay in this layer.")
            elif mark.letter != "D" and mark.entry.kind != "dir":
                words.append("No later layer hides it: it is the file that a container sees.")
            text = units.harmless(" ".join(words))
            nodes[place] = Node(f"{units.harmless(mark.path)}, in layer {stage.number}", same=tuple(same), note=text)
    return nodes


def _did(mark: Mark) -> str:
    """What a layer did to a path, as a sentence."""
    size = f", {count(mark.entry.size, 'byte')}" if mark.entry.kind == "file" and mark.letter != "D" else ""
    if mark.letter == "A":
        return f"it comes from layer {mark.layer}{size}."
    if mark.letter == "D":
        return f"a whiteout in layer {mark.layer} hides the one of layer {mark.was_in}, which still holds its bytes."
    over = "" if mark.entry.kind == "dir" else f", which covers the one of layer {mark.was_in}"
    return f"changed by layer {mark.layer}{size}{over}."


def page(stage: Stage, layers: int, only_changes: bool, rows: int = ROWS) -> str:
    """HTML of one layer out of `layers`: what it did, and the tree with it on top, in at most about `rows` rows."""
    created_by = escape(units.harmless(stage.created_by))
    head = (
        f"<p><b>Layer {stage.number} of {layers}</b>: "
        f'<code style="white-space:normal;overflow-wrap:anywhere">{created_by}</code><br/>'
        f"{stage.did}; {count(stage.layer.files_size, 'byte')} in files, {stage.layer.size:,} bytes as stored.</p>"
    )
    titles = ["CHANGE", "PATH", "BYTES", "FROM LAYER"]
    caption = "A added, C changed, D removed by this layer"
    return head + table(titles, _rows(stage, only_changes, rows), numbers=("BYTES", "FROM LAYER"), caption=caption)


def _rows(stage: Stage, only_changes: bool, limit: int) -> Iterator[str]:
    """The rows of the tree: all paths if they fit; else the changed ones, the folders above, and counts of the rest."""
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
    folders: list[str] = []  # those above the row, outermost first; after a folder's last row comes its hidden count
    for path in shown:
        while folders and not path.startswith(folders[-1] + "/"):
            yield from _more(folders.pop(), hidden)
        yield _row(stage, path)
        folders.append(path)
    while folders:
        yield from _more(folders.pop(), hidden)
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
    letter, style = (mark.letter, CHANGE_STYLES[mark.letter]) if mark else ("", "")
    name = path.rpartition("/")[2] + "/" * (entry.kind == "dir")
    if entry.kind == "symlink":
        name += f" → {entry.link}"
    size = f"{entry.size:,}" if entry.kind == "file" else ""
    origin = f"{stage.origin[path]}" if path in stage.origin else f"hidden, still in {mark.was_in}" if mark else ""
    shown = f'<abbr title="{WORDS[mark.letter]}" style="text-decoration:none">{letter}</abbr>' if mark else ""
    indented = f"padding-left:{8 + 18 * path.count('/')}px;{style}"
    cells = [
        cell(shown, style),
        cell(code(name, "text-decoration:line-through" * (letter == "D")), indented),
        number(size, style),
        number(origin, style),
    ]
    return f'<tr title="{escape(units.harmless(path))}">{"".join(cells)}</tr>\n'


def _more(folder: str, hidden: Counter[str]) -> Iterator[str]:
    if paths := hidden[folder]:
        depth = folder.count("/") + 1 if folder else 0
        indent = f"padding:0 8px 0 {8 + 18 * depth}px"
        yield f'<tr><td></td><td colspan="3" style="text-align:left;{indent}"><i>and {paths:,} more</i></td></tr>\n'
