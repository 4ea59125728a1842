"""Replay: buttons that show something step by step, from its beginning to its end.

A moment is a number of steps that are done; None stands for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import ipywidgets

from ..errors import LabError
from .base import button, show_errors, side_by_side

PACE = 1.2  # seconds between two steps while it is played


class Replay:
    """The buttons `start`, `back`, `step` and `play`, together `row`.

    `steps()` is how many steps there are now, and `show(moment)` shows a moment; errors are shown in `area`.
    """

    def __init__(
        self, label: str, noun: str, steps: Callable[[], int], show: Callable[[int | None], None],
        area: ipywidgets.HTML,
    ) -> None:  # fmt: skip
        self.moment: int | None = None
        self._steps, self._show = steps, show
        self._timer: asyncio.TimerHandle | None = None

        def control(name: str, tooltip: str, action: Callable[[], None]) -> ipywidgets.Button:
            made = button(name, f"Replay: {tooltip}")
            made.on_click(show_errors(area, lambda *_: action()))
            return made

        self.start = control("Start", f"before the first {noun}", lambda: self._go(0))
        self.back = control("Back", f"one {noun} back", lambda: self._go(max(0, self._done - 1)))
        self.step = control("Step", f"one {noun} on", lambda: self._go(self._done + 1))
        self.play = control("Play", f"all, one {noun} after the other", self._play)
        self.play.icon = "play"
        self.row = side_by_side(ipywidgets.Label(label), self.start, self.back, self.step, self.play)

    def end(self) -> None:
        """Stop playing; all steps are done. Shows nothing."""
        self._pause()
        self.moment = None

    @property
    def _done(self) -> int:
        return self._steps() if self.moment is None else self.moment

    def _go(self, moment: int) -> None:
        self._pause()
        self._to(moment)

    def _to(self, moment: int) -> None:
        self.moment = None if moment >= self._steps() else moment
        self._show(self.moment)

    def _play(self) -> None:
        if self._timer:
            self._pause()
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise LabError("only a notebook can play the steps: press Step") from None
        if self.moment is None:
            self._to(0)
        self.play.description, self.play.icon = "Pause", "pause"
        self._timer = loop.call_later(PACE, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self.row.comm is None:  # closed meanwhile
            return
        self._to(self._done + 1)
        if self.moment is None:
            self._pause()
        else:
            self._timer = asyncio.get_running_loop().call_later(PACE, self._tick)

    def _pause(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None
        self.play.description, self.play.icon = "Play", "play"
