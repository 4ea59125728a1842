"""Lesson 04 in a real browser: the tag board by keyboard, its errors, and the exercises."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.classroom import run_all
from browser.page import cell_with, in_every_light, no_trouble, readable, type_and_run, unfold

TAGS = "04-tags"
BOARD = "TagBoard(bench)"
FIRST, THIRD = "e497c1132910", "8621fbe1d52b"  # the images of bench, the same on every machine


@pytest.fixture
def board(widget):
    return widget(TAGS, BOARD)


def expect_drawn(board, words):
    """The picture says this to those who do not see it."""
    picture = board.get_by_role("img", name="Tags, and where they have pointed")
    expect(picture).to_have_attribute("alt", re.compile(re.escape(words)))


def test_the_tag_board_moves_a_tag_by_keyboard(board):
    page = board.page
    chosen, said = board.get_by_role("status").nth(0), board.get_by_role("status").nth(1)
    board.get_by_role("button", name="shop:3.0").focus()
    page.keyboard.press("Enter")
    expect(chosen).to_contain_text(f"Chosen: the tag shop:3.0 and the image {FIRST}.")
    page.keyboard.press("Tab")  # to the row of images
    expect(board.get_by_role("button", name=FIRST)).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(board.get_by_role("button", name="Point tag at image")).to_be_focused()
    page.keyboard.press("Enter")
    expect(said).to_contain_text(f"$ docker tag {FIRST} shop:3.0")
    expect_drawn(board, f"shop:3.0 points to image {FIRST} (move 5). Before: {THIRD} (move 3).")
    expect_drawn(board, f"Image {THIRD} is <none>, dangling: no tag points here.")
    expect(board.get_by_role("row").last).to_have_text(re.compile(rf"5\s*20\S+ \S+\s*{THIRD}\s*{FIRST}\s*tag"))

    page.keyboard.press("Tab")
    expect(board.get_by_role("button", name="Undo last move")).to_be_focused()
    page.keyboard.press("Space")
    expect(said).to_contain_text(f"shop:3.0: {FIRST} -> {THIRD}")
    expect_drawn(board, f"shop:3.0 points to image {THIRD} (moves 3, 6).")


def test_a_new_tag_is_named_and_a_bad_name_is_told_in_words(board):
    page = board.page
    expect(board.get_by_role("textbox", name="Its name")).to_be_hidden()
    board.get_by_role("button", name="another").focus()
    page.keyboard.press("Enter")
    name = board.get_by_role("textbox", name="Its name")
    expect(name).to_be_visible()
    point = board.get_by_role("button", name="Point tag at image")
    name.fill("Shop:best")
    point.click()
    expect(board.get_by_role("alert")).to_contain_text("repository name must be lowercase: 'Shop'")
    name.fill("shop:best")
    point.click()
    expect(board.get_by_role("status").nth(1)).to_contain_text(f"$ docker tag {FIRST} shop:best")
    expect(board.get_by_role("status").nth(0)).to_contain_text("the tag shop:best")
    expect(name).to_be_hidden()
    board.get_by_role("button", name="Remove image").click()
    expect(board.get_by_role("alert")).to_contain_text("image is referenced in multiple repositories")


def test_lesson_04_s_exercises_are_solved(lesson):
    page = lesson(TAGS)
    unfold(page, "More: a third exercise")
    run_all(page)
    no_trouble(page)
    here = "# Work here, in twins.lab"
    type_and_run(page, here, 'twins.lab.tag("shop:stable", "proof:1.0")')
    expect(cell_with(page, "twins.check()")).to_contain_text("their configs tell of two histories")
    type_and_run(page, here, 'twins.lab.tag("shop:latest", "proof:1.0")')
    expect(cell_with(page, "twins.check()")).to_contain_text("Exercise 04.twins: solved.")
    type_and_run(page, "# Work here, in back.lab", "back.lab.prune()[0][:0]")
    expect(cell_with(page, "back.check()")).to_contain_text("prune removes what no tag leads to")


@in_every_light
def test_the_tag_board_is_readable_in_every_light(widget, dark, width):
    board = widget(TAGS, BOARD, dark=dark, width=width)
    board.get_by_role("button", name="another").click()
    board.get_by_role("button", name="Point tag at image").click()
    expect(board.get_by_role("alert")).to_contain_text("no tag is chosen")
    board.get_by_role("button", name="shop:2.0").click()
    board.get_by_role("button", name="Undo last move").click()
    expect(board.get_by_role("status").nth(1)).to_contain_text("-> <none>")
    readable(board)
