"""ProgressBar: one line that says where the learner is, read again from the progress file after every cell."""

from __future__ import annotations

from collections.abc import Callable

from .base import Readable, after_each_cell, html_area


class ProgressBar(Readable):
    """The line of HTML that `read` returns; `html` and `plain` are shown without a kernel."""

    def __init__(self, read: Callable[[], str], *, html: str, plain: str) -> None:
        self.line = html_area()
        self._read = read
        super().__init__([self.line], html=html, plain=plain)
        self.redraw()
        after_each_cell(self, ProgressBar.redraw)

    def redraw(self) -> None:
        """Read the progress again."""
        if (html := self._read()) != self.line.value:
            self.line.value = html
