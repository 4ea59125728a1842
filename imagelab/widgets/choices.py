"""A row of answers to a question, by keyboard or click.

The buttons are real buttons: Tab goes to them, Enter or Space presses them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ipywidgets

from .base import Readable, fluid, in_words

PRESSED = ("#005a8c", "#ffffff")  # ground and letter, of a contrast of 7 to 1: JupyterLab's own blue has 3.5


class Choices(Readable):
    """A question (HTML) with one button for each letter; `choose(letter)` gives the HTML to answer with."""

    def __init__(self, question: str, options: Mapping[str, str], choose: Callable[[str], str], *, plain: str) -> None:
        self.said = fluid()
        self.buttons = {}
        for letter, text in options.items():
            button = ipywidgets.Button(
                description=letter, tooltip=f"Answer {letter}: {text}", layout=ipywidgets.Layout(width="4em")
            )
            button.on_click(in_words(self.said, lambda _, letter=letter: self.answer(letter, choose)))
            self.buttons[letter] = button
        prompt = ipywidgets.Label("Your answer:")
        row = ipywidgets.HBox([prompt, *self.buttons.values()], layout=ipywidgets.Layout(flex_flow="row wrap"))
        super().__init__([fluid(question), row, self.said], html=question, plain=plain)

    def answer(self, letter: str, choose: Callable[[str], str]) -> None:
        """Press the button of this letter."""
        self.said.value = f'<div role="status">{choose(letter)}</div>'
        for other, button in self.buttons.items():
            button.icon = "check" if other == letter else ""
            button.style.button_color, button.style.text_color = PRESSED if other == letter else (None, None)
