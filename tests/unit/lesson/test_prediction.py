"""Predictions: answered before or after the run, scored once, the wrong answers each with a word of their own."""

from __future__ import annotations

import pytest

from imagelab import LabError
from imagelab.errors import NotFound
from imagelab.lesson import progress
from imagelab.lesson.prediction import Prediction
from imagelab.lesson.predictions import predict


@pytest.fixture
def question():
    return Prediction(
        "09.size", "How does the **size** of `a<b` change?", {"a": "smaller", "b": "unchanged", "c": "larger"}, "c",
        {"a": "Nothing was erased.", "b": "Not by nothing.", "c": "It grew by {grown:,} bytes."},
    )  # fmt: skip


def widget(question):
    question._repr_mimebundle_()
    return question._widget


def test_before_the_run_an_answer_is_only_noted(question, progress_folder):
    shown = widget(question)
    shown.buttons["a"].click()
    assert "You chose <b>(a) smaller</b>" in shown.feedback.value
    assert "erased" not in shown.feedback.value
    assert progress.read()["predictions"]["09.size"] | {"when": ""} == {"said": "a", "right": False, "when": ""}


def test_the_reveal_speaks_to_what_was_said(question):
    shown = widget(question)
    shown.buttons["a"].click()
    revealed = question.reveal(grown=1024)._repr_html_()
    assert "You chose (a) smaller. The answer is (c)." in revealed and "Nothing was erased." in revealed
    assert "It grew by 1,024 bytes." in shown.feedback.value


def test_after_the_run_an_answer_gets_its_verdict_at_once(question):
    shown = widget(question)
    question.reveal(grown=1024)
    shown.buttons["b"].click()
    assert "You chose (b) unchanged. The answer is (c)." in shown.feedback.value
    assert "Not by nothing." in shown.feedback.value
    shown.buttons["c"].click()
    assert "You chose (c), which is right." in shown.feedback.value
    assert progress.read()["predictions"]["09.size"]["right"] is False, "the first answer counts"


def test_a_changed_mind_is_told_that_the_first_answer_counts(question):
    question.choose("a")
    assert "Your first answer, (a), counts." in question.choose("b")


def test_the_committed_page_depends_on_no_answer(question, progress_folder):
    before, revealed = question._repr_mimebundle_()["text/html"], question.reveal(grown=1)._repr_html_()
    assert "answer" not in before and "grew" not in before
    assert revealed.count("<details>") == 2
    assert list(progress_folder.iterdir()) == []


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
