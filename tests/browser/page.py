"""A lesson's page as a test sees it: where its cells and widgets are, and whether they can be read."""

from __future__ import annotations

import base64

from playwright.sync_api import expect

UNREADABLE = """(widget, words) => {  // what stands out from its ground by less than 4.5 (WCAG 2, "contrast ratio")
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const linear = v => v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
    const ground = e => (numbers(getComputedStyle(e).backgroundColor)[3] ?? 1) ? e : ground(e.parentElement);
    const contrast = element => {
        const a = light(numbers(getComputedStyle(element).color));
        const b = light(numbers(getComputedStyle(ground(element)).backgroundColor));
        return (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    };
    const shown = e => e.textContent.trim() && e.checkVisibility() && !e.disabled;
    const seen = [...widget.querySelectorAll(words)].filter(shown);
    return [seen.length, seen.filter(e => contrast(e) < 4.5).map(e => e.outerHTML)];
}"""
MIDDLE = """(widget, id) => {
    const group = widget.querySelector(`.imagelab-touch [id="${id}"]`);
    group.scrollIntoView({block: "nearest", inline: "nearest"});
    const box = group.getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
}"""
SIZES = """widget => {
    const picture = widget.querySelector(".imagelab-touch-picture");
    const svg = picture.querySelector("svg");
    return [Number(svg.getAttribute("width")), svg.getBoundingClientRect().width, getComputedStyle(picture).overflowX];
}"""
PIXEL = """async png => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.drawImage(image, 0, 0);
    return [...canvas.getImageData(0, 0, 1, 1).data];
}"""
INSIDE = "w => w.getBoundingClientRect().right <= innerWidth && w.scrollWidth <= w.clientWidth + 1"
WORDS = "span, td, td i, th, p, code, pre, abbr, li, b, mark, label, caption, summary, button, select"

THEME = """async theme => {  // and wait for its style sheets
    await window.jupyterapp.commands.execute("apputils:change-theme", {theme});
    while (document.body.dataset.jpThemeName !== theme) await new Promise(requestAnimationFrame);
}"""


def cell_with(page, source):
    """The code cell that holds this source."""
    return page.locator(".jp-CodeCell").filter(has=page.locator(".cm-content", has_text=source)).first


def widget_of(page, source):
    """The living widget in the output of the cell that holds this source."""
    return cell_with(page, source).locator(".jp-OutputArea-output .widget-vbox").first


def group(widget, name):
    """The group of a drawing that stands for this: `tag:shop:1.0`."""
    return widget.locator(f'.imagelab-touch [id="{name}"]')


def middle(widget, name):
    """Where a group is in the window, once it is scrolled to."""
    group(widget, name).wait_for(state="attached")
    return widget.evaluate(MIDDLE, name)  # in one go: a widget may draw again at any moment


def drag(widget, name, *, onto=None, by=(0, 0)):
    """Take hold of a group with the mouse, and let go of it on another one, or so many pixels further."""
    mouse = widget.page.mouse
    x, y = middle(widget, name)
    mouse.move(x, y)
    mouse.down()
    right, down = middle(widget, onto) if onto else (x + by[0], y + by[1])
    mouse.move((x + right) / 2, (y + down) / 2, steps=3)
    mouse.move(right, down, steps=3)
    mouse.up()


def ground(picture):
    """The colour that is on the screen in a picture's upper left corner: red, green and blue."""
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    png = picture.page.screenshot(clip={"x": box["x"] + 3, "y": box["y"] + 3, "width": 1, "height": 1})
    return tuple(picture.page.evaluate(PIXEL, base64.b64encode(png).decode())[:3])


def unfold(page, heading):
    """Open the section of a heading that is folded, by the button that says how many cells it hides."""
    page.locator(".jp-MarkdownCell").filter(has_text=heading).locator(".jp-showHiddenCellsButton").click()


def option(question, letter):
    """The radio button of an option of a question."""
    return question.get_by_role("radio", name=f"({letter})")


def type_and_run(page, source, code):
    """Put the cursor at the end of a cell, type below what is there, and run the cell and the one after it."""
    cell_with(page, source).locator(".cm-content").click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(f"\n{code}")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")


def no_trouble(page):
    """No error, no warning, nothing that could not be shown."""
    for kind in ("stderr", "error"):
        expect(page.locator(f'[data-mime-type="application/vnd.jupyter.{kind}"]')).to_have_count(0)
    for words in ("Traceback", "Error displaying widget", "Loading widget", "Cannot display an untrusted"):
        expect(page.get_by_text(words)).to_have_count(0)


def readable(*widgets):
    """Every word stands out from its ground (WCAG AA: 4.5 to 1), and nothing sticks out of the page."""
    for widget in widgets:
        seen, unreadable = widget.evaluate(UNREADABLE, WORDS)
        assert seen and not unreadable, (seen, unreadable)
        assert widget.evaluate(INSIDE), "wider than the page"


def readable_in_every_light(*widgets, drawn=None):
    """In a narrow light page, and in a wide dark one; `drawn` is the widget whose drawing keeps its size."""
    page = widgets[0].page
    for theme, width in (("JupyterLab Light", 600), ("JupyterLab Dark", 1280)):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(THEME, theme)
        readable(*widgets)
        if drawn:
            as_wide_as_drawn(drawn)


def as_wide_as_drawn(widget):
    """A drawing has the size it was drawn in: where the page is narrower, it scrolls."""
    drawn, shown, overflow = widget.evaluate(SIZES)  # in one go, as above
    assert abs(shown - drawn) < 1
    assert overflow == "auto"
