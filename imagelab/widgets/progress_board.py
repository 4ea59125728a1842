"""ProgressBoard: the learner's progress, which is never saved in the notebook."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from .base import Readable, html_area, show_errors

WITHOUT_KERNEL = (
    "Run this cell to see your own progress: it is kept in a file beside the notebook, not in the notebook."
)


class ProgressBoard(Readable):
    """The HTML that `read` returns, with a button that reads it again."""

    def __init__(self, read: Callable[[], str]) -> None:
        self.table = html_area()
        self.button = ipywidgets.Button(description="Look again", tooltip="Read the progress file again")
        show = show_errors(self.table, lambda *_: setattr(self.table, "value", read()))
        self.button.on_click(show)
        show()
        super().__init__([self.table, self.button], html=f"<p>{WITHOUT_KERNEL}</p>", plain=WITHOUT_KERNEL)
