"""An exercise's card in a real browser: a `%docker` cell solves it, by keyboard too, and readable in every light."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from browser.classroom import MINUTE, start_all
from browser.page import cell_with, no_trouble, readable_in_every_light, type_and_run, widget_of

NAME = "excerpt-an-exercise"
SHOWN, WORK, CHECK = 'exercise("04.twins")', "# Work here", "twins.check()"
CELLS = ['from imagelab.lesson import begin, exercise\nbegin("04")', f"twins = {SHOWN}\ntwins", WORK, CHECK]


@pytest.fixture
def card(classroom, lesson):
    """`card()` opens a notebook with one exercise, and gives its card."""

    def show(**how):
        cells = [
            {"cell_type": "code", "id": f"e{number}", "metadata": {}, "source": source, "outputs": [],
             "execution_count": None}
            for number, source in enumerate(CELLS)
        ]  # fmt: skip
        notebook = json.loads((classroom.lessons / "04-tags.ipynb").read_text("utf-8")) | {"cells": cells}
        (classroom.lessons / f"{NAME}.ipynb").write_text(json.dumps(notebook), "utf-8")
        page = lesson(NAME, **how)
        start_all(page)
        expect(cell_with(page, CHECK)).to_contain_text("not started", timeout=MINUTE)
        card = widget_of(page, SHOWN)
        expect(card.get_by_role("status").first).to_have_text("1 of 2 conditions are met.")
        no_trouble(page)
        return card

    return show


def conditions(card):
    return card.get_by_role("list", name="Conditions").get_by_role("listitem")


def test_a_docker_cell_solves_it_and_the_marks_change_by_themselves(card, classroom):
    card = card()
    page = card.page
    expect(conditions(card)).to_have_text([re.compile("^✗ not yet: proof:1.0"), re.compile("^✓ met: the four names")])
    expect(card).to_contain_text("%docker speaks to this exercise's lab")
    now = card.get_by_role("img", name=re.compile("^Now: "))
    expect(now).to_have_attribute("alt", re.compile("not yet: proof:1.0: not there"))
    type_and_run(page, WORK, "%docker tag shop:1.0 proof:1.0")
    expect(card.get_by_role("img", name=re.compile("^Now: "))).to_have_attribute("alt", re.compile("another image"))
    expect(cell_with(page, CHECK)).to_contain_text("their configs tell of two histories")
    expect(card).to_contain_text("You: 1;")
    type_and_run(page, WORK, "%docker tag shop:latest proof:1.0")
    expect(conditions(card)).to_have_text([re.compile("^✓ met: proof:1.0"), re.compile("^✓ met: the four names")])
    expect(card.get_by_role("status").first).to_contain_text("Exercise 04.twins: solved.")
    expect(cell_with(page, CHECK)).to_contain_text("Exercise 04.twins: solved.")
    expect(cell_with(page, CHECK).get_by_role("link")).to_be_visible()
    assert classroom.progress["exercises"]["04.twins"]["solved"]


def test_every_button_is_reached_and_pressed_by_keyboard(card):
    card = card()
    page = card.page
    answer = card.get_by_role("status").last
    card.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("Nothing has changed in twins.lab yet.")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(answer).to_contain_text("Hint 1 of 3")
    expect(card.get_by_role("button", name="Hint (1 of 3 shown)")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("%docker tag shop:latest proof:1.0")
    step = card.get_by_role("button", name="Run next step")
    expect(step).to_be_visible()
    page.keyboard.press("Tab")
    expect(step).to_be_focused()
    page.keyboard.press("Enter")
    expect(answer).to_contain_text("Step 1 of 2")
    expect(answer).to_contain_text("REPOSITORY")
    page.keyboard.press("Enter")
    expect(card.get_by_role("status").first).to_contain_text("solved.")
    card.get_by_role("button", name="Reset").focus()
    page.keyboard.press("Enter")
    expect(card.get_by_role("status").first).to_contain_text("1 of 2 conditions are met.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    following = card.get_by_role("link")
    expect(following).to_contain_text("lesson 05 · Digests")
    expect(card.get_by_role("status").last).to_contain_text(re.compile("^Next: "))
    following.press("Enter")
    expect(page.get_by_role("tab", name="05-digests.ipynb")).to_be_visible()


def test_the_card_is_readable_in_every_light(card):
    card = card()
    for name in ("Check", "Solution", "Run next step"):
        card.get_by_role("button", name=name).click()
    expect(card.get_by_role("status").last).to_contain_text("Step 1 of 2")
    readable_in_every_light(card)
