"""`imagelab learn`, as a learner types it, and what the browser shows then."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from browser.classroom import start_all
from browser.conftest import FLAGS
from browser.page import cell_with
from processes import end

WAIT = 60_000  # milliseconds


def learn(folder: Path, *flags: str) -> list[str]:
    return [sys.executable, "-m", "imagelab", "learn", str(folder), "--no-browser", *flags]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A learner's folder, with one notebook of their own, open in JupyterLab; gives its address too."""
    home = tmp_path_factory.mktemp("learn")
    folder = home / "course"
    folder.mkdir()
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    folded = markdown("## 2. More: the log", metadata={"jp-MarkdownHeadingCollapsed": True})
    cells = [
        code("from imagelab.lesson import begin, predict, progress\nbegin('00')"), code("# The map.\nprogress.map()"),
        code('predict("00.tar").choose("a")'), folded, code("'folded'"), markdown("## 3. Last"), code("'below'"),
    ]  # fmt: skip
    lost = {"application/vnd.jupyter.widget-view+json": {"model_id": "lost", "version_major": 2, "version_minor": 0}}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "mine.ipynb")
    cells = [code(f"from IPython.display import display\ndisplay({lost!r}, raw=True)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "old.ipynb")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IMAGELAB"))}
    server = subprocess.Popen(
        learn(folder, "--port", "0"), env=environment | {"HOME": str(home)}, text=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert server.stderr
        lines = []
        for line in server.stderr:
            lines.append(line)
            if address := re.search(r"http://\S+/lab/tree/\S+token=\w+", line):
                break
        else:
            pytest.fail("JupyterLab ended:\n" + "".join(lines[-20:]))
        threading.Thread(target=server.stderr.read, daemon=True).start()  # so that its pipe never fills
        yield folder, address[0]
    finally:
        end(server)


@pytest.fixture(scope="module")
def page(course: tuple[Path, str], chromium: Path) -> Iterator[Page]:
    """The address, opened in a browser for the first time."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(WAIT)
        page.goto(course[1])
        page.get_by_text("| Idle").first.wait_for()
        yield page
        browser.close()


def test_lesson_00_is_open_trusted_unchanged_and_has_not_been_run(page):
    expect(page.get_by_role("heading", name="00 · Start here")).to_be_visible()
    expect(page.locator('.jp-StatusItem-trust[title^="Notebook trusted"]')).to_be_visible()
    expect(page.locator(".jp-OutputArea-output")).to_have_count(0)
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)


def test_nothing_pops_up_and_the_first_cell_runs(page):
    first = cell_with(page, 'begin("00")')
    first.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(first).to_contain_text("predictions 0 of 2")
    expect(page.locator(".Toastify__toast")).to_have_count(0)
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.fixture(scope="module")
def run(page: Page) -> Page:
    """The learner's own notebook, all of its cells run."""
    page.get_by_role("listitem", name=re.compile(r"mine\.ipynb")).dblclick()
    page.get_by_role("heading", name="3. Last").wait_for()
    page.get_by_text("| Idle").first.wait_for()
    start_all(page)
    expect(cell_with(page, "'below'")).to_contain_text("[5]")
    return page


@pytest.fixture
def mine(run: Page) -> Page:
    """That notebook, in front of the others."""
    run.get_by_role("tab", name="mine.ipynb").click()
    return run


def test_a_section_that_goes_further_opens_folded(mine):
    expect(mine.get_by_role("heading", name="2. More: the log")).to_be_visible()
    expect(cell_with(mine, "'below'")).to_be_visible()
    expect(cell_with(mine, "'folded'")).to_be_hidden()


def test_the_bar_follows_what_is_done_and_its_link_opens_the_section_that_comes_next(mine):
    bar = cell_with(mine, "begin('00')").get_by_role("status")
    expect(bar).to_contain_text("predictions 1 of 2")
    bar.get_by_role("link", name="5. The same image again").press("Enter")
    expect(mine.get_by_role("tab", name="00-start-here.ipynb", selected=True)).to_be_visible()
    expect(mine.get_by_role("heading", name="5. The same image again")).to_be_in_viewport(timeout=WAIT)


def test_a_link_to_a_section_of_a_notebook_that_is_not_open_opens_it_there(mine):
    table = cell_with(mine, "# The map.").get_by_role("table", name="The course, and what you have done of it")
    table.get_by_role("link", name="2. Five instructions").press("Enter")
    expect(mine.get_by_role("tab", name="03-building.ipynb", selected=True)).to_be_visible()
    expect(mine.get_by_role("heading", name="2. Five instructions")).to_be_in_viewport(timeout=WAIT)


def test_the_map_leads_to_every_lesson(mine):
    table = cell_with(mine, "# The map.").get_by_role("table", name="The course, and what you have done of it")
    expect(table.get_by_role("row")).to_have_count(9)
    table.get_by_role("link", name="04 · Tags").click()
    expect(mine.get_by_role("tab", name="04-tags.ipynb", selected=True)).to_be_visible()
    expect(mine.get_by_role("heading", name="04 · Tags")).to_be_in_viewport(timeout=WAIT)


def test_a_widget_whose_kernel_is_gone_says_so_in_words(page):
    """ipywidgets says "Error displaying widget: model not found"."""
    page.get_by_role("listitem", name=re.compile(r"old\.ipynb")).dblclick()
    page.get_by_role("tab", name="old.ipynb", selected=True).wait_for()
    page.get_by_text("| Idle").first.wait_for()
    start_all(page)
    output = cell_with(page, "display(").locator(".jp-OutputArea-output").first
    expect(output).to_contain_text("model not found")
    style = "e => [getComputedStyle(e).fontSize, getComputedStyle(e, '::after').content]"
    assert output.evaluate(style) == [
        "0px", '"This widget was made by a kernel that has ended. Run its section\'s cells again."'
    ]


def test_a_second_time_it_says_where_it_is_open(course):
    folder, address = course
    again = subprocess.run(learn(folder), capture_output=True, text=True, check=True)
    assert address in again.stdout
