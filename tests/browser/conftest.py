"""The browser, the JupyterLab, and a lesson opened in both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from browser.classroom import MINUTE, Classroom, run_all
from browser.page import no_trouble, widget_of

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory, chromium: Path) -> Iterator[Classroom]:
    with Classroom(tmp_path_factory.mktemp("jupyter")).open() as room:
        yield room


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def lesson(classroom: Classroom, browser: Browser) -> Iterator[Callable[..., Page]]:
    """`lesson("00-start-here")` opens that lesson, its kernel ready; `dark` and `width` as the learner has them."""
    pages = []

    def open_lesson(name: str, *, dark: bool = False, width: int = 1280) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(page)
        page.set_default_timeout(MINUTE / 2)
        classroom.settle("apputils-extension", "themes", theme=f"JupyterLab {'Dark' if dark else 'Light'}")
        page.goto(f"{classroom.url}/lab/tree/{name}.ipynb?reset")
        page.get_by_text("| Idle").first.wait_for()
        page.locator(f"body[data-jp-theme-light={'false' if dark else 'true'}]").wait_for(state="attached")
        return page

    yield open_lesson
    for page in pages:
        page.close()


@pytest.fixture
def widget(lesson: Callable[..., Page]) -> Callable[..., Locator]:
    """`widget(name, source)` runs that lesson, sees that all went well, and finds the widget that this code made."""

    def find(name: str, source: str, **how: Any) -> Locator:
        page = lesson(name, **how)
        run_all(page)
        no_trouble(page)
        return widget_of(page, source)

    return find
