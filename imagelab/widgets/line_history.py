"""LineHistory: the up and down arrows bring back what was typed into a text field, as in a shell.

It stands in one box with the field, and is not seen. Without it the field works too.
"""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

MOST = 100  # lines that are kept


class LineHistory(anywidget.AnyWidget):
    """The lines that were entered into the first text field of the box around it, oldest first."""

    _esm = Path(__file__).parent / "line_history.js"
    lines: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def add(self, line: str) -> None:
        """Keep a line that was entered, unless it is the last one again."""
        if self.lines[-1:] != [line]:
            self.lines = [*self.lines, line][-MOST:]
