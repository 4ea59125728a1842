"""ProgressBoard: the learner's progress, which is never saved in the notebook."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets

from .base import Readable, fluid, in_words

ELSEWHERE = "Run this cell to see your own progress: it is kept in a file beside the notebook, not in the notebook."


class Board(Readable):
    """What `read` gives (HTML), with a button that reads it again."""

    def __init__(self, read: Callable[[], str]) -> None:
        self.table = fluid()
        self.button = ipywidgets.Button(description="Look again", tooltip="Read the progress file again")
        show = in_words(self.table, lambda *_: setattr(self.table, "value", read()))
        self.button.on_click(show)
        show()
        super().__init__([self.table, self.button], html=f"<p>{ELSEWHERE}</p>", plain=ELSEWHERE)
