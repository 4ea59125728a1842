"""WasteMeter: put layers on an image and measure its bytes.

Three steps to choose, each a layer: add a file, overwrite one, delete one, change its mode. Below them the image's
size, what a container would see of it, what is wasted and how efficient that is, before and after; and every path's
bytes in every layer, those in the shadow of a later layer shown so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import ipywidgets

from .. import units
from ..analysis.waste import PathWaste, Waste, waste
from ..errors import LabError
from ..filesystem.entry import Entry
from ..filesystem.tree import Changes, Tree, with_parents
from ..oci.image import Image
from ..oci.layer import Layer
from .base import Readable, fluid, in_words

STEPS = 3
MOST_FILES = 12  # to choose from, the largest
ROWS = 12  # of the table of paths
NEW = "tmp/download.bin"  # a file to add, beside those that the image has
NOTHING, ADD, OVERWRITE, DELETE, CHMOD = "do nothing", "add", "overwrite", "delete", "change mode"
MB = 1_000_000
SIZES = {"1 kB": 1_000, "100 kB": 100_000, "500 kB": 500_000, "1 MB": MB, "2 MB": 2 * MB}

# Ground and ink together; the words say it again.
SEEN, UNSEEN = "background:#CFE6F5;color:#00304D", "background:#D6D6D6;color:#303030"


@dataclass(frozen=True, slots=True)
class Step:
    """What one step does: an action, the file it is done to, and the file's new size in bytes."""

    action: str = NOTHING
    path: str = ""
    size: int = 0

    def __str__(self) -> str:
        path = units.harmless(self.path)
        if self.action in (ADD, OVERWRITE):
            return f"{self.action} {path} ({self.size:,} bytes)"
        return f"{self.action} of {path}" if self.action == CHMOD else f"{self.action} {path}"

    def on(self, tree: Tree, number: int) -> Layer:
        """The layer this makes on a file system; raises LabError where it cannot be done there."""
        there = tree.get(self.path)
        shown = units.harmless(self.path)
        if self.action == ADD and there is not None:
            raise LabError(f"{shown} is there already: overwrite it, or add another file")
        if self.action != ADD and there is None:
            raise LabError(f"{shown} is not there at this point: add it first, or choose another file")
        if self.action == DELETE:
            changes = Changes(removed=frozenset([self.path]))
        elif self.action == CHMOD and there is not None:
            changes = Changes({self.path: replace(there, mode=there.mode ^ 0o111)})
        else:
            changes = Changes({self.path: Entry.file(bytes([number]) * self.size)})
        return Layer.of(with_parents(tree, changes), clamp=0)


class WasteMeter(Readable):
    """A widget in which up to three layers are put on an image, in memory, and what they waste is measured.

    Holds nothing but the image; the layers are real ones and are kept nowhere. `steps`, for a start, are
    (action, path) or (action, path, bytes), the action one of `add`, `overwrite`, `delete` and `change mode`.
    Raises LabError for a step that it does not know.
    """

    def __init__(self, image: Image, steps: Iterable[Sequence[str | int]] = ()) -> None:
        self.image = image
        self._start = [_parsed(step) for step in steps][:STEPS]
        self._start += [Step()] * (STEPS - len(self._start))
        self.page = fluid()
        self.actions: list[ipywidgets.ToggleButtons] = []
        self.files: list[ipywidgets.SelectionSlider] = []
        self.sizes: list[ipywidgets.SelectionSlider] = []
        self.again = ipywidgets.Button(description="Start again", tooltip="Set the steps to what they were at first")
        paths, trouble = [NEW], ""
        try:
            paths = _paths(image, self._start)
        except LabError as error:  # a damaged image; the page will say so
            trouble = str(error)
        others = {step.size for step in self._start if step.size} - set(SIZES.values())
        sizes = SIZES | {f"{size:,} bytes": size for size in sorted(others)}
        show = in_words(self.page, self._show)
        named = [(units.harmless(path), path) for path in paths]
        rows: list[ipywidgets.Widget] = []
        for number, step in enumerate(self._start, 1):
            action = _buttons(number, step.action)
            file = _slider(f"Step {number} file", named, step.path or paths[0])
            size = _slider(f"Step {number} size", list(sizes.items()), step.size or MB)
            self.actions.append(action)
            self.files.append(file)
            self.sizes.append(size)
            for control in (action, file, size):
                control.observe(show, "value")
            rows += [action, _side_by_side(_side_by_side(file, _value_of(file)), _side_by_side(size, _value_of(size)))]
        self.again.on_click(in_words(self.page, self._reset))
        show()
        called = ", ".join(name.familiar for name in image.names) or image.id.short
        title = f"<b>Waste meter</b>: {escape(called)}, and up to {STEPS} layers more"
        plain = trouble or _in_words(Measured(image, self.steps))
        super().__init__(
            [fluid(title), *rows, self.again, self.page],
            html=f"<p>{title}</p>{self.page.value}", plain=f"Waste meter: {called}\n{plain}",
        )  # fmt: skip

    @property
    def steps(self) -> list[Step]:
        """What is chosen now."""
        chosen = zip(self.actions, self.files, self.sizes, strict=True)
        return [Step(action.value, file.value, size.value) for action, file, size in chosen]

    def _reset(self, *_: object) -> None:
        for step, action, file, size in zip(self._start, self.actions, self.files, self.sizes, strict=True):
            action.value = step.action
            file.value = step.path or file.options[0][1]
            size.value = step.size or MB

    def _show(self, *_: object) -> None:
        for action, file, size in zip(self.actions, self.files, self.sizes, strict=True):
            file.disabled = action.value == NOTHING
            size.disabled = action.value not in (ADD, OVERWRITE)
        measured = Measured(self.image, self.steps)
        self.page.value = f'<div role="status">{page(measured)}</div>'


