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
import traitlets

from ..drawings.drawing import Drawing
from ..errors import LabError

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Node:
    """What a group of the drawing is, as a screen reader says it, and what can be done with it.

    `drag`: it can be taken hold of; `drop`: others can be dropped on it; `off`: it can be dragged off, or taken off by
    the Delete key. `same` names the groups that light up with it.
    """

    label: str
    drag: bool = False
    drop: bool = False
    off: bool = False
    same: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The node as the JavaScript reads it."""
        return {
            "label": self.label, "drag": self.drag, "drop": self.drop, "off": self.off, "same": [*self.same],
        }  # fmt: skip


class TouchDrawing(anywidget.AnyWidget):
    """A drawing, and `on_event(event, node, target)`, called with the ids of the groups concerned.

    `event` is `act` (clicked, or Enter), `drop` (dragged onto `target`) or `off` (dragged off, or Delete). An error in
    words that the handler raises is announced.
    """

    _esm = HERE / "touch.js"
    _css = HERE / "touch.css"
    svg = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    nodes = traitlets.Dict().tag(sync=True)
    announcement = traitlets.Unicode().tag(sync=True)
    drawn = traitlets.Int(0).tag(sync=True)  # counted up once all of the above belong together

    def __init__(self, on_event: Callable[[str, str, str | None], str]) -> None:
        super().__init__()
        self._on_event = on_event
        self.on_msg(self._receive)  # type: ignore[no-untyped-call]

    def show(self, drawing: Drawing, nodes: Mapping[str, Node]) -> None:
        """Show a drawing, in which these groups can be reached; the others are only looked at."""
        with self.hold_sync():
            self.svg = drawing.svg
            self.label = f"{drawing.title}. {' '.join(drawing.text.split())}"
            self.nodes = {name: node.as_json() for name, node in nodes.items()}
            self.drawn += 1

    def do(self, event: str, node: str, target: str | None = None) -> None:
        """Do what the mouse or the keyboard does: the handler is called, and what it returns is announced."""
        try:
            self.announcement = self._on_event(event, node, target)
        except LabError as error:
            self.announcement = f"That did not work. {error}"

    def _receive(self, _: object, content: dict[str, Any], buffers: object) -> None:
        if content.get("node") in self.nodes:
            self.do(str(content.get("event")), content["node"], content.get("target"))
