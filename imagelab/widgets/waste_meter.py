"""WasteMeter: put layers on an image and measure the bytes they waste.

Up to three steps, each of which makes a layer: add a file, overwrite one, delete one, change its mode. Below them the
image's size, the size of its merged file system, the wasted bytes and the efficiency, before and after; and the bytes
of each path in each layer, with those marked that a later layer hides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

import ipywidgets

from .. import units
from ..analysis.waste import PathWaste, Waste, waste
from ..drawings.drawing import names
from ..errors import LabError
from ..filesystem.entry import Entry
from ..filesystem.tree import Changes, Tree, with_parents
from ..oci.image import Image
from ..oci.layer import Layer
from .base import Readable, button, html_area, show_errors, side_by_side, status, toggles
from .html_table import BLUE, GREY, cell, code, row, table
from .html_table import number as number_cell
from .slider import Slider
from .toggles import Toggles

STEPS = 3
MOST_FILES = 12  # of the image to choose from: the largest
ROWS = 12  # of the table of paths
NEW = "tmp/download.bin"  # a file to add, beside those that the image has
NOTHING = "do nothing"
ACTIONS = ADD, OVERWRITE, DELETE, CHMOD = "add", "overwrite", "delete", "change mode"
MB = 1_000_000
SIZES = {"1 kB": 1_000, "100 kB": 100_000, "500 kB": 500_000, "1 MB": MB, "2 MB": 2 * MB}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: an action, the file it changes, and the file's new size in bytes."""

    action: str = NOTHING
    path: str = ""
    size: int = 0

    def __str__(self) -> str:
        path = units.harmless(self.path)
        if self.action in (ADD, OVERWRITE):
            return f"{self.action} {path} ({self.size:,} bytes)"
        return f"{self.action} of {path}" if self.action == CHMOD else f"{self.action} {path}"

    def layer(self, tree: Tree, number: int) -> Layer:
        """The layer that this step makes on top of `tree`; raises LabError if the file exists already, or does not."""
        old = tree.get(self.path)
        shown = units.harmless(self.path)
        if self.action == ADD and old is not None:
            raise LabError(f"{shown} exists already: overwrite it, or add another file")
        if self.action != ADD and old is None:
            raise LabError(f"{shown} does not exist at this step: add it first, or choose another file")
        if self.action == DELETE:
            changes = Changes(removed=frozenset([self.path]))
        elif self.action == CHMOD and old is not None:
            changes = Changes({self.path: replace(old, mode=old.mode ^ 0o111)})
        else:
            changes = Changes({self.path: Entry.file(bytes([number]) * self.size)})
        return Layer.of(with_parents(tree, changes), clamp=0)


class WasteMeter(Readable):
    """A widget that puts up to three layers on an image, and measures the bytes they waste.

    Holds only the image; the layers are real, made in memory and not stored. `steps` are those it starts with:
    (action, path) or (action, path, bytes), the action one of `add`, `overwrite`, `delete` and `change mode`.
    Raises LabError for any other action.
    """

    def __init__(self, image: Image, steps: Iterable[Sequence[str | int]] = ()) -> None:
        self.image = image
        self._start = [_parsed(step) for step in steps][:STEPS]
        self._start += [Step()] * (STEPS - len(self._start))
        self.page = html_area()
        self.actions: list[Toggles] = []
        self.files: list[Slider] = []
        self.sizes: list[Slider] = []
        self.again = button("Start again", "Set the steps to those at the start")
        paths, damage = [NEW], ""
        try:
            paths = _paths(image, self._start)
        except LabError as error:  # a damaged image; the page shows the error
            damage = str(error)
        other_sizes = {step.size for step in self._start if step.size} - set(SIZES.values())
        sizes = SIZES | {f"{size:,} bytes": size for size in sorted(other_sizes)}
        show = show_errors(self.page, self._show)
        files = [(units.harmless(path), path) for path in paths]
        rows: list[ipywidgets.Widget] = []
        for number, step in enumerate(self._start, 1):
            action = toggles(f"Step {number}", [NOTHING, *ACTIONS])
            action.value = step.action
            file, size = Slider(f"Step {number} file", files), Slider(f"Step {number} size", sizes.items())
            file.value, size.value = step.path or paths[0], step.size or MB
            self.actions.append(action)
            self.files.append(file)
            self.sizes.append(size)
            for control in (action, file, size):
                control.observe(show, "value")
            rows += [action, side_by_side(file, size)]
        self.again.on_click(show_errors(self.page, self._reset))
        show()
        called = names(image)
        title = f"<b>Waste meter</b>: {escape(called)}, and up to {STEPS} more layers"
        plain = damage or _text(Measured(image, self.steps))
        super().__init__(
            [html_area(title), *rows, self.again, self.page],
            html=f"<p>{title}</p>{self.page.value}", plain=f"Waste meter: {called}\n{plain}",
        )  # fmt: skip

    @property
    def steps(self) -> list[Step]:
        """The steps as they are chosen now."""
        chosen = zip(self.actions, self.files, self.sizes, strict=True)
        return [Step(action.value, file.value, size.value) for action, file, size in chosen]

    def _reset(self, *_: object) -> None:
        for step, action, file, size in zip(self._start, self.actions, self.files, self.sizes, strict=True):
            action.value = step.action
            file.value = step.path or file.values[0]
            size.value = step.size or MB

    def _show(self, *_: object) -> None:
        for action, file, size in zip(self.actions, self.files, self.sizes, strict=True):
            file.disabled = action.value == NOTHING
            size.disabled = action.value not in (ADD, OVERWRITE)
        measured = Measured(self.image, self.steps)
        self.page.value = status(page(measured))


