"""One of several options: its value and its number. tests/browser has what a screen reader is told."""

from __future__ import annotations

import pytest
import traitlets

from imagelab.widgets.selection import Selection


@pytest.fixture
def choice():
    return Selection("Tag", [("one", 1), ("two", 2), "three"])


def test_the_first_option_is_chosen_and_a_press_chooses_another(choice):
    values = []
    choice.observe(lambda change: values.append(change.new), "value")
    assert (choice.value, choice.index, choice.labels) == (1, 0, ["one", "two", "three"])
    choice.set_state({"index": 2})  # as the page does
    assert (choice.value, values) == ("three", ["three"])
    choice.value = 2
    assert choice.index == 1 and values == ["three", 2]


def test_new_options_keep_the_choice_or_take_the_first(choice):
    choice.value = 2
    choice.options = [("zero", 0), ("two", 2)]
    assert (choice.value, choice.index) == (2, 1)
    choice.options = [("ten", 10), ("eleven", 11)]
    assert (choice.value, choice.index) == (10, 0)
    choice.options = []
    assert (choice.value, choice.index) == (None, None)
    choice.options = ["again"]
    assert (choice.value, choice.index) == ("again", 0)


def test_what_is_no_option_is_refused(choice):
    with pytest.raises(traitlets.TraitError, match="expected one of"):
        choice.value = 4
    for number in (3, -1):
        with pytest.raises(traitlets.TraitError, match="from 0 to 2"):
            choice.index = number
    assert choice.value == 1
