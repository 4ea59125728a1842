"""Lesson 04 in a real browser: the tag board by mouse, by keyboard and by its buttons, and the exercises."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.page import drag, group, middle, readable_in_every_light

TAGS = "04-tags"
BOARD = "TagBoard(bench)"
FIRST, THIRD = "e497c1132910", "8621fbe1d52b"  # the images of bench, the same on every machine


@pytest.fixture
def board(widget):
    return widget(TAGS, BOARD)


def expect_drawn(board, words):
    """The drawing says this in words too, folded below it."""
    expect(board.locator("figcaption")).to_contain_text(words)


def chosen(board):
    return board.get_by_role("status").nth(1)


def printed(board):
    return board.get_by_role("status").nth(2)


def choice(board, name):
    """A button of the rows of tags and images."""
    return board.locator(".imagelab-toggles").get_by_role("button", name=name)


def announced(board):
    return board.locator(".imagelab-touch-status")


def test_a_tag_is_dragged_onto_an_image_and_off_the_drawing(board):
    expect(group(board, f"image:{FIRST}")).to_have_accessible_name(f"image {FIRST}, shop:1.0, shop:latest")
    drag(board, "tag:shop:3.0", onto=f"image:{FIRST}")
    expect(announced(board)).to_have_text(f"shop:3.0 points to image {FIRST} now.")
    expect(printed(board)).to_contain_text(f"$ docker tag {FIRST} shop:3.0")
    expect_drawn(board, f"shop:3.0 points to image {FIRST} (move 5). Before: {THIRD} (move 3).")
    expect(group(board, f"tag:shop:3.0->image:{FIRST}")).to_contain_text("now (move 5)")
    expect(group(board, f"tag:shop:3.0->image:{THIRD}")).to_contain_text("move 3")

    drag(board, "tag:shop:3.0", by=(0, 40))
    expect(announced(board)).to_contain_text("put back")
    drag(board, "tag:shop:3.0", by=(0, 400))
    expect(announced(board)).to_have_text("The tag shop:3.0 is removed.")
    expect(printed(board)).to_contain_text("$ docker rmi shop:3.0\nUntagged: shop:3.0")
    board.get_by_role("button", name="Undo last move").click()
    expect_drawn(board, f"shop:3.0 points to image {FIRST} (moves 5, 7).")

    board.page.mouse.click(*middle(board, f"image:{THIRD}"))
    expect(chosen(board)).to_contain_text(f"the image {THIRD}")
    expect(group(board, f"image:{THIRD}")).to_have_attribute("aria-pressed", "true")
    board.page.mouse.click(*middle(board, "tag:shop:latest"))
    expect(announced(board)).to_contain_text(f"tag shop:latest, points to image {FIRST}. Its history is below.")
    expect(choice(board, "shop:latest")).to_have_attribute("aria-pressed", "true")


def test_a_tag_is_moved_in_the_drawing_by_keyboard(board):
    page = board.page
    board.get_by_role("button", name="Play").focus()
    page.keyboard.press("Tab")
    expect(group(board, "tag:shop:1.0")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(group(board, "tag:shop:3.0")).to_be_focused()
    page.keyboard.press("Space")
    expect(announced(board)).to_contain_text("picked up: arrows choose, Enter drops, Delete takes it off")
    page.keyboard.press("Escape")
    expect(announced(board)).to_contain_text("put back")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(announced(board)).to_contain_text(f"Enter drops tag shop:3.0, points to image {THIRD} on image {FIRST}")
    page.keyboard.press("Enter")
    expect(announced(board)).to_have_text(f"shop:3.0 points to image {FIRST} now.")
    expect(group(board, "tag:shop:3.0")).to_be_focused()
    page.keyboard.press("Delete")
    expect(announced(board)).to_have_text("The tag shop:3.0 is removed.")
    expect(group(board, "tag:shop:3.0")).to_be_focused()
    expect(group(board, "tag:shop:3.0")).to_have_accessible_name("tag shop:3.0, removed")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(chosen(board)).to_contain_text("the tag shop:2.0")


def test_the_log_is_replayed(board):
    drag(board, "tag:shop:latest", onto=f"image:{THIRD}")
    expect(announced(board)).to_contain_text("now.")
    board.get_by_role("button", name="Start").click()
    expect(announced(board)).to_have_text("Before the first of 5 moves.")
    expect(group(board, "tag:shop:1.0")).to_have_count(0)
    for _ in range(4):
        board.get_by_role("button", name="Step").click()
    expect(announced(board)).to_have_text(f"Move 4 of 5, by tag: shop:latest points to image {FIRST}.")
    expect(group(board, f"tag:shop:latest->image:{FIRST}")).to_contain_text("now (move 4)")
    board.get_by_role("button", name="Back").click()
    expect(group(board, "tag:shop:latest")).to_have_count(0)
    board.get_by_role("button", name="Play").click()
    expect(board.get_by_role("button", name="Pause")).to_be_visible()
    expect(announced(board)).to_have_text(
        f"Move 5 of 5, by tag: shop:latest points to image {THIRD}. This is the lab as it is now."
    )
    expect(board.get_by_role("button", name="Play")).to_be_visible()


def test_the_tag_board_moves_a_tag_by_keyboard(board):
    page = board.page
    said = printed(board)
    choice(board, "shop:3.0").focus()
    page.keyboard.press("Enter")
    expect(chosen(board)).to_contain_text(f"Chosen: the tag shop:3.0 and the image {FIRST}.")
    page.keyboard.press("Tab")  # to the row of images
    expect(choice(board, FIRST)).to_be_focused()
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
    expect(printed(board)).to_contain_text(f"$ docker tag {FIRST} shop:best")
    expect(chosen(board)).to_contain_text("the tag shop:best")
    expect(name).to_be_hidden()
    board.get_by_role("button", name="Remove image").click()
    expect(board.get_by_role("alert")).to_contain_text("image is referenced in multiple repositories")


def test_the_tag_board_is_readable_in_every_light(widget):
    board = widget(TAGS, BOARD)
    board.get_by_role("button", name="another").click()
    board.get_by_role("button", name="Point tag at image").click()
    expect(board.get_by_role("alert")).to_contain_text("no tag is chosen")
    choice(board, "shop:2.0").click()
    board.get_by_role("button", name="Undo last move").click()
    expect(printed(board)).to_contain_text("-> <none>")
    readable_in_every_light(board)
