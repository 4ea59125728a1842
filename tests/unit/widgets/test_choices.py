"""Choices and boards: what a press of a button does, and that no error is lost."""

from __future__ import annotations

from imagelab import LabError
from imagelab.widgets.choices import Choices
from imagelab.widgets.progress_board import ProgressBoard


def make(choose):
    return Choices("<p>Why?</p>", {"a": "this", "b": "that"}, choose, plain="Why?")


def test_a_press_is_answered_and_shown():
    choices = make(lambda letter: f"you said {letter}")
    choices.buttons["b"].click()
    assert choices.feedback.value == '<div role="status">you said b</div>'
    assert (choices.buttons["a"].icon, choices.buttons["b"].icon) == ("", "check")


def test_every_button_says_what_it_stands_for():
    assert [button.tooltip for button in make(str).buttons.values()] == ["Answer a: this", "Answer b: that"]


def test_an_error_is_told_in_words_and_escaped():
    def fail(letter):
        raise LabError("the <file> is gone")

    choices = make(fail)
    choices.buttons["a"].click()
    assert "That did not work" in choices.feedback.value and "the &lt;file&gt; is gone" in choices.feedback.value


def test_a_fault_of_ours_is_not_lost_either():
    choices = make(lambda letter: str(1 / 0))
    choices.buttons["a"].click()
    assert "ZeroDivisionError" in choices.feedback.value


def test_it_is_readable_without_a_kernel():
    bundle = make(str)._repr_mimebundle_()
    assert (bundle["text/html"], bundle["text/plain"]) == ("<p>Why?</p>", "Why?")
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_a_board_reads_again_when_asked():
    pages = iter(["first", "second"])
    board = ProgressBoard(lambda: next(pages))
    assert board.table.value == "first"
    board.button.click()
    assert board.table.value == "second"


def test_a_board_says_the_same_in_the_notebook_whatever_it_shows():
    mine, yours = ProgressBoard(lambda: "mine"), ProgressBoard(lambda: "yours")
    assert mine._repr_mimebundle_()["text/html"] == yours._repr_mimebundle_()["text/html"]


def test_a_board_whose_file_is_damaged_says_so():
    def fail():
        raise LabError("cannot be read")

    assert "cannot be read" in ProgressBoard(fail).table.value
