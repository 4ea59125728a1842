"""A drawing one can take hold of, in a real browser: dark, narrow, without its kernel, and without anywidget."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.classroom import start_all
from browser.page import UNREADABLE, drag, group, middle, no_trouble, widget_of

LAB = """from imagelab import Lab
lab = Lab.temporary(epoch=0)
for price in (1, 2, 3):
    image = lab.append(None, {"menu.txt": f"soup {price}\\n"}, f"shop:{price}.0")
lab.tag("shop:1.0", "shop")
"""
BOARD = f"{LAB}from imagelab.widgets import TagBoard\nTagBoard(lab)"
ANATOMY = f"{LAB}from imagelab.widgets import Anatomy\nAnatomy(lab.append(image, {{'price': '5'}}, 'shop:4.0'))"
FIRST = "image:e497c1132910"

# The ground and the words of a drawing: what stands on the ground itself (labels of arrows), and what in a box.
CONTRASTS = """touch => {
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
    const contrast = (a, b) => (Math.max(light(a), light(b)) + .05) / (Math.min(light(a), light(b)) + .05);
    const ground = e => (numbers(getComputedStyle(e).backgroundColor)[3] ?? 1) ? e : ground(e.parentElement);
    const page = numbers(getComputedStyle(ground(touch)).backgroundColor);
    const fill = e => numbers(getComputedStyle(e).fill);
    const words = [...touch.querySelectorAll("g.edge text")].map(text => contrast(fill(text), page));
    const boxes = [...touch.querySelectorAll("g.node")].filter(node => node.querySelector("polygon, path"));
    for (const node of boxes) for (const text of node.querySelectorAll("text"))
        words.push(contrast(fill(text), fill(node.querySelector("polygon, path"))));
    return [light(page), words];
}"""


@pytest.fixture
def run(classroom, lesson):
    """`run(code)` runs a cell in a notebook of its own, and gives its widget."""

    def run_cell(code, **how):
        page = lesson(classroom.notebook("touch", code), **how)
        start_all(page)
        widget = widget_of(page, "from imagelab import Lab")
        widget.locator(".imagelab-touch, figure img:visible").first.wait_for()
        return widget

    return run_cell


def announced(widget):
    return widget.locator(".imagelab-touch-status")


def test_a_digest_lights_up_in_every_place_that_holds_it(run):
    widget = run(ANATOMY)
    page, lit = widget.page, widget.locator(".imagelab-lit")
    no_trouble(page)
    expect(widget.get_by_role("group", name="Anatomy of shop:4.0")).to_be_visible()
    page.mouse.move(*middle(widget, "manifest.config"))
    expect(announced(widget)).to_contain_text("stands in 2 places: the manifest's config; the name of the config")
    assert lit.evaluate_all("all => all.map(each => each.id)") == ["manifest.config", "config"]
    page.mouse.move(5, 5)
    expect(lit).to_have_count(0)
    expect(announced(widget)).to_have_text("")

    group(widget, "tag:shop:4.0").focus()
    expect(announced(widget)).to_contain_text("under the tag shop:4.0")
    page.keyboard.press("ArrowRight")
    expect(group(widget, "manifest.config")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(group(widget, "manifest.layer:2")).to_be_focused()
    expect(lit).to_have_count(3)
    page.keyboard.press("Enter")
    expect(widget.locator("code")).to_have_text(re.compile("^sha256:[0-9a-f]{64}$"))
    expect(group(widget, "manifest.layer:2")).to_have_attribute("aria-pressed", "true")
    expect(widget.get_by_role("listitem")).to_have_count(4)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_in_every_light_the_ground_is_the_page_s_and_the_words_are_readable(run, dark):
    widget = run(BOARD, dark=dark)
    drag(widget, "tag:shop:3.0", onto=FIRST)
    expect(announced(widget)).to_contain_text("now.")
    ground, words = widget.locator(".imagelab-touch").evaluate(CONTRASTS)
    assert (ground < 0.1) is dark
    assert len(words) > 10 and min(words) >= 4.5
    assert widget.locator(".imagelab-touch").evaluate(UNREADABLE, "p, [role=status]") == [2, []]


def test_where_the_page_is_narrow_a_drawing_scrolls_and_is_not_shrunk(run):
    widget = run(ANATOMY, width=700)
    picture = widget.locator(".imagelab-touch-picture")
    own, seen, inside = picture.evaluate(
        "p => [p.querySelector('svg').width.baseVal.value, p.querySelector('svg').getBoundingClientRect().width,"
        " p.clientWidth]"
    )
    assert seen == own > inside
    assert widget.evaluate("w => w.getBoundingClientRect().right <= innerWidth")
    group(widget, "tag:shop:4.0").focus()
    widget.page.keyboard.press("ArrowRight")
    for _ in range(2):
        widget.page.keyboard.press("ArrowRight")
    assert picture.evaluate("p => p.scrollLeft") > 0, "what has the focus is scrolled to"


def test_a_widget_whose_kernel_has_ended_says_so_in_words(run):
    widget = run(BOARD)
    page = widget.page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(announced(widget)).to_have_text(
        "The kernel has ended, so this drawing no longer answers. Run its section's cells again."
    )
    above = widget.evaluate("w => getComputedStyle(w, '::before').content")
    assert "The kernel of this widget has ended" in above
    parts = widget.locator(".jupyter-widgets-disconnected").evaluate_all(
        "all => all.map(each => getComputedStyle(each, '::before').content)"
    )
    assert set(parts) == {"none"}, "and no icon of a broken link on each part"
    drag(widget, "tag:shop:3.0", onto=FIRST)
    expect(announced(widget)).to_contain_text("The kernel has ended")


def test_without_a_kernel_it_says_so_when_something_is_done(run):
    widget = run(BOARD)
    widget.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    expect(widget.page.get_by_text("No Kernel").first).to_be_visible()
    group(widget, "tag:shop:3.0").focus()
    widget.page.keyboard.press("Enter")
    expect(announced(widget)).to_contain_text("The kernel has ended")


def test_silly_input_changes_nothing(run):
    widget = run(BOARD)
    page = widget.page
    drag(widget, "tag:shop:1.0", onto="tag:shop:2.0")
    expect(announced(widget)).to_contain_text("put back")
    drag(widget, FIRST, onto="tag:shop:1.0")
    group(widget, "tag:shop:1.0").focus()
    for key in ("x", "d", "d", "Space", "Space", "Escape", "Space", "ArrowLeft", "z", "Home", "Tab"):
        page.keyboard.press(key)  # in JupyterLab's command mode, x cuts the cell, and d twice deletes it
    group(widget, FIRST).focus()
    for key in ("Delete", "Backspace", "Space", "Enter"):
        page.keyboard.press(key)
    expect(widget.locator("figcaption")).to_contain_text("shop:1.0 points to image e497c1132910 (move 1).")
    expect(group(widget, FIRST)).to_have_accessible_name("image e497c1132910, shop:1.0, shop:latest")


def test_where_anywidget_cannot_load_there_are_the_picture_and_the_buttons(run, jupyterlab, classroom):
    jupyterlab.route("**/extensions/anywidget/**", lambda route: route.abort())
    classroom.load(jupyterlab)
    try:
        widget = run(BOARD)
        picture = widget.get_by_role("img", name="Tags, and where they have pointed")
        expect(picture).to_be_visible()
        widget.get_by_role("button", name="Start").click()
        expect(widget.get_by_role("img", name="Tags after move 0 of 4")).to_be_visible()
        widget.get_by_role("button", name="Remove tag").click()
        expect(picture).to_have_attribute("alt", re.compile(r"shop:1\.0 was removed"))
    finally:
        classroom.tidy(jupyterlab)
        jupyterlab.unroute("**/extensions/anywidget/**")
        classroom.load(jupyterlab)
