"""Lesson 03 in a real browser: the cache simulator by mouse and by keyboard, a build's bar, ■, dark and narrow."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.page import (
    drag,
    group,
    middle,
    no_trouble,
    readable_in_every_light,
)  # fmt: skip

BUILDING = "03-building"
SIMULATOR = "CacheSimulator("


@pytest.fixture
def simulator(widget):
    """The simulator, every step of which is in the cache."""
    simulator = widget(BUILDING, SIMULATOR)
    simulator.get_by_role("button", name="Build again").click()
    expect(simulator).to_contain_text("5 steps after FROM, 5 from the cache")
    expect(group(simulator, "line:6")).to_contain_text("HIT")
    return simulator


def expect_lines(simulator, *words):
    """The instructions in the picture, from line 2 on, each with what the cache had of it."""
    for number, line in enumerate(words, 2):
        expect(group(simulator, f"line:{number}")).to_have_text(re.compile(line.replace(" ", r"\s+")))
    expect(group(simulator, f"line:{len(words) + 2}")).to_have_count(0)


def field(simulator):
    """Where a line is edited in place."""
    return simulator.locator(".imagelab-touch-field")


def test_a_line_is_dragged_edited_and_dragged_off_with_the_mouse(simulator):
    """What is above the change is found, and every line below it is built again."""
    drag(simulator, "line:5", onto="line:3")
    expect_lines(
        simulator, "WORKDIR /app HIT", "ENV PORT=8080 MISS order changed", "COPY . . MISS Dockerfile changed",
        "RUN sort .* MISS parent changed", "CMD .* MISS parent changed",
    )  # fmt: skip
    expect(group(simulator, "line:3")).to_be_focused()
    drag(simulator, "line:3", by=(0, 10))  # too little to change anything

    simulator.page.mouse.click(*middle(simulator, "line:6"))
    expect(field(simulator)).to_have_value('CMD ["cat", "prices.csv"]')
    field(simulator).fill('CMD ["cat", "shelf.txt"]')
    simulator.page.keyboard.press("Enter")
    expect(group(simulator, "line:6")).to_contain_text("shelf.txt")
    expect(group(simulator, "line:3")).to_contain_text("HIT")
    expect(simulator.get_by_role("textbox", name="Text")).to_have_value(re.compile("shelf.txt.]$", re.M))

    drag(simulator, "line:6", by=(0, 400))
    expect(simulator).to_contain_text("4 steps after FROM")
    expect(group(simulator, "line:6")).to_have_count(0)
    drag(simulator, "line:3", onto="line:1")  # nothing goes above FROM
    drag(simulator, "line:5", onto="line:4")
    expect_lines(simulator, "WORKDIR /app HIT", "ENV PORT=8080 HIT", "RUN sort .* failed", "COPY . . not run")


def test_the_simulator_is_used_by_keyboard(simulator):
    page, keys = simulator.page, simulator.page.keyboard
    group(simulator, "line:1").focus()
    for _ in range(2):
        keys.press("ArrowDown")
    expect(group(simulator, "line:3")).to_be_focused()
    keys.press("Alt+ArrowDown")  # below the RUN that needs it
    expect(simulator.get_by_role("alert")).to_contain_text("Dockerfile:3: RUN")
    expect(group(simulator, "line:4")).to_be_focused()
    expect_lines(simulator, "WORKDIR", "RUN sort .* failed", "COPY . . not run", "ENV .* not run", "CMD .* not run")
    keys.press("Alt+ArrowUp")
    expect(simulator).to_contain_text("5 from the cache")
    expect(simulator.get_by_role("alert")).to_have_count(0)

    expect(group(simulator, "line:3")).to_be_focused()
    keys.press("Space")
    keys.press("ArrowDown")
    keys.press("Escape")
    expect(simulator.locator(".imagelab-touch-status")).to_contain_text("put back")
    expect(group(simulator, "line:3")).to_contain_text("COPY")

    group(simulator, "line:3").focus()
    keys.press("Enter")
    expect(field(simulator)).to_be_focused()
    field(simulator).fill("nonsense \N{TEACUP WITHOUT HANDLE}")
    keys.press("Escape")
    expect(group(simulator, "line:3")).to_be_focused()
    expect(group(simulator, "line:3")).to_contain_text("COPY")
    silly = {"COPI . .": "Dockerfile:3: unknown instruction: COPI", "\N{TEACUP WITHOUT HANDLE}": "unknown instruction"}
    for text, words in silly.items():
        keys.press("Enter")
        field(simulator).fill(text)
        keys.press("Enter")
        expect(simulator.get_by_role("alert")).to_contain_text(words)
        expect(group(simulator, "line:3")).to_be_focused()
    keys.press("Enter")
    field(simulator).fill("COPY . .")
    keys.press("Enter")
    expect(simulator.get_by_role("alert")).to_have_count(0)
    keys.press("End")
    group(simulator, "line:6").focus()
    keys.press("Delete")
    expect(simulator).to_contain_text("4 steps after FROM")
    no_trouble(page)


def test_a_file_is_edited_below_the_picture(simulator):
    page = simulator.page
    simulator.get_by_role("combobox").first.select_option("prices.csv")
    edit = simulator.get_by_role("button", name="Add a line to the file")
    edit.focus()
    page.keyboard.press("Space")
    expect(group(simulator, "line:3")).to_contain_text("prices.csv changed")
    expect(group(simulator, "line:4")).to_have_text(re.compile(r"RUN\s+sort.*\s+MISS\s+parent\s+changed"))

    simulator.get_by_role("combobox").first.select_option("Dockerfile")
    text = simulator.get_by_role("textbox", name="Text")
    expect(text).to_have_value(re.compile("^FROM lab/shell"))  # the kernel has put it there
    text.fill("FROM lab/shell:1.0\nCOPY stock.txt .\nRUN sort stock.txt > shelf.txt\nCOPY . .\n")
    page.keyboard.press("Tab")
    expect_lines(simulator, "COPY stock.txt .* MISS", "RUN sort", "COPY . . MISS")
    simulator.get_by_role("combobox").first.select_option("prices.csv")
    edit.focus()
    page.keyboard.press("Space")
    expect_lines(simulator, "COPY stock.txt .* HIT", "RUN sort .* HIT", "COPY . . MISS prices.csv changed")


def test_a_run_that_never_ends_is_stopped(simulator):
    stop = simulator.get_by_role("button", name="Stop")
    expect(stop).to_be_hidden()
    simulator.page.mouse.click(*middle(simulator, "line:new"))
    field(simulator).fill("RUN echo begun; while true; do sleep 1; done")
    simulator.page.keyboard.press("Enter")
    expect(simulator).to_contain_text("Step 7 of 7 is running")
    stop.click()
    expect(simulator.get_by_role("alert")).to_contain_text("Stopped. The steps before it are in the cache; no image")
    expect(group(simulator, "line:7")).to_contain_text("stopped")
    expect(stop).to_be_hidden()
    group(simulator, "line:7").focus()
    simulator.page.keyboard.press("Delete")
    expect(simulator).to_contain_text("5 steps after FROM")
    no_trouble(simulator.page)


def test_the_simulator_is_readable_in_every_light(widget):
    simulator = widget(BUILDING, SIMULATOR)
    simulator.get_by_role("button", name="Build again").click()
    expect(simulator).to_contain_text("5 from the cache")
    simulator.locator("summary", has_text="The steps as a table").click()
    readable_in_every_light(simulator, drawn=simulator)
