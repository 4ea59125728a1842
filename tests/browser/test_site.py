"""The site as a reader sees it: opened from a folder, without any server, in every width and light, and on paper."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

from browser.conftest import FLAGS
from browser.page import UNREADABLE, WORDS

TOOL = Path(__file__).parents[2] / "tools" / "website.py"
WIDTHS, PAPER = (400, 1024, 1600), (700, 1000)  # in pixels; A4, upright and lying, less its margins
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNFOLD = "() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })"
LIT = "svg => [...svg.querySelectorAll('.lit')].map(part => part.dataset.name)"
FOLDED = "() => document.querySelectorAll('main details:not([open], figcaption *)').length"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, TOOL, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def browser_page(site: Path, chromium: Path) -> Iterator[Page]:
    """A page of a browser; what it asked for and what its scripts complained about must be nothing of note."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert asked and not [url for url in asked if not url.startswith((site.as_uri(), "data:"))]
    assert not complaints


@pytest.fixture
def read(site: Path, browser_page: Page) -> Iterator[Page]:
    """`read("04-tags")` opens that page, as somebody does who was never here."""

    def open_page(name: str, width: int = 1024) -> Page:
        browser_page.set_viewport_size({"width": width, "height": 900})
        browser_page.goto((site / f"{name}.html").as_uri())
        return browser_page

    yield open_page
    browser_page.evaluate("() => localStorage.clear()")
    browser_page.emulate_media(media="screen", color_scheme="light")


def pages() -> list[str]:
    notebooks = sorted((TOOL.parents[1] / "notebooks").glob("*.ipynb"))
    return ["index", *(path.stem for path in notebooks), "teaching", "answers", "registry", "readme"]


@pytest.mark.parametrize("name", pages())
def test_a_page_fits_every_width_and_can_be_read_in_every_light_and_on_paper(read, name):
    page = read(name)
    page.evaluate(UNFOLD)
    for media, scheme, widths in (("screen", "light", WIDTHS), ("screen", "dark", WIDTHS), ("print", "dark", PAPER)):
        page.emulate_media(media=media, color_scheme=scheme)
        seen, unreadable = page.locator("body").evaluate(UNREADABLE, WORDS)
        assert seen and not unreadable, (media, scheme, unreadable[:3])
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(OVERFLOW) <= 0, (media, width)
    ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)", "paper is white, whatever the system prefers"


def test_paper_shows_the_answers_and_no_navigation_and_the_page_is_folded_again_afterwards(read):
    page = read("05-digests")
    folded = page.evaluate(FOLDED)
    page.emulate_media(media="print")
    expect(page.get_by_text("The answer is (c) more than 4.")).to_be_visible()
    for part in ("header", "nav.contents", "nav.turn"):
        expect(page.locator(part)).to_be_hidden()
    assert page.evaluate(FOLDED) == 0
    wide = "() => [...document.querySelectorAll('svg')].every(svg => svg.getBoundingClientRect().right <= innerWidth)"
    assert page.evaluate(wide), "what does not fit on paper is made smaller: paper does not scroll"
    page.emulate_media(media="screen")
    assert folded > 10
    page.wait_for_function(f"({FOLDED})() === {folded}")


def test_the_switch_of_the_theme_is_remembered_on_the_next_page(read):
    page = read("index")
    page.get_by_role("button", name="Dark").press("Enter")
    page = read("04-tags")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(17, 17, 17)"
    arrow = "() => getComputedStyle(document.querySelector('g.edge path[stroke=\"#0072b2\"]')).stroke"
    assert page.evaluate(arrow) == "rgb(124, 196, 240)", "the arrows of a drawing are light too"
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.evaluate(arrow) == "rgb(0, 114, 178)"


def test_the_search_works_by_keyboard_alone(read):
    page = read("index", 400)
    page.keyboard.press("/")
    page.keyboard.type("whiteout HIDES")
    status = page.locator("#results [role=status]")
    expect(status).to_contain_text("sections")
    page.keyboard.press("ArrowDown")
    first = page.locator("#results a").first
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#results")).to_be_hidden()
    page.keyboard.type("an image called <none>")
    expect(page.locator("#results a").first).to_have_text("04 · Tags › 4. An image called <none>")
    page.keyboard.press("Enter")
    page.wait_for_url("**/04-tags.html#4-an-image-called-none")
    expect(page.get_by_role("heading", name="4. An image called <none>")).to_be_in_viewport()
    page.keyboard.press("/")
    page.keyboard.type("no page has these words")
    expect(status).to_have_text("Nothing has all of these words.")


def test_a_drawing_lights_up_what_belongs_together_by_mouse_and_by_keyboard(read):
    page = read("04-tags")
    drawing = page.locator("svg.drawing").first
    drawing.locator('[data-name="tag:shop:1.0"]').hover()
    image = "image:b4f2eeec4296"
    assert sorted(drawing.evaluate(LIT)) == [image, "tag:shop:1.0", f"tag:shop:1.0->{image}"]
    page.mouse.move(0, 0)
    assert drawing.evaluate(LIT) == []
    drawing.locator('[tabindex="0"]').focus()
    page.keyboard.press("ArrowRight")
    assert {"tag:shop:latest", f"tag:shop:latest->{image}"} <= set(drawing.evaluate(LIT))
    page.keyboard.press("Tab")
    assert not drawing.evaluate("svg => svg.contains(document.activeElement)"), "one stop of Tab for each drawing"

    anatomy = read("00-start-here").locator("svg.drawing").first
    anatomy.locator('[data-name="manifest.config"]').hover()
    assert "config" in anatomy.evaluate(LIT), "it holds the same hex digits"


def test_a_link_to_a_folded_section_opens_it(read):
    page = read("05-digests", 1600)
    section = page.locator("details.more").first
    expect(section).not_to_have_attribute("open", "")
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="9. More").click()
    expect(section).to_have_attribute("open", "")
    expect(section.get_by_role("heading")).to_be_in_viewport()


def test_what_scrolls_can_be_scrolled_by_keyboard_and_the_first_tab_skips_to_the_text(read):
    page = read("00-start-here", 400)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the text")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert page.locator("figure").first.get_attribute("tabindex") == "0"


@pytest.mark.parametrize("name", ["index", "04-tags"])
def test_axe_finds_no_barrier(read, name):
    result = Axe().run(read(name, 1600), options={"preload": False}).response  # it would fetch the style by XHR
    barriers = [rule for rule in result["violations"] if rule["impact"] in ("serious", "critical")]
    assert not barriers, [(rule["id"], rule["nodes"][0]["html"]) for rule in barriers]


def test_without_scripts_everything_is_there_to_read(site, browser_page):
    page = browser_page.context.browser.new_page(java_script_enabled=False, color_scheme="dark")
    page.goto((site / "04-tags.html").as_uri())
    expect(page.get_by_role("heading", name="1. Two names, one image")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    page.get_by_text("the answer", exact=True).first.click()
    expect(page.get_by_text("The answer is").first).to_be_visible()
    page.close()


def test_the_folder_can_be_moved(site, browser_page, tmp_path):
    moved = tmp_path / "a folder"
    shutil.copytree(site, moved)
    page = browser_page.context.browser.new_page()
    page.goto((moved / "index.html").as_uri())
    page.get_by_role("table").get_by_role("link", name="01").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("01 · What an image contains")
    page.close()
