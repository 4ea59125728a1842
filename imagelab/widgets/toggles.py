"""Toggles: a row of buttons, one of them chosen, which a screen reader is told.

ipywidgets' ToggleButtons mark the chosen button by its colour alone. The module of JavaScript beside this file sets
`aria-pressed` too, and moves among the buttons by arrow keys; nothing is built, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

HERE = Path(__file__).parent
Option = str | tuple[str, Any]  # a value that is its own label, or a label and a value


class Toggles(anywidget.AnyWidget):
    """A row of buttons under one description. `value` is the chosen option's; None while there are no options.

    New `options` keep the chosen value, or choose the first one. Raises TraitError for a value that is not among them.
    """

    _esm = HERE / "toggles.js"
    _css = HERE / "toggles.css"
    description = traitlets.Unicode().tag(sync=True)
    labels: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(None, allow_none=True).tag(sync=True)
    value = traitlets.Any(None, allow_none=True)

    def __init__(self, description: str, options: Iterable[Option] = ()) -> None:
        super().__init__(description=description)
        self.options = options

    @property
    def options(self) -> list[Option]:
        """The options as they were given."""
        return self._given

    @options.setter
    def options(self, options: Iterable[Option]) -> None:
        self._given = [*options]
        self._options = [(option, option) if isinstance(option, str) else option for option in self._given]
        values = [value for _, value in self._options]
        with self.hold_sync():
            self.labels = [label for label, _ in self._options]
            self.index = values.index(self.value) if self.value in values else 0 if values else None
        self._choose()

    @traitlets.observe("index")
    def _choose(self, *_: object) -> None:
        if self.index is None:
            self.value = None
        elif self.index < len(self._options):
            self.value = self._options[self.index][1]

    @traitlets.validate("index")
    def _is_option(self, proposal: dict[str, Any]) -> int | None:
        index: int | None = proposal["value"]
        if index is not None and not 0 <= index < len(self.labels):
            raise traitlets.TraitError(f"expected the number of an option, from 0 to {len(self.labels) - 1}: {index}")
        return index

    @traitlets.validate("value")
    def _is_value(self, proposal: dict[str, Any]) -> Any:
        values = [value for _, value in self._options]
        if proposal["value"] is not None and proposal["value"] not in values:
            raise traitlets.TraitError(f"expected one of {values}: {proposal['value']!r}")
        return proposal["value"]

    @traitlets.observe("value")
    def _press(self, *_: object) -> None:
        values = [value for _, value in self._options]
        self.index = values.index(self.value) if self.value in values else None
