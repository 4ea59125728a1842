"""Toggles: a row of buttons, one of them chosen, which a screen reader is told.

ipywidgets' ToggleButtons mark the chosen button by its colour alone. The module of JavaScript beside this file sets
`aria-pressed` too, and moves among the buttons by arrow keys; nothing is built, and nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path

from .selection import Selection

HERE = Path(__file__).parent


class Toggles(Selection):
    """A row of buttons, one for each option."""

    _esm = HERE / "toggles.js"
    _css = HERE / "toggles.css"
