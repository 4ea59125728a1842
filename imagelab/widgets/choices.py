"""A question with a row of buttons, one for each answer.

The buttons work by keyboard: Tab moves to them, Enter or Space presses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets

from .base import Readable, html_area, show_errors, side_by_side, status

PRESSED = ("#005a8c", "#ffffff")  # background and text: a contrast of 7 to 1, where JupyterLab's own blue has 3.5


class Choices(Readable):
    """A question (HTML) with one button for each letter; `choose(letter)` returns the HTML to show below."""

    def __init__(self, question: str, options: Mapping[str, str], choose: Callable[[str], str], *, plain: str) -> None:
        self.feedback = html_area()
        self.buttons = {}
        for letter, text in options.items():
            button = ipywidgets.Button(
                description=letter, tooltip=f"Answer {letter}: {text}", layout=ipywidgets.Layout(width="4em")
            )
            button.on_click(show_errors(self.feedback, lambda _, letter=letter: self.answer(letter, choose)))
            self.buttons[letter] = button
        row = side_by_side(ipywidgets.Label("Your answer:"), *self.buttons.values())
        super().__init__([html_area(question), row, self.feedback], html=question, plain=plain)

    def answer(self, letter: str, choose: Callable[[str], str]) -> None:
        """Answer with this letter, as pressing its button does."""
        self.feedback.value = status(choose(letter))
        for other, button in self.buttons.items():
            button.icon = "check" if other == letter else ""
            button.style.button_color, button.style.text_color = PRESSED if other == letter else (None, None)
