"""TouchDrawing: a drawing one can take hold of, by mouse, touch and keyboard.

It shows graphviz's own SVG, whose groups carry ids from the model (`tag:shop:1.0`), and reports what is done to them.
The module of JavaScript beside this file is all there is of it: nothing is built, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from ..drawings.drawing import Drawing, dark_style
from ..errors import LabError
from .base import html_area

HERE = Path(__file__).parent
STILL = "imagelab-still"  # touch.css, which is there once anywidget has loaded, hides the picture of this class


@dataclass(frozen=True, slots=True)
class Node:
    """What a group of the drawing is, as a screen reader says it, and what can be done with it.

    `drag`: it can be taken hold of; `drop`: others can be dropped on it; `off`: it can be dragged off, or taken off by
    the Delete key. `pressed`: whether it is the chosen one; None where nothing is chosen. `same` names the groups that
    light up with it, and `note` is what is said meanwhile. `edit`: the text that a click opens in place; None if that
    acts.
    """

    label: str
    drag: bool = False
    drop: bool = False
    off: bool = False
    same: tuple[str, ...] = ()
    note: str = ""
    pressed: bool | None = None
    edit: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The node as the JavaScript reads it."""
        return {
            "label": self.label, "drag": self.drag, "drop": self.drop, "off": self.off, "same": [*self.same],
            "note": self.note, "pressed": self.pressed, "edit": self.edit,
        }  # fmt: skip


class TouchDrawing(anywidget.AnyWidget):
    """A drawing, and `on_event(event, node, target)`, called with the ids of the groups concerned.

    `event` is `act` (clicked, or Enter), `edit` (the text became `target`), `drop` (dragged onto `target`, or Space,
    arrows and Enter, or Alt and an arrow) or `off` (dragged off, or Delete). What the handler returns is announced, and
    an error in words that it raises. Put `parts` into a widget: the drawing, and `still`, the same as an image and in
    words. Where anywidget cannot load, the image is there; else only the words.
    """

    _esm = HERE / "touch.js"
    _css = (HERE / "touch.css").read_text("utf-8") + dark_style('[data-jp-theme-light="false"] .imagelab-touch')
    svg = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    nodes = traitlets.Dict().tag(sync=True)
    focused = traitlets.Unicode().tag(sync=True)  # the group that has it once it is drawn; "" for the same one
    announcement = traitlets.Unicode().tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)  # counted up once all of the above belong together

    def __init__(self, on_event: Callable[[str, str, str | None], str], hint: str = "") -> None:
        super().__init__()
        self._on_event = on_event
        self.hint = hint
        self._drawing: Drawing | None = None
        self._is_on_a_page = False  # a page has loaded the JavaScript, and shows the drawing
        self.still = html_area().add_class(STILL)
        self.on_msg(self._receive)  # type: ignore[no-untyped-call]

    @property
    def parts(self) -> tuple[ipywidgets.Widget, ipywidgets.Widget]:
        """The drawing, and what stands below it: the same in words, and as an image where anywidget cannot load."""
        return self, self.still

    def show(self, drawing: Drawing, nodes: Mapping[str, Node], focus: str = "") -> None:
        """Show a drawing, in which these groups can be reached; the others are only looked at.

        `focus` is the group that the focus goes to, if it was in the drawing before.
        """
        last = self._drawing
        if last and (last.source, last.title, last.text) == (drawing.source, drawing.title, drawing.text):
            drawing = last  # it is laid out already
        self._drawing = drawing
        with self.hold_sync():
            self.svg = drawing.svg
            self.label = drawing.title
            self.nodes = {name: node.as_json() for name, node in nodes.items()}
            self.focused = focus
            self.drawn += 1
        # The image is for a page where anywidget cannot load: as many bytes again as the drawing.
        self.still.value = drawing.html_words if self._is_on_a_page else drawing._repr_html_()

    def do(self, event: str, node: str, target: str | None = None) -> None:
        """Do what the mouse or the keyboard does: the handler is called, and what it returns is announced."""
        try:
            words = self._on_event(event, node, target)
        except LabError as error:
            words = f"That did not work. {error}"
        self.announce(words)

    def announce(self, words: str) -> None:
        """Say this below the drawing, and to a screen reader, also if it is what was said last."""
        self.announcement = ""
        self.announcement = words

    def _receive(self, _: object, content: dict[str, Any], buffers: object) -> None:
        if "loaded" in content:
            self._is_on_a_page = True
        if content.get("node") in self.nodes:
            try:
                self.do(str(content.get("event")), content["node"], content.get("target"))
            finally:
                self.send({"answered": True})  # type: ignore[no-untyped-call]
