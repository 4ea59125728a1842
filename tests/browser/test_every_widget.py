"""Every widget at 200 % zoom, dark, 700 pixels wide, by Tab alone, with silly input, and after a reload of the page.

One notebook holds them all, in one kernel: each test looks at one widget of it, as the test before has left the page.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import expect, sync_playwright

from browser.classroom import MINUTE, start_all
from browser.conftest import FLAGS
from browser.page import THEME, no_trouble, readable, widget_of

SETUP = """from imagelab import Lab
from imagelab.lesson import exercise, predict
from imagelab.widgets import *
lab = Lab.temporary(epoch=0)
files = {"Dockerfile": "FROM lab/shell:1.0\\nCOPY . /app/\\nRUN sort /app/a > /b\\n", "a": "tea,3\\nsoup,4\\n"}
lab.append(lab.build(files, "shop:1.0").image, {"app/a": "tea,4\\n", "b": None}, "shop:2.0")
shop = lab.image("shop:2.0")
lab.run("shop:1.0", "sh", "-c", "while true; do sleep 1; done", name="till", detach=True).name"""
CELLS = {
    "anatomy": "Anatomy(shop)",
    "layer explorer": "LayerExplorer(shop)",
    "waste meter": 'WasteMeter(shop, [("overwrite", "app/a", 1000)])',
    "digest microscope": 'DigestMicroscope(shop, "app/a", 1)',
    "tag board": "TagBoard(lab)",
    "cache simulator": "CacheSimulator(lab, files)",
    "container playground": 'ContainerPlayground(lab, "till")',
    "question": 'predict("04.latest")',
    "exercise card": 'exercise("04.twins")',
}
TEACUP = "\N{TEACUP WITHOUT HANDLE}"
SILLY = ["   ", "x" * 10_000, "<img src=x onerror=alert(1)>", "../../etc", TEACUP]
ANSWERS = {  # widget -> its field, what enters a text there, and what the widget says to a teacup
    "digest microscope": ("Becomes", "Tab", "is not one byte"),
    "tag board": ("Its name", "Point tag at image", "invalid reference format"),
    "cache simulator": ("Text", "Tab", "unknown instruction"),
    "container playground": ("till $", "Enter", "exit code 127"),
}
# A row of buttons, the options of a question, and a drawing are one stop of Tab each.
STOPS = """widget => {
    const controls = "button, input:not([type=radio]), textarea, select, summary, [role=radiogroup], svg [tabindex]";
    window.stops = [...widget.querySelectorAll(controls)].filter(each => each.checkVisibility() && !each.disabled
        && (each.tabIndex >= 0 || each.role === "radiogroup") && each.type !== "file");
    window.passed = new Set();
    const first = [...widget.querySelectorAll("*")].find(each => each.tabIndex >= 0 && each.checkVisibility());
    widget.addEventListener("focusin", ({target}) => {
        window.stops.filter(each => each.contains(target)).forEach(each => window.passed.add(each));
    });
    first.focus();
    return window.stops.length;
}"""
MISSED = "() => window.stops.filter(each => !window.passed.has(each)).map(each => each.outerHTML.slice(0, 200))"

every_widget = pytest.mark.parametrize("name", CELLS)


@pytest.fixture(scope="module")
def page(classroom, chromium):
    """All widgets, in a window of 1280 pixels at 200 % zoom: 640 pixels of CSS, each of them two wide."""
    notebook = classroom.notebook("every-widget", SETUP, *CELLS.values())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        zoomed = browser.new_context(viewport={"width": 640, "height": 900}, device_scale_factor=2)
        page = classroom.enter(zoomed)
        page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        classroom.show(page, notebook, dark=False)
        start_all(page)
        for cell in CELLS.values():
            widget_of(page, cell).wait_for(timeout=2 * MINUTE)
        yield page
        classroom.tidy(page)
        browser.close()


@every_widget
def test_at_200_percent_it_is_readable(page, name):
    readable(widget_of(page, CELLS[name]))


@every_widget
def test_at_700_pixels_and_dark_it_is_readable(page, name):
    page.set_viewport_size({"width": 700, "height": 900})
    page.evaluate(THEME, "JupyterLab Dark")
    readable(widget_of(page, CELLS[name]))


@every_widget
def test_every_control_is_reached_by_tab(page, name):
    widget = widget_of(page, CELLS[name])
    stops = widget.evaluate(STOPS)
    assert stops
    for _ in range(2 * stops):
        page.keyboard.press("Tab")
    assert page.evaluate(MISSED) == []


@pytest.mark.parametrize("name", ANSWERS)
def test_silly_input_is_answered_in_words(page, name):
    label, enter, words = ANSWERS[name]
    widget = widget_of(page, CELLS[name])
    if name == "tag board":
        widget.get_by_role("button", name="another").click()
    field = widget.get_by_role("textbox", name=label, exact=True)
    before = field.input_value()
    for text in SILLY:
        field.fill(text)
        if enter in ("Tab", "Enter"):
            field.press(enter)
        else:
            widget.get_by_role("button", name=enter).click()
    expect(widget).to_contain_text(words)
    readable(widget)
    no_trouble(page)
    field.fill(before)
    field.press("Tab")


def test_after_a_reload_every_widget_is_there_again(page, classroom):
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    classroom.reload(page, "excerpt-every-widget")
    for cell in CELLS.values():
        widget_of(page, cell).wait_for(timeout=2 * MINUTE)
    no_trouble(page)
