"""Lesson 03 in a real browser: the cache simulator by keyboard, a build's bar, ■, dark and narrow."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from browser.classroom import run_all
from browser.page import cell_with, in_every_light, readable, type_and_run

BUILDING = "03-building"
SIMULATOR = "CacheSimulator("


def test_the_cache_simulator_builds_at_every_change_by_keyboard(widget):
    simulator = widget(BUILDING, SIMULATOR)
    page = simulator.page
    step = simulator.get_by_role("row")
    again = simulator.get_by_role("button", name="Build again")
    again.focus()
    page.keyboard.press("Enter")
    expect(simulator.get_by_role("status")).to_contain_text("5 steps after FROM, 5 from the cache")

    simulator.get_by_role("combobox").first.select_option("prices.csv")
    edit = simulator.get_by_role("button", name="Add a line to the file")
    edit.focus()
    page.keyboard.press("Space")
    expect(step.filter(has_text="COPY . .")).to_contain_text("prices.csv changed")
    expect(step.filter(has_text="RUN sort")).to_contain_text(re.compile("MISS.*parent changed"))

    simulator.get_by_role("combobox").first.select_option("Dockerfile")
    text = simulator.get_by_role("textbox")
    expect(text).to_have_value(re.compile("^FROM lab/shell"))  # the kernel has put it there
    text.fill("FROM lab/shell:1.0\nCOPI . .\n")
    page.keyboard.press("Tab")
    expect(simulator.get_by_role("alert")).to_contain_text("Dockerfile:2: unknown instruction: COPI")
    text.fill("FROM lab/shell:1.0\nCOPY stock.txt .\nRUN sort stock.txt > shelf.txt\nCOPY . .\n")
    page.keyboard.press("Tab")
    expect(simulator.get_by_role("alert")).to_have_count(0)
    expect(step.last).to_contain_text(re.compile("COPY . ..*MISS"))
    simulator.get_by_role("combobox").first.select_option("prices.csv")
    edit.focus()
    page.keyboard.press("Space")
    expect(step.filter(has_text="RUN sort")).to_contain_text("HIT")

    for cell in ('lab.build(shop, "shop:1.0")', "%docker build --no-cache"):
        expect(cell_with(page, cell).locator("summary").first).to_contain_text(re.compile(r"Built shop:1\.\d in "))


def test_a_build_has_a_bar_and_the_stop_button_stops_it(lesson):
    page = lesson(BUILDING)
    run_all(page)
    long = "recipe = b'FROM lab/shell:1.0\\nRUN echo $((40 + 2)) begun && sleep 300\\n'\n"
    type_and_run(page, "# Work here, in order.lab", f"{long}order.lab.build(order.folder, 'x:1', dockerfile=recipe)")
    work = cell_with(page, "# Work here, in order.lab")
    expect(work.locator(".widget-progress, .jupyter-widget-progress, .progress").first).to_be_visible()
    expect(work).to_contain_text("step 2 of 2")
    expect(work.locator("pre", has_text="42 begun")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("i")
    page.keyboard.press("i")
    expect(work).to_contain_text("Interrupted at step 2", timeout=5000)
    expect(work.locator(".progress")).to_have_count(0)
    expect(work).to_contain_text("the build was interrupted: no image was made and no name moved")


@in_every_light
def test_the_simulator_is_readable_in_every_light(widget, dark, width):
    simulator = widget(BUILDING, SIMULATOR, dark=dark, width=width)
    simulator.get_by_role("button", name="Build again").click()
    expect(simulator.get_by_role("status")).to_contain_text("5 from the cache")
    readable(simulator)
