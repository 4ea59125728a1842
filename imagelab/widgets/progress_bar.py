"""ProgressBar: one line that says where the learner is; it follows the progress file after every cell."""

from __future__ import annotations

from collections.abc import Callable

from .base import Readable, after_each_cell, fluid


class ProgressBar(Readable):
    """What `read` returns, a line of HTML; `html` and `plain` are what a page without a kernel shows."""

    def __init__(self, read: Callable[[], str], *, html: str, plain: str) -> None:
        self.line = fluid()
        self._read = read
        super().__init__([self.line], html=html, plain=plain)
        self.look()
        after_each_cell(self, ProgressBar.look)

    def look(self) -> None:
        """Read the progress again."""
        if (html := self._read()) != self.line.value:
            self.line.value = html
