"""Questions in the browser: answered by mouse and by keyboard, kept, and readable in every light."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.classroom import start_all
from browser.page import cell_with, no_trouble, option, readable, readable_in_every_light, widget_of

BEGIN = "from imagelab.lesson import predict, reveal"
ASK, REVEAL = 'predict("00.tar")', 'reveal("00.tar", text=29, tar=2048)'
ANSWER = "The answer is (b)"
QUESTIONS = ["04.latest", "04.same", "04.none", "04.held", "04.rmi"]
KEYS = {"Enter": "b", "Space": "b", "3": "c", "A": "a", "?": "?"}


@pytest.fixture
def questions(classroom, lesson):
    """`questions(cell, …)` opens a notebook with these cells and runs them; gives the page."""

    def run(*cells, **how):
        page = lesson(classroom.notebook("questions", BEGIN, *cells), **how)
        start_all(page)
        for cell in cells:
            widget_of(page, cell).wait_for()
        no_trouble(page)
        return page

    return run


def restart(page):
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:restart-kernel') }")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    page.locator(".jupyter-widgets-disconnected").first.wait_for()


def test_a_click_on_an_option_s_words_answers_and_opens_what_waits_below(questions, classroom):
    page = questions(ASK, REVEAL, 'predict("04.latest")')
    asked, waiting = widget_of(page, ASK), widget_of(page, REVEAL)
    expect(waiting).to_contain_text("Answer first.")
    expect(page.get_by_text(ANSWER)).to_have_count(0)
    expect(page.get_by_role("radio", checked=True)).to_have_count(0)
    other = widget_of(page, 'predict("04.latest")')
    expect(other.locator("label code")).to_have_text("latest")
    assert "`" not in other.inner_text()

    waiting.get_by_text("(a) 29 bytes").click()
    expect(waiting.get_by_role("status")).to_contain_text(ANSWER)
    expect(waiting.get_by_role("status")).to_contain_text("You chose (a)")
    for place in (asked, waiting):
        expect(option(place, "a")).to_be_checked()
        expect(place.locator("label").filter(has=page.locator(":checked"))).to_contain_text("✓ your answer")
    expect(page.get_by_role("radio", checked=True)).to_have_count(2)
    assert classroom.progress["predictions"]["00.tar"]["said"] == "a"

    option(asked, "b").click()
    expect(asked.get_by_role("status")).to_contain_text("Your first answer, (a), counts.")
    expect(option(asked, "a")).to_be_checked()
    assert classroom.progress["predictions"]["00.tar"]["said"] == "a"


def test_an_answer_outlives_page_and_kernel_and_what_is_left_of_a_kernel_says_so(questions, classroom):
    page = questions(ASK, REVEAL)
    option(widget_of(page, ASK), "?").click()
    expect(widget_of(page, REVEAL).get_by_role("status")).to_contain_text(ANSWER)
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    classroom.reload(page, "excerpt-questions")
    page.get_by_text("| Idle").first.wait_for()
    for place in (widget_of(page, ASK), widget_of(page, REVEAL)):
        expect(option(place, "?")).to_be_checked()
        expect(place.get_by_role("status")).to_contain_text("512 for the header")

    restart(page)
    left = widget_of(page, ASK)
    above = left.evaluate("w => getComputedStyle(w, '::before').content")
    assert "The kernel of this widget has ended" in above, "on a page of questions alone as well"
    option(left, "a").click()
    expect(left.get_by_role("status")).to_contain_text("left over from a kernel that has ended")
    expect(option(left, "?")).to_be_checked()

    start_all(page)
    answered = cell_with(page, REVEAL).locator(".jp-OutputArea-output").filter(has_text="You said that you don't know")
    answered.wait_for()
    expect(option(widget_of(page, ASK), "?")).to_be_checked()
    assert classroom.progress["predictions"]["00.tar"] | {"when": ""} == {"said": "?", "right": None, "when": ""}


def test_questions_are_answered_by_keyboard(questions, classroom):
    page = questions(*(f'predict("{name}")' for name in QUESTIONS))
    cells = page.locator(".jp-Cell").count()
    for name, (key, letter) in zip(QUESTIONS, KEYS.items(), strict=True):
        asked = widget_of(page, f'predict("{name}")')
        group = asked.get_by_role("radiogroup")
        expect(group).to_have_accessible_name(" ".join(asked.locator("p").first.inner_text().split()))
        cell_with(page, name).focus()
        while asked.locator(":focus").count() == 0:
            page.keyboard.press("Tab")  # past the toolbar that the chosen cell has
        expect(option(asked, "a")).to_be_focused()
        for step, reached in (("ArrowUp", "?"), ("ArrowDown", "a"), ("ArrowLeft", "?"), ("ArrowRight", "a")):
            page.keyboard.press(step)
            expect(option(asked, reached)).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(asked.get_by_role("radio", checked=True)).to_have_count(0)
        page.keyboard.press(key)
        expect(option(asked, letter)).to_be_checked()
        expect(option(asked, letter)).to_be_focused()
        expect(asked.get_by_role("status")).to_contain_text("Now run the next cells to find out.")
        assert classroom.progress["predictions"][name]["said"] == letter
    assert page.locator(".jp-Cell").count() == cells, "JupyterLab inserts a cell for the letter a"
    no_trouble(page)


def test_the_next_cell_is_run_from_an_option(questions):
    page = questions(ASK, REVEAL)
    option(widget_of(page, ASK), "b").click()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    expect(cell_with(page, REVEAL).locator(".jp-OutputArea-output")).to_contain_text("You chose (b), which is right.")
    expect(widget_of(page, REVEAL)).to_have_count(0)


def test_a_question_is_readable_in_every_light(questions):
    page = questions(
        'predict("04.latest")', 'reveal("04.latest", asked="1", first="2", second="3")'
    )
    asked, waiting = widget_of(page, "predict("), widget_of(page, "reveal(")
    readable(asked, waiting)
    option(asked, "a").click()
    expect(waiting.get_by_role("status")).to_contain_text(ANSWER)
    for summary in waiting.locator("summary").all():
        summary.press("Enter")
    expect(waiting.locator("details[open]")).to_have_count(1)
    readable_in_every_light(asked, waiting)
