"""Prediction: a question that is asked before a cell runs and answered after it.

The wrong options are common beliefs. After the run, `reveal` explains each option with the values just measured. The
first answer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import LabError
from . import progress
from .markup import GREEN, ORANGE, Message, card, folded, html, paragraph, plain


class Prediction:
    """A multiple-choice question that is scored: buttons where a kernel runs, text where none does.

    `name` is `lesson.topic`, `answer` the letter of the right option. `reasons` say why each option is right or wrong,
    with {placeholders} for measured values. Raises ValueError for an answer that is no option, or a missing reason.
    """

    def __init__(
        self, name: str, question: str, options: Mapping[str, str], answer: str, reasons: Mapping[str, str]
    ) -> None:
        if answer not in options or reasons.keys() != options.keys():
            raise ValueError(f"prediction {name}: expected a reason for each of the options {', '.join(options)}")
        self.name, self.question, self.options, self.answer = name, question, dict(options), answer
        self.reasons = dict(reasons)
        self.first_answer: str | None = None
        self._revealed: dict[str, str] = {}  # with the values filled in, once revealed
        self._widget: Any = None

    def __repr__(self) -> str:
        options = "\n".join(f"  ({letter}) {plain(text)}" for letter, text in self.options.items())
        return f"Predict. {plain(self.question)}\n{options}"

    def _repr_html_(self) -> str:
        options = "".join(f"<li>({letter}) {html(text)}</li>" for letter, text in self.options.items())
        listed = f'<ul style="list-style:none;padding-left:1em">{options}</ul>'
        return card("Predict.", paragraph(self.question), listed)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        from ..widgets.choices import Choices

        if self._widget is None:
            self._widget = Choices(self._repr_html_(), self.options, self.choose, plain=repr(self))
        return dict(self._widget._repr_mimebundle_(**kwargs))

    def choose(self, letter: str) -> str:
        """Answer with a letter; returns HTML to show. The first answer is recorded in the learner's progress.

        Raises ValueError for a letter that is no option.
        """
        if letter not in self.options:
            raise ValueError(f"{letter!r} is not one of the options {', '.join(self.options)}")
        if self.first_answer is None:
            self.first_answer = letter
            progress.predicted(self.name, letter, letter == self.answer)
        if self._revealed:
            return self._verdict(letter)
        again = "" if letter == self.first_answer else f" Your first answer, ({self.first_answer}), counts."
        return paragraph(f"You chose **({letter}) {self.options[letter]}**.{again} Now run the next cells to find out.")

    def reveal(self, **measured: object) -> Message:
        """The answer, and why each option is right or wrong, with the values just measured.

        Raises LabError if a value that the reasons quote is missing.
        """
        try:
            reasons = {letter: reason.format(**measured) for letter, reason in self.reasons.items()}
        except KeyError as missing:
            raise LabError(f"prediction {self.name}: reveal(…) needs {missing}, which the reasons quote") from None
        self._revealed = reasons
        if self._widget is not None and self.first_answer is not None:
            self._widget.feedback.value = f'<div role="status">{self._verdict(self.first_answer)}</div>'
        lines = [plain(f"({self.answer}) {reasons[self.answer]}")]
        lines += [plain(f"Not ({letter}): {text}") for letter, text in reasons.items() if letter != self.answer]
        shown = paragraph(reasons[self.answer])
        for letter, text in reasons.items():
            if letter != self.answer:
                shown += folded(f"Why not ({letter}) {self.options[letter]}?", text)
        if self.first_answer is not None:
            shown = self._verdict(self.first_answer, brief=True) + shown
        title = f"The answer is ({self.answer}) {self.options[self.answer]}."
        return Message(card(title, shown, colour=GREEN), "\n".join([plain(title), *lines]))

    def _verdict(self, letter: str, *, brief: bool = False) -> str:
        if letter == self.answer:
            title = f"You chose ({letter}), which is right."
            return paragraph(f"**{title}**") if brief else card(title, paragraph(self._revealed[letter]), colour=GREEN)
        title = f"You chose ({letter}) {self.options[letter]}. The answer is ({self.answer})."
        if brief:
            return paragraph(f"**{title}** {self._revealed[letter]}")
        reasons = paragraph(self._revealed[letter]) + paragraph(f"**({self.answer})** {self._revealed[self.answer]}")
        return card(title, reasons, colour=ORANGE)
