"""Slider: a handle moved along several options, whose name and value a screen reader is told.

The handle of ipywidgets' sliders has no accessible name. The module of JavaScript beside this file makes the browser's
own `<input type="range">`, with what it stands at written beside it; nothing is built, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import traitlets

from .selection import Option, Selection

HERE = Path(__file__).parent


class Slider(Selection):
    """A handle with one stop for each option, in their order; the label of the one it stands at is beside it."""

    _esm = HERE / "slider.js"
    _css = HERE / "slider.css"
    disabled = traitlets.Bool(False).tag(sync=True)

    def __init__(self, description: str, options: Iterable[Option] = (), *, disabled: bool = False) -> None:
        super().__init__(description, options)
        self.disabled = disabled
