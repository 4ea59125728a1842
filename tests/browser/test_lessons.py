"""What a learner does in a lesson, done in a real browser: by keyboard where there is a keyboard for it.

Each test opens a lesson, runs it, and looks at what is on the page: words and roles, not pixels.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.classroom import CLOSE, start_all
from browser.page import (
    cell_with,
    ground,
    option,
    widget_of,
)  # fmt: skip

START, CONTAINS = "00-start-here", "01-what-an-image-contains"


def test_the_layer_explorer_moves_by_keyboard(widget):
    explorer = widget(CONTAINS, "LayerExplorer(image)")
    page = explorer.page
    row = explorer.get_by_role("row")
    expect(explorer).to_contain_text("Layer 1 of 3")
    expect(row.filter(has_text="motd")).to_have_text(re.compile(r"A\s*motd\s*17\s*1"))

    handle = explorer.get_by_role("slider", name="Layer", exact=True)
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(explorer).to_contain_text("Layer 2 of 3")
    page.keyboard.press("ArrowRight")
    expect(explorer).to_contain_text("Layer 3 of 3")
    expect(row.filter(has_text="notes.txt")).to_have_text(re.compile(r"D\s*notes\.txt\s*29\s*hidden, still in 2"))
    expect(row.filter(has_text="prices.csv")).to_have_text(re.compile(r"C\s*prices\.csv\s*13\s*3"))
    expect(row.filter(has_text="motd")).to_have_count(1)

    box = explorer.get_by_role("checkbox", name="Only what this layer changed")
    box.focus()
    page.keyboard.press("Space")
    expect(row.filter(has_text="motd")).to_have_count(0)
    expect(row.filter(has_text="notes.txt")).to_have_count(1)
    handle.focus()
    page.keyboard.press("Home")
    expect(explorer).to_contain_text("Layer 1 of 3")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_picture_has_the_ground_of_the_theme_whatever_the_system_prefers(lesson, classroom, dark):
    page = lesson(classroom.excerpt(CONTAINS, "draw.stack(image)"), dark=dark)
    page.emulate_media(color_scheme="light" if dark else "dark")
    start_all(page)
    picture = cell_with(page, "draw.stack(image)").locator("figure img")
    picture.wait_for()
    assert ground(picture) == ((17, 17, 17) if dark else (255, 255, 255))
    page.emulate_media(color_scheme="no-preference")


def test_where_the_page_is_narrow_a_picture_scrolls_and_is_not_shrunk(lesson, classroom):
    page = lesson(classroom.excerpt(CONTAINS, "draw.anatomy("), width=700)
    start_all(page)
    picture = cell_with(page, "draw.anatomy(").locator("figure img")
    picture.wait_for()
    own, seen, inside = picture.evaluate("i => [i.naturalWidth, i.width, i.closest('figure').clientWidth]")
    assert seen == own > inside
    assert picture.evaluate("i => getComputedStyle(i.closest('figure')).overflowX") == "auto"


def test_after_a_reload_without_its_kernel_a_widget_says_so_outside_of_a_learner_s_copy_too(lesson, classroom):
    """The page's style is saved with the output of the first cell: there is no other that would say it."""
    name = classroom.notebook("saved", 'from imagelab.lesson import begin, predict\nbegin("00")', 'predict("00.tar")')
    page = lesson(name)
    start_all(page)
    widget_of(page, 'predict("00.tar")').wait_for()
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate(CLOSE)
    lesson(name)
    output = cell_with(page, 'predict("00.tar")').locator(".jp-OutputArea-output").first
    expect(output).to_contain_text("model not found")
    style = "e => [getComputedStyle(e).fontSize, getComputedStyle(e, '::after').content]"
    assert output.evaluate(style) == [
        "0px", '"This widget was made by a kernel that has ended. Run its section\'s cells again."'
    ]


def test_after_a_reload_bar_and_map_say_what_was_done_since_the_page_was_saved(lesson, classroom):
    begin = 'from imagelab.lesson import begin, predict, progress\nbegin("00")'
    page = lesson(classroom.notebook("bar", begin, "progress.map()", 'predict("00.tar")'))
    start_all(page)
    question = widget_of(page, 'predict("00.tar")')
    question.wait_for()
    bar = cell_with(page, 'begin("00")').get_by_role("status")
    row = cell_with(page, "progress.map()").get_by_role("row", name="00 · Start here")
    expect(bar).to_contain_text("predictions 0 of 2")
    expect(row.get_by_role("cell").nth(1)).to_have_text("0 of 2")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.context.save = async () => {}; }")  # no more saving
    option(question, "a").click()
    expect(bar).to_contain_text("predictions 1 of 2")
    expect(bar.get_by_role("link")).to_have_count(1)
    classroom.reload(page, "excerpt-bar")
    widget_of(page, 'predict("00.tar")').wait_for()
    expect(bar).to_contain_text("predictions 1 of 2")
    expect(row.get_by_role("cell").nth(1)).to_have_text("1 of 2")
    expect(row.get_by_role("link").first).to_have_text("00 · Start here")