class Measured:
    """An image with the layers of some steps on top: its waste `before` and `now`, and the `errors` of failed steps."""

    def __init__(self, image: Image, steps: Sequence[Step]) -> None:
        tree = image.tree()
        self.below, self.layers = list(image.layers), list(image.layers)
        self.errors: list[str] = []
        self.made: list[tuple[int, Step]] = []
        for number, step in enumerate(steps, 1):
            if step.action == NOTHING:
                continue
            try:
                layer = step.layer(tree, number)
                tree = tree.apply(layer.changes())
            except LabError as error:
                self.errors.append(f"Step {number} makes no layer: {error}.")
                continue
            self.layers.append(layer)
            self.made.append((len(self.layers), step))
        self.tree = tree
        self.before: Waste = waste(self.below)
        self.now: Waste = waste(self.layers)

    @property
    def figures(self) -> list[tuple[str, str, str, str]]:
        """Each figure: its name, before, now, and the difference."""
        before, now = self.before, self.now
        stored = [sum(layer.size for layer in layers) for layers in (self.below, self.layers)]
        rows = [
            ("image size", before.size, now.size), ("layers as stored", stored[0], stored[1]),
            ("merged size", before.visible, now.visible), ("wasted", before.wasted, now.wasted),
        ]  # fmt: skip
        efficiency = units.percent(before.smallest, before.size), units.percent(now.smallest, now.size)
        sizes = [(name, f"{old:,}", f"{new:,}", _signed(new - old)) for name, old, new in rows]
        return [*sizes, ("efficiency", *efficiency, "")]

    @property
    def note(self) -> str:
        """Why more bytes are wasted than hidden; empty where they are equal."""
        if self.now.wasted == self.now.hidden:
            return ""
        grown = [path.path for path in self.now.paths if path.wasted > path.hidden]
        return (
            f"More is wasted than the {self.now.hidden:,} bytes that are hidden: {units.harmless(grown[0])} was once "
            "smaller, or missing, and dive counts from the smallest size that a path has had."
        )


def _signed(number: int) -> str:
    return f"{number:+,}".replace("-", "−") if number else "0"


def page(measured: Measured) -> str:
    """The figures, a bar and the table of paths as HTML."""
    errors = "".join(f'<p role="alert"><b>{escape(error)}</b></p>' for error in measured.errors)
    made = "<br/>".join(f"Layer {number}: {escape(str(step))}" for number, step in measured.made)
    rows = (row([f'<th scope="row" style="text-align:left;padding:0 8px">{name}</th>', *map(number_cell, cells)])
            for name, *cells in measured.figures)  # fmt: skip
    titles = ["", "BEFORE", "NOW", "CHANGE"]
    figures = table(titles, rows, numbers=titles[1:], caption="In bytes")
    note = f"<p>{escape(measured.note)}</p>" if measured.note else ""
    return (
        f"{errors}<p>{made or 'No step makes a layer yet: choose what the first one does.'}</p>{_bar(measured.now)}"
        f"{figures}{note}{_paths_table(measured)}"
    )