class Measured:
    """An image with some steps' layers on top: its waste `before` and `now`, and the `troubles` of steps left out."""

    def __init__(self, image: Image, steps: Sequence[Step]) -> None:
        below, tree = list(image.layers), image.tree()
        self.below, self.layers = below, list(below)
        self.troubles: list[str] = []
        self.made: list[tuple[int, Step]] = []
        for number, step in enumerate(steps, 1):
            if step.action == NOTHING:
                continue
            try:
                layer = step.on(tree, number)
                tree = tree.apply(layer.changes())
            except LabError as error:
                self.troubles.append(f"Step {number} makes no layer: {error}.")
                continue
            self.layers.append(layer)
            self.made.append((len(self.layers), step))
        self.tree = tree
        self.before: Waste = waste(below)
        self.now: Waste = waste(self.layers)

    @property
    def numbers(self) -> list[tuple[str, str, str, str]]:
        """What is measured, before, now, and the difference."""
        was, now = self.before, self.now
        stored = [sum(layer.size for layer in layers) for layers in (self.below, self.layers)]
        rows = [
            ("image size", was.size, now.size), ("layers as stored", stored[0], stored[1]),
            ("merged size", was.visible, now.visible), ("wasted", was.wasted, now.wasted),
        ]  # fmt: skip
        shares = [units.percent(found.smallest, found.size) for found in (was, now)]
        counted = [(what, f"{a:,}", f"{b:,}", _signed(b - a)) for what, a, b in rows]
        return [*counted, ("efficiency", shares[0], shares[1], "")]

    @property
    def note(self) -> str:
        """A word on a waste that is more than what is hidden."""
        if self.now.wasted == self.now.hidden:
            return ""
        grown = [path.path for path in self.now.paths if path.wasted > path.hidden]
        return (
            f"Wasted is more than the {self.now.hidden:,} bytes that are hidden: {units.harmless(grown[0])} was once "
            "smaller, or not there, and dive counts from the smallest that a path has been."
        )


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else "0"


def page(measured: Measured) -> str:
    """The numbers, a bar and the table of paths as HTML."""
    trouble = "".join(f'<p role="alert"><b>{escape(trouble)}</b></p>' for trouble in measured.troubles)
    made = "<br/>".join(f"Layer {number}: {escape(str(step))}" for number, step in measured.made)
    numbers = "".join(
        f'<tr><th scope="row" style="text-align:left;padding:0 8px">{what}</th>'
        + "".join(f'<td style="text-align:right;padding:0 8px">{cell}</td>' for cell in cells)
        + "</tr>\n"
        for what, *cells in measured.numbers
    )
    note = f"<p>{escape(measured.note)}</p>" if measured.note else ""
    return (
        f"{trouble}<p>{made or 'No step makes a layer yet: choose what the first one does.'}</p>{_bar(measured.now)}"
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.35;white-space:nowrap">'
        f'<caption style="text-align:left">In bytes</caption><thead><tr>{_head(["", "BEFORE", "NOW", "CHANGE"])}</tr>'
        f"</thead><tbody>{numbers}</tbody></table></div>{note}{_paths_table(measured)}"
    )


def _bar(found: Waste) -> str:
    """The image's size as a bar: what is in sight, and what is hidden."""
    if not found.size:
        return "<p>There are no bytes in this image.</p>"
    share = round(1000 * found.visible / found.size) / 10
    seen, hidden = units.size(found.visible, 3), units.size(found.hidden, 3)
    said = f"{seen} in sight, {hidden} hidden"
    part = "display:inline-block;height:1.2em;vertical-align:top;box-sizing:border-box"
    hatch = "background:repeating-linear-gradient(45deg,#8A8A8A 0 6px,#D6D6D6 6px 12px)"
    return (
        f'<div role="img" aria-label="{said}" style="border:1px solid #666;max-width:36em;line-height:0">'
        f'<span style="{part};width:{share}%;background:#0072B2"></span>'
        f'<span style="{part};width:{100 - share:.1f}%;{hatch}"></span></div>'
        f'<p style="margin:2px 0 8px"><span style="{SEEN};padding:0 6px">{seen} in sight</span> '
        f'<span style="{UNSEEN};padding:0 6px">{hidden} hidden (hatched)</span></p>'
    )


