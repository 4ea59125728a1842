"""Board: a lab beside a drawing to take hold of, a replay, and buttons that run docker's commands.

What the tag board and the transfer board share: an action ends the replay, shows what docker would print, or the error,
and draws the lab again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

import ipywidgets

from ..units import harmless
from .base import Readable, button, show_errors, status
from .replay import Replay
from .toggles import Toggles


class Board(Readable):
    """The base class of boards. Subclasses set `output` and `replay` before their buttons, and define `_show`."""

    output: ipywidgets.HTML
    replay: Replay

    def _show(self) -> None:
        """Read the lab, offer what there is to choose, and draw."""
        raise NotImplementedError

    def _button(self, label: str, tooltip: str, action: Callable[[], str]) -> ipywidgets.Button:
        """A button that runs `action`, shows the HTML it returns, and draws the lab again, also after an error."""
        control = button(label, tooltip)
        control.on_click(lambda _: self._act(action))
        return control

    def _act(self, action: Callable[[], str]) -> bool:
        """Run an action of a button or of the drawing; returns whether it could be done."""
        done = False

        def act() -> None:
            nonlocal done
            self.replay.end()
            try:
                self.output.value = status(action())
                done = True
            finally:
                self._show()

        show_errors(self.output, act)()
        return done


def screen(lines: Sequence[str]) -> str:
    """Lines of a terminal as HTML."""
    text = escape(harmless("\n".join(lines)))
    return f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0">{text}</pre>'


def offer(choice: Toggles, options: Sequence[tuple[str, object]]) -> None:
    """Replace the options of a row. What was chosen stays chosen; if it is gone, the first option is chosen."""
    if list(choice.options) != list(options):
        choice.options = list(options)
