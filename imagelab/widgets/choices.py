"""A question with radio buttons: click an option, or type its letter, to answer.

The module of JavaScript beside this file makes real radio buttons, as screen readers expect them; nothing is built, and
nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from .base import Readable, alert

HERE = Path(__file__).parent


class Radios(anywidget.AnyWidget):
    """A question, options of which one can be chosen, and below them what there is to say to the answer; all HTML.

    `answer(letter)` is called with each answer, and decides what is shown as chosen. An exception that it raises is
    shown in words.
    """

    _esm = HERE / "choices.js"
    _css = HERE / "choices.css"
    question = traitlets.Unicode().tag(sync=True)
    options: traitlets.List[Any] = traitlets.List().tag(sync=True)  # the letter and the HTML of each
    chosen = traitlets.Unicode().tag(sync=True)  # a letter, or empty
    feedback = traitlets.Unicode().tag(sync=True)

    def __init__(self, question: str, options: Mapping[str, str], answer: Callable[[str], object]) -> None:
        super().__init__(question=question, options=[[letter, html] for letter, html in options.items()])
        self._answer = answer
        self.on_msg(self._receive)  # type: ignore[no-untyped-call]

    def press(self, letter: str) -> None:
        """Answer, as a click on the option does."""
        try:
            self._answer(letter)
        except Exception as error:  # ipywidgets would drop it unseen
            self.feedback = alert(error)

    def _receive(self, _: object, content: dict[str, Any], buffers: object) -> None:
        if "answer" in content:
            self.press(str(content["answer"]))


class Choices(Readable):
    """Radio buttons with a version in HTML and one in plain text, for readers without a kernel."""

    def __init__(
        self, question: str, options: Mapping[str, str], answer: Callable[[str], object], *, html: str, plain: str
    ) -> None:
        self.radios = Radios(question, options, answer)
        super().__init__([self.radios], html=html, plain=plain)

    def show(self, chosen: str, feedback: str, question: str | None = None) -> None:
        """Show which option is chosen, and HTML below the options; `question` replaces what is above them."""
        with self.radios.hold_sync():
            self.radios.chosen, self.radios.feedback = chosen, feedback
            if question is not None:
                self.radios.question = question
