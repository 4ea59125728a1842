"""Lesson 02, the layer explorer and the waste meter in a real browser: by mouse, by keyboard, in every light."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.page import (
    group,
    middle,
    option,
    readable_in_every_light,
    widget_of,
)  # fmt: skip

LAYERS = "02-layers"
CONTENTS, EXPLORER = "01-what-an-image-contains", "LayerExplorer("
METER = "WasteMeter("


@pytest.fixture
def meter(widget):
    return widget(LAYERS, METER)


def button(meter, step, action):
    """The button of a step that is called so."""
    return meter.get_by_title(f"Step {step}: {action}", exact=True)


def measured(meter, what):
    """The row of the meter's table that is called so, as text: before, now, change."""
    return meter.get_by_role("row").filter(has=meter.page.get_by_role("rowheader", name=what, exact=True))


def test_the_waste_meter_is_used_by_keyboard(meter):
    page = meter.page
    expect(measured(meter, "image size")).to_have_text(re.compile(r"2,240,010\s*2,240,010\s*0$"))
    expect(measured(meter, "wasted")).to_contain_text("+1,000,000")

    button(meter, 1, "overwrite").focus()
    page.keyboard.press("Space")
    expect(measured(meter, "image size")).to_contain_text("3,240,010")
    expect(button(meter, 1, "overwrite")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(button(meter, 1, "delete")).to_be_focused()
    expect(button(meter, 1, "delete")).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Enter")
    expect(button(meter, 1, "delete")).to_have_attribute("aria-pressed", "true")
    expect(meter.get_by_role("group", name="Step 1", exact=True).get_by_role("button", pressed=True)).to_have_count(1)
    expect(measured(meter, "image size")).to_have_text(re.compile(r"2,240,010\s*0$"))
    file = meter.get_by_role("slider", name="Step 1 file", exact=True)
    file.focus()
    page.keyboard.press("ArrowRight")
    expect(meter).to_contain_text("Layer 4: delete data/1.jpg")
    expect(file).to_have_attribute("aria-valuetext", "data/1.jpg")
    expect(meter.get_by_text("data/1.jpg", exact=True).first).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(meter).to_contain_text("Layer 4: delete data/photos.zip")

    button(meter, 2, "add").focus()
    page.keyboard.press("Space")
    expect(meter.get_by_role("row").filter(has_text="data/photos.zip")).to_have_text(
        re.compile(r"1,000,000 hidden\s*removed\s*1,000,000\s*1,000,000\s*2,000,000$")
    )
    expect(meter).to_contain_text("dive counts from the smallest size that a path has had")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")  # delete: there is nothing left to delete
    expect(meter.get_by_role("alert")).to_contain_text("Step 2 makes no layer: data/photos.zip does not exist")

    meter.get_by_role("button", name="Start again").focus()
    page.keyboard.press("Enter")
    expect(meter.get_by_role("alert")).to_have_count(0)
    expect(measured(meter, "image size")).to_have_text(re.compile(r"2,240,010\s*2,240,010\s*0$"))


@pytest.fixture
def explorer(widget):
    return widget(CONTENTS, EXPLORER)


def note(explorer):
    return explorer.locator(".imagelab-touch-status")


def test_a_layer_is_clicked_and_a_file_says_what_hides_it(explorer):
    page = explorer.page
    page.mouse.click(*middle(explorer, "layer:3"))
    expect(explorer).to_contain_text("Layer 3 of 3")
    expect(group(explorer, "layer:3")).to_have_attribute("aria-pressed", "true")
    expect(group(explorer, "layer:1")).to_have_attribute("aria-pressed", "false")
    expect(explorer.get_by_role("row").filter(has_text="notes.txt")).to_contain_text("hidden, still in 2")
    group(explorer, "file:2:app/prices.csv").hover()
    expect(note(explorer)).to_have_text(
        "app/prices.csv: it comes from layer 2, 13 bytes. From layer 3 on it is out of sight: its own file there "
        "covers this one. Its bytes stay in this layer."
    )
    for name in ("file:3:app/prices.csv", "file:3:app/prices.csv->file:2:app/prices.csv", "layer:3"):
        expect(group(explorer, name)).to_have_class(re.compile("imagelab-lit"))
    group(explorer, "file:2:app/notes.txt").hover()
    expect(note(explorer)).to_contain_text("a whiteout there hides it")
    group(explorer, "file:2:app/shop.py").hover()
    expect(note(explorer)).to_contain_text("it is the file that a container sees")
    page.mouse.click(*middle(explorer, "file:2:app/shop.py"))
    expect(explorer).to_contain_text("Layer 2 of 3")


def test_the_stack_is_walked_by_keyboard(explorer):
    keys = explorer.page.keyboard
    group(explorer, "layer:3").focus()
    keys.press("ArrowDown")
    expect(group(explorer, "file:3:app/notes.txt")).to_be_focused()
    expect(note(explorer)).to_have_text(
        "app/notes.txt: a whiteout in layer 3 hides the one of layer 2, which still holds its bytes."
    )
    keys.press("Enter")
    expect(explorer.get_by_role("slider")).to_have_attribute("aria-valuetext", "3 of 3")
    expect(note(explorer)).to_have_text("Layer 3 of 3 is open: it changed 1 path, removed 1 path.")
    expect(group(explorer, "file:3:app/notes.txt")).to_be_focused()
    keys.press("ArrowUp")
    keys.press("Space")
    expect(group(explorer, "layer:3")).to_have_attribute("aria-pressed", "true")


def test_the_explorer_is_readable_in_every_light(widget):
    explorer = widget(CONTENTS, EXPLORER)
    group(explorer, "layer:3").click()
    expect(explorer).to_contain_text("Layer 3 of 3")
    readable_in_every_light(explorer, drawn=explorer)


def test_the_waste_meter_is_readable_in_every_light(widget):
    meter = widget(LAYERS, METER, 'predict("02.secret")', 'reveal("02.secret", at=at')
    page = meter.page
    button(meter, 2, "overwrite").click()
    expect(meter.get_by_role("alert")).to_have_count(1)
    question = widget_of(page, 'predict("02.secret")')
    option(question, "a").click()
    expect(question.get_by_role("status")).to_contain_text("The answer is (c).")
    readable_in_every_light(meter, question)
