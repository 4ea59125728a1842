"""Prediction: a question that is asked before a cell runs and answered after it.

The wrong options are common beliefs. After the run, `reveal` explains each option with the values just measured. The
first answer counts, if it was given before the explanation was shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from . import learner, progress
from .markup import BLUE, GREEN, ORANGE, Message, card, details, folded, html, paragraph, plain
from .progress import DONT_KNOW

if TYPE_CHECKING:
    from ..widgets.choices import Choices

ASKED, WAITING, ANSWERED = "Predict.", "Answer first.", "You have answered."


class Prediction:
    """A multiple-choice question that is scored: radio buttons where a kernel runs, text where none does.

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
        self._revealed: dict[str, str] = {}  # with the values filled in, once `reveal` has them
        self._shown = False  # whether the right answer was shown before there was one of the learner's
        self._question: Choices | None = None
        self._waiting: Choices | None = None

    @property
    def first_answer(self) -> str | None:
        """The learner's answer that counts, as the progress file has it: a letter, "?" for "I don't know", or None."""
        recorded = progress.answer(self.name)
        return recorded if recorded is None or recorded in self.options else DONT_KNOW

    def __repr__(self) -> str:
        return self._to_read(ASKED)

    def _repr_html_(self) -> str:
        return self._to_read_in_html(ASKED)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        if self._question is None:
            self._question = self._choices(ASKED, repr(self))
        self._show(self.first_answer)
        return dict(self._question._repr_mimebundle_(**kwargs))

    def choose(self, letter: str) -> Message:
        """Answer with a letter, or with "?" for "I don't know"; returns what there is to say to that.

        The first answer is recorded in the learner's progress, if the right one has not been shown before. Raises
        ValueError for a letter that is no option.
        """
        if letter not in (*self.options, DONT_KNOW):
            raise ValueError(f"{letter!r} is not one of the options {', '.join(self.options)}, {DONT_KNOW}")
        if self.first_answer is None and not self._shown:
            progress.predicted(self.name, letter, None if letter == DONT_KNOW else letter == self.answer)
        self._show(letter)
        return self._response(letter)

    def reveal(self, **measured: object) -> Message | Choices:
        """The answer, and why each option is right or wrong, with the values just measured.

        In a learner's copy it waits for the learner's own answer: it shows the options again, and opens once one is
        chosen. Outside a copy it is folded. Raises LabError if a value that the reasons quote is missing.
        """
        try:
            self._revealed = {letter: reason.format(**measured) for letter, reason in self.reasons.items()}
        except KeyError as missing:
            raise LabError(f"prediction {self.name}: reveal(…) needs {missing}, which the reasons quote") from None
        first = self.first_answer
        self._show(first)
        if first is None:
            if learner.is_copy():
                return self._wait()
            self._shown = True
        explanation = self._explanation(first)
        if not learner.is_copy():
            explanation = details("the answer", explanation, opened=first is not None)
        wrong = [f"Not ({letter}): {self._revealed[letter]}" for letter in self._wrong]
        lines = [self._title, f"({self.answer}) {self._revealed[self.answer]}", *wrong]
        return Message(explanation, "\n".join(plain(line) for line in lines))

    @property
    def _wrong(self) -> list[str]:
        return [letter for letter in self.options if letter != self.answer]

    @property
    def _title(self) -> str:
        return f"The answer is ({self.answer}) {self.options[self.answer]}."

    def _to_read(self, title: str) -> str:
        options = [f"\n  ({letter}) {plain(text)}" for letter, text in self.options.items()]
        return f"{title} {plain(self.question)}{''.join(options)}"

    def _to_read_in_html(self, title: str) -> str:
        options = "".join(f"<li>({letter}) {html(text)}</li>" for letter, text in self.options.items())
        listed = f'<ul style="list-style:none;padding-left:1em">{options}</ul>'
        return card(title, paragraph(self.question), listed)

    def _wait(self) -> Choices:
        """The question again, in the place where its answer will be shown."""
        if self._waiting is None:
            self._waiting = self._choices(WAITING, f"{self._to_read(WAITING)}\n  ({DONT_KNOW}) I don't know")
        return self._waiting

    def _choices(self, title: str, words: str) -> Choices:
        from ..widgets.choices import Choices

        options = {letter: f"({letter}) {html(text)}" for letter, text in self.options.items()}
        options[DONT_KNOW] = f"({DONT_KNOW}) I don't know"
        to_read = self._to_read_in_html(title)
        return Choices(self._heading(title), options, self.choose, html=to_read, plain=words)

    def _heading(self, title: str) -> str:
        return paragraph(f"**{title}** {self.question}")

    def _show(self, letter: str | None) -> None:
        """Show an answer, the one that counts or one tried after it, wherever the question is on the page."""
        first = self.first_answer
        if self._question is not None:
            feedback = "" if letter is None else self._response(letter)._repr_html_()
            self._question.show(first or letter or "", feedback)
        if self._waiting is not None:
            note = paragraph(self._note(letter)) if letter is not None and letter != first else ""
            feedback = "" if first is None else note + self._explanation(first)
            self._waiting.show(first or "", feedback, self._heading(WAITING if first is None else ANSWERED))

    def _response(self, letter: str) -> Message:
        """What there is to say to an answer: that the next cells tell, or whether it is right, and why."""
        note = self._note(letter)
        if not self._revealed:
            own = "You don't know yet." if letter == DONT_KNOW else f"You chose **({letter}) {self.options[letter]}**."
            words = " ".join(part for part in (own, note, "Now run the next cells to find out.") if part)
            return Message(paragraph(words), plain(words))
        reasons = [self._revealed[letter]] if letter in self._revealed else []
        if letter != self.answer:
            reasons.append(f"**({self.answer})** {self._revealed[self.answer]}")
        parts = [part for part in (note, *reasons) if part]
        colour = {self.answer: GREEN, DONT_KNOW: BLUE}.get(letter, ORANGE)
        shown = card(self._verdict(letter), *map(paragraph, parts), colour=colour)
        return Message(shown, "\n".join(plain(part) for part in (self._verdict(letter), *parts)))

    def _note(self, letter: str) -> str:
        """Which answer counts, where it is not this one."""
        first = self.first_answer
        if first is None:
            return "This does not count, because the answer was shown before you chose."
        if first == letter:
            return ""
        return f"Your first answer, ({first}), counts."

    def _verdict(self, letter: str) -> str:
        if letter == self.answer:
            return f"You chose ({letter}), which is right."
        if letter == DONT_KNOW:
            return "You said that you don't know, which is not scored."
        return f"You chose ({letter}) {self.options[letter]}.{self._is_another}"

    @property
    def _is_another(self) -> str:
        return f" The answer is ({self.answer})."

    def _explanation(self, first: str | None) -> str:
        """The answer; what there is to say to the learner's own; and, folded, why the other options are wrong."""
        shown = ""
        if first is not None:
            verdict = self._verdict(first).removesuffix(self._is_another)  # the title says it
            reason = self._revealed[first] if first in self._wrong else ""
            shown = paragraph(f"**{verdict}** {reason}")
        shown += paragraph(self._revealed[self.answer])
        for letter in self._wrong:
            if letter != first:
                shown += folded(f"Why not ({letter}) {self.options[letter]}?", self._revealed[letter])
        return card(self._title, shown, colour=GREEN)
