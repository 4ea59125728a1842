"""A row of buttons: its options, its value and its number. tests/browser has what a screen reader is told."""

from __future__ import annotations

import pytest
import traitlets

from imagelab.widgets.toggles import Toggles


@pytest.fixture
def row():
    return Toggles("Tag", [("one", 1), ("two", 2), "three"])


def test_the_first_option_is_chosen_and_a_press_chooses_another(row):
    values = []
    row.observe(lambda change: values.append(change.new), "value")
    assert (row.value, row.index, row.labels) == (1, 0, ["one", "two", "three"])
    row.set_state({"index": 2})  # as the page does
    assert (row.value, values) == ("three", ["three"])
    row.value = 2
    assert row.index == 1 and values == ["three", 2]


def test_new_options_keep_the_choice_or_take_the_first(row):
    row.value = 2
    row.options = [("zero", 0), ("two", 2)]
    assert (row.value, row.index) == (2, 1)
    row.options = [("ten", 10), ("eleven", 11)]
    assert (row.value, row.index) == (10, 0)
    row.options = []
    assert (row.value, row.index) == (None, None)
    row.options = ["again"]
    assert (row.value, row.index) == ("again", 0)


def test_what_is_no_option_is_refused(row):
    with pytest.raises(traitlets.TraitError, match="expected one of"):
        row.value = 4
    for number in (3, -1):
        with pytest.raises(traitlets.TraitError, match="from 0 to 2"):
            row.index = number
    assert row.value == 1
