"""Selection: one of several options, each a value with a label; the part that a row of buttons and a slider share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import anywidget
import traitlets

Option = str | tuple[str, Any]  # a value that is its own label, or a label and a value


class Selection(anywidget.AnyWidget):
    """Options under one description. `value` is the chosen option's; None while there are no options.

    New `options` keep the chosen value, or choose the first one. Raises TraitError for a value that is not among them.
    """

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
        values = self.values
        with self.hold_sync():
            self.labels = [label for label, _ in self._options]
            self.index = values.index(self.value) if self.value in values else 0 if values else None
        self._choose()

    @property
    def values(self) -> list[Any]:
        """The value of each option, in their order."""
        return [value for _, value in self._options]

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
        if proposal["value"] is not None and proposal["value"] not in self.values:
            raise traitlets.TraitError(f"expected one of {self.values}: {proposal['value']!r}")
        return proposal["value"]

    @traitlets.observe("value")
    def _press(self, *_: object) -> None:
        self.index = self.values.index(self.value) if self.value in self.values else None
