"""Predictions: answered before the right answer is shown, scored once, each wrong answer with an explanation."""

from __future__ import annotations

import random
import string

import pytest

from imagelab import LabError
from imagelab.errors import NotFound
from imagelab.lesson import kernel, progress
from imagelab.lesson.markup import plain
from imagelab.lesson.prediction import Prediction
from imagelab.lesson.predictions import PREDICTIONS, predict
from imagelab.lesson.progress import DONT_KNOW
from imagelab.widgets.choices import Choices


def ask():
    return Prediction(
        "09.size", "How does the **size** of `a<b` change?", {"a": "`tar` shrinks", "b": "unchanged", "c": "larger"},
        "c", {"a": "Nothing was erased.", "b": "Not by nothing.", "c": "It grew by {grown:,} bytes."},
    )  # fmt: skip


@pytest.fixture
def question():
    return ask()


@pytest.fixture
def copy(monkeypatch):
    monkeypatch.setenv("IMAGELAB_LEARNER", "1")


def radios(question):
    question._repr_mimebundle_()
    return question._question.radios


def recorded():
    return {name: (item["said"], item["right"]) for name, item in progress.read()["predictions"].items()}


def test_before_the_run_an_answer_is_only_noted(question):
    shown = radios(question)
    shown.press("a")
    assert shown.chosen == "a" and "You chose <b>(a) <code>tar</code> shrinks</b>" in shown.feedback
    assert "erased" not in shown.feedback
    assert recorded() == {"09.size": ("a", False)}


def test_every_option_is_shown_as_it_reads_and_the_last_is_not_to_know(question):
    assert radios(question).options == [
        ["a", "(a) <code>tar</code> shrinks"], ["b", "(b) unchanged"], ["c", "(c) larger"], ["?", "(?) I don't know"]
    ]  # fmt: skip


def test_the_reveal_speaks_to_what_was_answered(question):
    shown = radios(question)
    shown.press("a")
    revealed = question.reveal(grown=1024)._repr_html_()
    assert "You chose (a) <code>tar</code> shrinks.</b> Nothing was erased." in revealed
    assert revealed.count("The answer is (c)") == 1 and "Why not (a)" not in revealed, "nothing is said twice"
    assert "Why not (b)" in revealed
    assert "It grew by 1,024 bytes." in shown.feedback


def test_who_does_not_know_is_neither_right_nor_wrong(question):
    question.choose(DONT_KNOW)
    assert recorded() == {"09.size": ("?", None)}
    assert "You chose" not in question.reveal(grown=1024)._repr_html_()
    question.choose("c")
    assert recorded() == {"09.size": ("?", None)}, "the first answer counts"


def test_a_changed_mind_is_told_that_the_first_answer_counts(question):
    question.choose("a")
    assert "Your first answer, (a), counts." in repr(question.choose("b"))
    assert radios(question).chosen == "a"


def test_outside_a_copy_the_answer_is_folded_and_whole(question, progress_folder):
    before, revealed = question._repr_mimebundle_()["text/html"], question.reveal(grown=1)
    assert "answer" not in before and "grew" not in before
    assert revealed._repr_html_().startswith("<details><summary>the answer</summary>")
    assert revealed._repr_html_().count("<details>") == 3
    assert repr(revealed).splitlines() == [
        "The answer is (c) larger.", "(c) It grew by 1 bytes.", "Not (a): Nothing was erased.",
        "Not (b): Not by nothing.",
    ]  # fmt: skip
    assert list(progress_folder.iterdir()) == []


def test_an_answer_given_after_the_right_one_was_shown_does_not_count(question):
    shown = radios(question)
    question.reveal(grown=1024)
    shown.press("b")
    assert "This does not count" in shown.feedback and "Not by nothing." in shown.feedback
    shown.press("c")
    assert "You chose (c), which is right." in shown.feedback
    assert recorded() == {}


def test_in_a_copy_the_reveal_waits_for_an_answer_and_gives_nothing_away(question, copy):
    waiting = question.reveal(grown=1024)
    assert isinstance(waiting, Choices)
    bundle = waiting._repr_mimebundle_()
    assert bundle["text/plain"].splitlines() == [
        "Answer first. How does the size of a<b change?", "  (a) tar shrinks", "  (b) unchanged", "  (c) larger",
        "  (?) I don't know",
    ]  # fmt: skip
    for text in (bundle["text/plain"], bundle["text/html"], repr(waiting.radios.get_state())):
        assert "grew" not in text and "1,024" not in text and "erased" not in text


@pytest.mark.parametrize("answer", ["a", "b", "c", DONT_KNOW])
@pytest.mark.parametrize("above", [True, False])
def test_it_opens_in_place_when_answered_here_or_above(question, copy, answer, above):
    asked, waiting = radios(question), question.reveal(grown=1024).radios
    (asked if above else waiting).press(answer)
    assert recorded() == {"09.size": (answer, {"c": True, DONT_KNOW: None}.get(answer, False))}
    for shown in (asked, waiting):
        assert shown.chosen == answer and "It grew by 1,024 bytes." in shown.feedback
    assert "answer is (c) larger" in waiting.feedback and "You have answered." in waiting.question


