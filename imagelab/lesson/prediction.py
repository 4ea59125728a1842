"""Prediction: a question answered before the run and revealed after it.

A prediction is asked before the cell that shows the truth. Its wrong options are what people commonly believe, and
`reveal`, after the run, answers each of them with what the learner has just measured. The first answer counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import LabError
from . import progress
from .markup import GREEN, ORANGE, Said, card, folded, html, paragraph, plain


class Prediction:
    """A scored question: shown as buttons where a kernel runs, as text where none does.

    `name` is `lesson.topic`. `because` says of each option why it is right or wrong, with {placeholders} for what
    will have been measured by then.
    """

    def __init__(
        self, name: str, question: str, options: Mapping[str, str], answer: str, because: Mapping[str, str]
    ) -> None:
        if answer not in options or because.keys() != options.keys():
            raise ValueError(f"prediction {name}: the options are {', '.join(options)}, and each needs its because")
        self.name, self.question, self.options, self.right = name, question, dict(options), answer
        self.reasons = dict(because)
        self.said: str | None = None
        self._because: dict[str, str] = {}  # filled in by reveal
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
            self._widget = Choices(self._repr_html_(), self.options, self.say, plain=repr(self))
        return dict(self._widget._repr_mimebundle_(**kwargs))

    def say(self, letter: str) -> str:
        """Answer with a letter; returns what to show. Recorded in the learner's progress, the first time."""
        if letter not in self.options:
            raise ValueError(f"{letter!r} is not one of the options {', '.join(self.options)}")
        if self.said is None:
            self.said = letter
            progress.predicted(self.name, letter, letter == self.right)
        if self._because:
            return self._verdict(letter)
        again = "" if letter == self.said else f" Your first answer, ({self.said}), counts."
        return paragraph(f"You said **({letter}) {self.options[letter]}**.{again} Now run on, and see.")

    def reveal(self, **measured: object) -> Said:
        """After the run: why each option is right or wrong, with the numbers just measured.

        Raises LabError where a number that the reasons quote is not given.
        """
        try:
            because = {letter: reason.format(**measured) for letter, reason in self.reasons.items()}
        except KeyError as missing:
            raise LabError(f"{self.name} cannot be revealed: it quotes {missing}, which is not given") from None
        self._because = because
        if self._widget is not None and self.said is not None:
            self._widget.feedback.value = f'<div role="status">{self._verdict(self.said)}</div>'
        reasons = [plain(f"({self.right}) {because[self.right]}")]
        reasons += [plain(f"Not ({letter}): {text}") for letter, text in because.items() if letter != self.right]
        shown = paragraph(because[self.right])
        for letter, text in because.items():
            if letter != self.right:
                shown += folded(f"Why not ({letter}) {self.options[letter]}?", text)
        if self.said is not None:
            shown = self._verdict(self.said, brief=True) + shown
        title = f"The answer is ({self.right}) {self.options[self.right]}."
        return Said(card(title, shown, colour=GREEN), "\n".join([plain(title), *reasons]))

    def _verdict(self, letter: str, *, brief: bool = False) -> str:
        if letter == self.right:
            said = f"You said ({letter}), and so it is."
            return paragraph(f"**{said}**") if brief else card(said, paragraph(self._because[letter]), colour=GREEN)
        said = f"You said ({letter}) {self.options[letter]}. It is ({self.right})."
        if brief:
            return paragraph(f"**{said}** {self._because[letter]}")
        reasons = paragraph(self._because[letter]) + paragraph(f"**({self.right})** {self._because[self.right]}")
        return card(said, reasons, colour=ORANGE)