def _bar(waste: Waste) -> str:
    """The image's size as a bar: the visible bytes, and those that are hidden."""
    if not waste.size:
        return "<p>This image has no bytes in files.</p>"
    share = round(1000 * waste.visible / waste.size) / 10
    seen, hidden = units.size(waste.visible, 3), units.size(waste.hidden, 3)
    label = f"{seen} visible, {hidden} hidden"
    part = "display:inline-block;height:1.2em;vertical-align:top;box-sizing:border-box"
    hatch = "background:repeating-linear-gradient(45deg,#8A8A8A 0 6px,#D6D6D6 6px 12px)"
    return (
        f'<div role="img" aria-label="{label}" style="border:1px solid #666;max-width:36em;line-height:0">'
        f'<span style="{part};width:{share}%;background:#0072B2"></span>'
        f'<span style="{part};width:{100 - share:.1f}%;{hatch}"></span></div>'
        f'<p style="margin:2px 0 8px"><span style="{BLUE};padding:0 6px">{seen} visible</span> '
        f'<span style="{GREY};padding:0 6px">{hidden} hidden (hatched)</span></p>'
    )


def _paths_table(measured: Measured) -> str:
    """The bytes of each path in each layer: first the paths of the steps, then those that waste most."""
    of_steps = {step.path for _, step in measured.made}
    paths = sorted(measured.now.paths, key=lambda p: (p.path not in of_steps, -p.wasted, -p.cumulative, p.path))
    layers = range(1, len(measured.layers) + 1)
    numbers = [*(f"LAYER {number}" for number in layers), "VISIBLE", "WASTED"]
    rows = (row(_cells(path, layers, measured.tree)) for path in paths[:ROWS])
    caption = "The bytes of each path in each layer. Grey: hidden by a later layer"
    more = f"<p>and {len(paths) - ROWS:,} more paths</p>" if len(paths) > ROWS else ""
    return table(["PATH", *numbers], rows, numbers=numbers, caption=caption) + more


def _cells(path: PathWaste, layers: Iterable[int], tree: Tree) -> Iterator[str]:
    yield cell(code(path.path))
    sizes: dict[int, int] = {}
    for layer, size in zip(path.layers, path.sizes, strict=True):
        sizes[layer] = sizes.get(layer, 0) + size
    last = max(sizes) if path.path in tree and tree[path.path].kind != "dir" else 0
    for layer in layers:
        if layer not in sizes:
            yield "<td></td>"
        elif layer == last:
            yield number_cell(f"{sizes[layer]:,}", BLUE)
        elif sizes[layer]:
            yield number_cell(f"{sizes[layer]:,} hidden", GREY)
        else:
            yield number_cell("<i>removed</i>")
    for size in (path.visible, path.wasted):
        yield number_cell(f"{size:,}")


def _text(measured: Measured) -> str:
    """The page as plain text."""
    lines = [*measured.errors, *(f"Layer {number}: {step}" for number, step in measured.made)]
    lines += [f"{name}: {before} before, {now} now" for name, before, now, _ in measured.figures]
    lines += [f"{units.harmless(path.path)}: {path.wasted:,} bytes wasted" for path in measured.now.worst[:ROWS]]
    return "\n".join([*lines, *([measured.note] if measured.note else [])])


def _parsed(step: Sequence[str | int]) -> Step:
    action, path, *size = step
    if action not in ACTIONS:
        raise LabError(f"{action!r} is not an action of the waste meter: expected {', '.join(map(repr, ACTIONS))}")
    return Step(str(action), str(path), int(size[0]) if size else 0)


def _paths(image: Image, steps: Sequence[Step]) -> list[str]:
    """The files to choose from: those of the steps, the largest ones of the image, and a new one."""
    tree = image.tree()
    files = sorted((path for path in tree if tree[path].kind == "file"), key=lambda path: (-tree[path].size, path))
    return list(dict.fromkeys([*(step.path for step in steps if step.path), *files[:MOST_FILES], NEW]))