def test_in_a_copy_an_answered_question_is_revealed_at_once_unfolded_and_twice_the_same(question, copy):
    question.choose("b")
    first, again = question.reveal(grown=1024), question.reveal(grown=1024)
    assert repr(first) == repr(again) and "(c) It grew by 1,024 bytes." in repr(first)
    assert first._repr_html_() == again._repr_html_() and "the answer</summary>" not in first._repr_html_()


def test_another_option_can_be_looked_at_after_the_answer_and_changes_nothing(question, copy):
    waiting = question.reveal(grown=1024).radios
    waiting.press("a")
    waiting.press("c")
    assert waiting.chosen == "a" and "Your first answer, (a), counts." in waiting.feedback
    assert "You chose (a)" in waiting.feedback and recorded() == {"09.size": ("a", False)}


def test_the_answer_survives_the_kernel(question, copy):
    question.choose("a")
    after = ask()
    shown = radios(after)
    assert shown.chosen == "a" and "You chose <b>(a)" in shown.feedback
    assert "You chose (a)" in after.reveal(grown=1)._repr_html_()


def test_progress_started_again_asks_again(question, copy, progress_folder):
    waiting = question.reveal(grown=1024).radios
    waiting.press("a")
    (progress_folder / progress.NAME).unlink()
    assert radios(question).chosen == "" == radios(question).feedback
    assert isinstance(question.reveal(grown=1024), Choices) and waiting.feedback == ""
    waiting.press("c")
    assert recorded() == {"09.size": ("c", True)}


def test_an_option_that_the_question_had_once_is_no_answer_of_today(question):
    progress.predicted("09.size", "e", True)
    assert question.first_answer == DONT_KNOW
    assert "It grew by 1 bytes." in question.reveal(grown=1)._repr_html_()


@pytest.mark.parametrize("seed", range(8))
def test_answers_go_to_their_own_question_in_any_order_twice_and_after_a_restart(copy, monkeypatch, seed):
    """Learners go up and down: each reveal shows its own question's answer, and only those that were answered."""
    chance = random.Random(seed)
    names = [name for name in PREDICTIONS if chance.random() < 0.6]
    answers = {name: chance.choice([*predict(name).options, DONT_KNOW]) for name in names}
    for _ in ("a kernel", "the next"):
        monkeypatch.setattr(kernel, "_questions", {})
        steps = [name for name in PREDICTIONS for _ in ("once", "twice")]
        chance.shuffle(steps)
        for name in steps:
            if name in answers and chance.random() < 0.5:
                kernel.predict(name).choose(answers[name])
            shown = kernel.reveal(name, **{field: Any() for field in fields(name)})
            asked = predict(name)
            if progress.answer(name) is None:
                assert isinstance(shown, Choices)
                assert repr(shown).startswith(f"Answer first. {plain(asked.question)}\n")
            else:
                right = asked.options[asked.answer]
                assert repr(shown).startswith(plain(f"The answer is ({asked.answer}) {right}.\n"))
        for name, letter in answers.items():
            kernel.predict(name).choose(letter)
    assert {name: said for name, (said, _) in recorded().items()} == answers
    assert all(right is (None if said == DONT_KNOW else said == predict(name).answer)
               for name, (said, right) in recorded().items())  # fmt: skip


class Any:
    """A measured value that can be formatted as any number or text."""

    def __format__(self, spec):
        return "…"


def fields(name):
    """The names of the values that a question's reasons quote."""
    reasons = predict(name).reasons.values()
    return {field for reason in reasons for _, field, _, _ in string.Formatter().parse(reason) if field}


def test_the_words_are_escaped_and_marked_up(question):
    assert "How does the <b>size</b> of <code>a&lt;b</code> change?" in question._repr_html_()
    assert repr(question).splitlines()[0] == "Predict. How does the size of a<b change?"


def test_a_missing_number_is_named(question):
    with pytest.raises(LabError, match="'grown'"):
        question.reveal()


@pytest.mark.parametrize("change", [{"answer": "d"}, {"reasons": {"a": "x"}}])
def test_a_question_must_be_whole(change):
    whole = {"name": "n", "question": "q", "answer": "a"}
    whole |= {"options": {"a": "1", "b": "2"}, "reasons": {"a": "x", "b": "y"}}
    with pytest.raises(ValueError):
        Prediction(**{**whole, **change})


def test_an_unknown_name_lists_the_known():
    with pytest.raises(NotFound, match=r"01\.layers"):
        predict("01.nothing")
    with pytest.raises(ValueError):
        predict("01.layers").choose("z")
