"""LineHistory: a text field as a command line, with the up and down arrows of a shell.

It stands in one box with the field, and is not seen. Without it the field works too; then the kernel empties it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anywidget
import traitlets

MOST = 100  # lines that are kept


class LineHistory(anywidget.AnyWidget):
    """The lines that were entered into the first text field of the box around it, oldest first.

    `entered` is called with each line, as it was typed.
    """

    _esm = Path(__file__).parent / "line_history.js"
    lines: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, entered: Callable[[str], object]) -> None:
        super().__init__()
        self.on_msg(lambda _, content, __: entered(str(content["entered"])))  # type: ignore[no-untyped-call]

    def add(self, line: str) -> None:
        """Keep a line that was entered, unless it is the last one again."""
        if self.lines[-1:] != [line]:
            self.lines = [*self.lines, line][-MOST:]
