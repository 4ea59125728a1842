"""Lesson 05 in a real browser: the digest microscope by keyboard, its errors, and the exercises."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.page import (
    group,
    middle,
    no_trouble,
    readable_in_every_light,
)  # fmt: skip

DIGESTS = "05-digests"
REACH = {  # kind of change -> what is said of it; in this order, so that each differs from the one before
    "one byte of a file": "7 of 12 names changed", "the mode of a file": "6 of 12", "a text in the config": "2 of 11",
    "the tag": "No name changed.", "how the layers are stored": "4 of 11",
}  # fmt: skip


@pytest.fixture
def microscope(widget):
    return widget(DIGESTS, "DigestMicroscope(image")


def row(microscope, name):
    return microscope.get_by_role("row").filter(has_text=re.compile(rf"^\s*{name}"))


def control(microscope, kind, name):
    return microscope.get_by_role(kind, name=name)


def said(microscope):
    """What became of the names."""
    return microscope.get_by_role("status").last


def test_a_byte_is_clicked_and_the_names_that_change_light_up(microscope):
    page = microscope.page
    expect(group(microscope, "byte:11")).to_have_attribute("aria-pressed", "true")
    expect(group(microscope, "link:config")).to_contain_text("changed: sha256:")
    page.mouse.click(*middle(microscope, "byte:3"))
    expect(group(microscope, "byte:3")).to_have_attribute("aria-pressed", "true")
    expect(group(microscope, "byte:11")).to_have_attribute("aria-pressed", "false")
    expect(microscope).to_contain_text("Byte 3 of app/prices.csv, in layer 2: ',' becomes '-'.")
    expect(group(microscope, "link:file")).to_contain_text("Byte\xa03,\xa0','\xa0(hex\xa02c),\xa0becomes\xa0'-'")
    for name in ("link:tar", "link:config", "link:manifest", "link:tar->link:config"):
        expect(group(microscope, name)).to_have_class(re.compile("imagelab-lit"))
    expect(group(microscope, "link:tag")).not_to_have_class(re.compile("imagelab-lit"))
    expect(control(microscope, "spinbutton", "Byte no.")).to_have_value("3")
    group(microscope, "link:manifest").hover()
    expect(microscope.locator(".imagelab-touch-status")).to_have_text("The digest of the manifest: changed.")


def test_the_bytes_are_walked_by_arrow_keys(microscope):
    page = microscope.page
    group(microscope, "byte:11").focus()
    page.keyboard.press("ArrowLeft")
    expect(group(microscope, "byte:10")).to_be_focused()
    expect(group(microscope, "byte:10")).to_have_accessible_name("byte 10, ',' (hex 2c)")
    page.keyboard.press("ArrowUp")
    expect(group(microscope, "byte:2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(microscope).to_contain_text("Byte 2 of app/prices.csv, in layer 2: 'a' becomes '`'.")
    expect(group(microscope, "byte:2")).to_be_focused()
    expect(said(microscope)).to_contain_text("7 of 12 names changed, 5 stayed.")


def press(microscope, name):
    """A button of the microscope, by its name, pressed with the keyboard."""
    microscope.get_by_role("button", name=name, exact=True).focus()
    microscope.page.keyboard.press("Enter")


def test_the_microscope_is_used_by_keyboard(microscope):
    """Tab from one control to the next, every kind of change, a file from the list, both stores."""
    page = microscope.page
    expect(said(microscope)).to_contain_text("7 of 12 names changed, 5 stayed.")
    expect(row(microscope, "layer 2 diffID")).to_contain_text("≠ changed")
    expect(row(microscope, "layer 3 diffID")).to_contain_text("= same")

    microscope.get_by_role("button", name="the tag", exact=True).focus()
    page.keyboard.press("Tab")
    expect(control(microscope, "combobox", "Which")).to_be_focused()
    page.keyboard.press("Tab")
    expect(control(microscope, "spinbutton", "Byte no.")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(microscope).to_contain_text("Byte 10 of app/prices.csv, in layer 2: ',' becomes '-'.")
    page.keyboard.press("Tab")
    expect(control(microscope, "textbox", "Becomes")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type(",")
    expect(said(microscope)).to_contain_text("No name changed.")

    control(microscope, "combobox", "Which").focus()
    for key in ("Space", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(microscope).to_contain_text("of app/shop.py, in layer 2")

    for kind, words in REACH.items():
        press(microscope, kind)
        expect(said(microscope)).to_contain_text(words)
        no_trouble(page)
    expect(row(microscope, "layer 1 digest")).to_contain_text("≠ changed")
    expect(row(microscope, "image ID")).to_contain_text("= same")

    expect(row(microscope, "after")).to_contain_text("= same")
    press(microscope, "Docker 29 (containerd store)")
    expect(microscope).to_contain_text("docker images, with Docker 29 (containerd store)")
    expect(row(microscope, "after")).to_contain_text("≠ changed")
    expect(row(microscope, "after")).to_contain_text("the digest of the manifest")


def test_an_error_is_told_in_words(microscope):
    page = microscope.page
    box = control(microscope, "textbox", "Becomes")
    box.fill("57")
    expect(microscope.get_by_role("alert")).to_contain_text("'57' is not one byte: write one character such as 5")
    box.fill("7")
    expect(said(microscope)).to_contain_text("7 of 12 names changed")
    press(microscope, "the mode of a file")
    expect(said(microscope)).to_contain_text("6 of 12")
    box.fill("rwx")
    expect(microscope.get_by_role("alert")).to_contain_text("'rwx' is not a mode")
    no_trouble(page)


def test_the_microscope_is_readable_in_every_light(widget):
    """Every word stands out from its ground (WCAG AA: 4.5 to 1), and nothing sticks out of the page."""
    microscope = widget(DIGESTS, "DigestMicroscope(image")
    press(microscope, "the mode of a file")
    expect(said(microscope)).to_contain_text("6 of 12")
    press(microscope, "one byte of a file")
    expect(said(microscope)).to_contain_text("7 of 12")
    readable_in_every_light(microscope, drawn=microscope)
