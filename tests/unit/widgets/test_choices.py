"""Choices: what an answer does, and that no error is lost."""

from __future__ import annotations

from imagelab import LabError
from imagelab.widgets.choices import Choices


def make(answer):
    options = {"a": "(a) <code>this</code>", "b": "(b) that"}
    return Choices("<p>Why?</p>", options, answer, html="<p>Why? a or b</p>", plain="Why?")


def test_an_answer_reaches_what_decides_on_it():
    answers = []
    radios = make(answers.append).radios
    radios._receive(None, {"answer": "b"}, [])
    radios._receive(None, {"something": "else"}, [])
    assert answers == ["b"] and radios.chosen == ""


def test_the_browser_gets_every_option_and_what_is_shown():
    choices = make(str)
    choices.show("b", "<p>Yes.</p>", "<p>Why not?</p>")
    state = choices.radios.get_state()
    assert state["options"] == [["a", "(a) <code>this</code>"], ["b", "(b) that"]]
    assert (state["chosen"], state["feedback"], state["question"]) == ("b", "<p>Yes.</p>", "<p>Why not?</p>")


def test_an_error_is_told_in_words_and_escaped():
    def fail(letter):
        raise LabError("the <file> is gone")

    choices = make(fail)
    choices.radios.press("a")
    assert "That did not work" in choices.radios.feedback and "the &lt;file&gt; is gone" in choices.radios.feedback


def test_a_fault_of_ours_is_not_lost_either():
    choices = make(lambda letter: 1 / 0)
    choices.radios.press("a")
    assert "ZeroDivisionError" in choices.radios.feedback


def test_it_is_readable_without_a_kernel():
    bundle = make(str)._repr_mimebundle_()
    assert (bundle["text/html"], bundle["text/plain"]) == ("<p>Why? a or b</p>", "Why?")
    assert "application/vnd.jupyter.widget-view+json" in bundle