def _head(titles: Iterable[str]) -> str:
    return "".join(
        f'<th scope="col" style="text-align:{"left" if title in ("", "PATH") else "right"};padding:0 8px">{title}</th>'
        for title in titles
    )


def _paths_table(measured: Measured) -> str:
    """Each path's bytes in each layer, those that nobody sees in the shadow; at most so many paths."""
    of_steps = {step.path for _, step in measured.made}
    found = sorted(measured.now.paths, key=lambda p: (p.path not in of_steps, -p.wasted, -p.cumulative, p.path))
    layers = range(1, len(measured.layers) + 1)
    titles = ["PATH", *(f"LAYER {number}" for number in layers), "IN SIGHT", "WASTED"]
    rows = "".join(f"<tr>{''.join(_cells(path, layers, measured.tree))}</tr>\n" for path in found[:ROWS])
    more = f"<p>and {len(found) - ROWS:,} more paths</p>" if len(found) > ROWS else ""
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.35;white-space:nowrap">'
        '<caption style="text-align:left;padding-top:8px">What each layer holds of each path, in bytes. In the shadow: '
        f"hidden by a later layer</caption><thead><tr>{_head(titles)}</tr></thead><tbody>{rows}</tbody></table></div>"
        + more
    )


def _cells(path: PathWaste, layers: Iterable[int], tree: Tree) -> Iterator[str]:
    name = f'<code style="background:none;color:inherit">{escape(units.harmless(path.path))}</code>'
    yield f'<td style="text-align:left;padding:0 8px">{name}</td>'
    sizes: dict[int, int] = {}
    for number, size in zip(path.layers, path.sizes, strict=True):
        sizes[number] = sizes.get(number, 0) + size
    last = max(sizes) if path.path in tree and tree[path.path].kind != "dir" else 0
    for number in layers:
        if number not in sizes:
            yield "<td></td>"
        elif number == last:
            yield f'<td style="text-align:right;padding:0 8px;{SEEN}">{sizes[number]:,}</td>'
        elif sizes[number]:
            yield f'<td style="text-align:right;padding:0 8px;{UNSEEN}">{sizes[number]:,} hidden</td>'
        else:
            yield '<td style="text-align:right;padding:0 8px"><i>removed</i></td>'
    for number in (path.visible, path.wasted):
        yield f'<td style="text-align:right;padding:0 8px">{number:,}</td>'


def _in_words(measured: Measured) -> str:
    """The same for a reader of plain text."""
    lines = [*measured.troubles, *(f"Layer {number}: {step}" for number, step in measured.made)]
    lines += [f"{what}: {was} before, {now} now" for what, was, now, _ in measured.numbers]
    lines += [f"{units.harmless(path.path)}: {path.wasted:,} bytes wasted" for path in measured.now.worst[:ROWS]]
    return "\n".join([*lines, *([measured.note] if measured.note else [])])


def _parsed(step: Sequence[str | int]) -> Step:
    action, path, *size = step
    if action not in (ADD, OVERWRITE, DELETE, CHMOD):
        raise LabError(f"{action!r} is no step of the waste meter: it has {ADD}, {OVERWRITE}, {DELETE} and {CHMOD!r}")
    return Step(str(action), str(path), int(size[0]) if size else 0)


def _paths(image: Image, steps: Sequence[Step]) -> list[str]:
    """The files to choose from: those of the steps, the image's largest, and a new one."""
    tree = image.tree()
    files = sorted((path for path in tree if tree[path].kind == "file"), key=lambda path: (-tree[path].size, path))
    return list(dict.fromkeys([*(step.path for step in steps if step.path), *files[:MOST_FILES], NEW]))


def _buttons(number: int, action: str) -> ipywidgets.ToggleButtons:
    """One button for each action. A list to open would need the up and down keys, and JupyterLab takes those first."""
    actions = [NOTHING, ADD, OVERWRITE, DELETE, CHMOD]
    return ipywidgets.ToggleButtons(
        description=f"Step {number}", options=actions, value=action,
        tooltips=[f"Step {number}: {each}" for each in actions],
        style=ipywidgets.ToggleButtonsStyle(button_width="auto"), layout=ipywidgets.Layout(width="auto"),
    )  # fmt: skip


def _slider(description: str, options: list[tuple[str, Any]], value: object) -> ipywidgets.SelectionSlider:
    """A slider over some options, moved by the left and right keys."""
    layout = ipywidgets.Layout(width="15em")
    return ipywidgets.SelectionSlider(
        description=description, options=options, value=value, readout=False, layout=layout
    )  # fmt: skip


def _value_of(slider: ipywidgets.SelectionSlider) -> ipywidgets.Label:
    """What a slider stands at, in full: its own readout is as narrow as a number."""
    names = {value: name for name, value in slider.options}
    label = ipywidgets.Label(layout=ipywidgets.Layout(min_width="8em"))
    ipywidgets.dlink((slider, "value"), (label, "value"), names.__getitem__)
    return label


def _side_by_side(*widgets: ipywidgets.Widget) -> ipywidgets.HBox:
    return ipywidgets.HBox(widgets, layout=ipywidgets.Layout(flex_flow="row wrap"))
