"""The transfer board in a real browser: pushed and pulled by mouse and by keyboard, played, readable in every light."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.classroom import start_all
from browser.page import drag, group, middle, no_trouble, readable_in_every_light, widget_of

BOARD = """from imagelab import Lab
from imagelab.widgets import TransferBoard
lab = Lab.temporary(epoch=0)
market = lab.registry(name="market.test")
below = lab.append(None, {"photo.jpg": bytes(range(256)) * 40})
lab.append(below, {"menu.txt": "soup 4\\n"}, "market.test/shop:1.0")
first = lab.push("market.test/shop:1.0")
lab.tag("market.test/shop:1.0", "market.test/kitchen/shop:1.0")
TransferBoard(lab, market, first, lab.push("market.test/kitchen/shop:1.0"))
"""
SHOP, KITCHEN = "name:market.test/shop:1.0", "name:market.test/kitchen/shop:1.0"


@pytest.fixture
def board(classroom, lesson):
    """The board, in a notebook of its own; `dark` and `width` as for a lesson."""

    def make(**how):
        page = lesson(classroom.notebook("board", BOARD), **how)
        start_all(page)
        widget = widget_of(page, "from imagelab import Lab")
        widget.locator(".imagelab-touch").wait_for()
        no_trouble(page)
        return widget

    return make


def announced(board):
    return board.locator(".imagelab-touch-status")


def rows(board):
    return board.locator("table").last.get_by_role("row")


def test_it_is_worked_by_mouse(board):
    board = board()
    expect(board.locator("figcaption")).to_contain_text("mounted from shop")
    drag(board, KITCHEN, onto="repository:shop")
    expect(announced(board)).to_contain_text("market.test/kitchen/shop:1.0 is pushed: 1 sent")
    board.get_by_role("button", name="Change a byte").click()
    expect(board.get_by_text("Byte 5 of menu.txt, in layer 2, has changed")).to_be_visible()
    drag(board, KITCHEN, onto="pointer:shop:1.0")
    expect(announced(board)).to_have_text(re.compile(r"is pushed: 3 sent \([\d,]+ bytes\), 1 already there\."))
    for name in (SHOP, KITCHEN):
        drag(board, name, by=(0, -500))
        expect(announced(board)).to_have_text(f"The name {name.removeprefix('name:')} is removed from the lab.")
    drag(board, "pointer:shop:1.0", onto="lab")
    expect(announced(board)).to_contain_text("shop:1.0 is pulled: 3 received")  # the photo is still here

    board.page.mouse.click(*middle(board, "layer:2"))
    expect(announced(board)).to_contain_text("The lab calls this layer by its diffID")
    expect(board.get_by_text("The requests for layer 2")).to_be_visible()
    expect(rows(board)).to_have_count(2)
    board.page.mouse.move(*middle(board, "blob:config"))
    lit = board.locator(".imagelab-lit").evaluate_all("all => all.map(each => each.id)")
    assert lit == ["config", "blob:config"]


def test_it_is_worked_by_keyboard(board):
    board = board()
    page = board.page
    group(board, SHOP).focus()
    page.keyboard.press("Space")
    expect(announced(board)).to_contain_text("picked up")
    page.keyboard.press("Escape")
    expect(announced(board)).to_contain_text("put back")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(announced(board)).to_contain_text("Enter drops")
    page.keyboard.press("Enter")
    expect(announced(board)).to_contain_text("is pushed: 1 sent")
    expect(group(board, SHOP)).to_be_focused()
    page.keyboard.press("Delete")
    expect(announced(board)).to_contain_text("is removed from the lab")
    group(board, "config").focus()
    page.keyboard.press("Enter")
    expect(board.get_by_text("The requests for config")).to_be_visible()


def test_it_is_played_step_by_step(board):
    board = board()
    every = rows(board).count()
    board.get_by_role("button", name="Start").click()
    expect(announced(board)).to_have_text("Before the first of 4 blobs.")
    expect(group(board, "layer:1->blob:layer:1")).to_have_count(0)
    board.get_by_role("button", name="Step").click()
    expect(announced(board)).to_contain_text("1 of 4: layer 1, mounted from shop")
    expect(group(board, "layer:1->blob:layer:1")).to_contain_text("mounted from shop")
    board.get_by_role("button", name="Play").click()
    expect(board.get_by_role("button", name="Pause")).to_be_visible()
    expect(announced(board)).to_contain_text("4 of 4: manifest, sent")
    expect(rows(board)).to_have_count(every)
    board.get_by_role("button", name="1: push market.test/shop:1.0").click()
    expect(board.locator("figcaption")).to_contain_text("Pushed: 4 sent")


def test_it_is_readable_in_every_light(board):
    board = board()
    board.get_by_role("button", name="another").click()
    board.get_by_role("button", name="Push", exact=True).click()
    expect(board.get_by_role("alert")).to_contain_text("no repository is chosen")
    readable_in_every_light(board, drawn=board)
