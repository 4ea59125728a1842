"""The browser, the JupyterLab, and a lesson opened in both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from browser.classroom import MINUTE, Classroom, start_all
from browser.page import cell_with, no_trouble, widget_of

# Playwright waits 5 seconds for what it expects; on a machine that does other things too, that is no fault of ours.
expect.set_options(timeout=MINUTE / 2)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture(scope="session")
def classroom(tmp_path_factory: pytest.TempPathFactory, chromium: Path) -> Iterator[Classroom]:
    with Classroom(tmp_path_factory.mktemp("jupyter")).open() as room:
        yield room


@pytest.fixture(scope="module")  # not longer: while playwright runs, no other test of the process can use asyncio
def jupyterlab(classroom: Classroom, chromium: Path) -> Iterator[Page]:
    """JupyterLab in a browser, with no notebook open."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield classroom.enter(browser)
        browser.close()


@pytest.fixture
def lesson(classroom: Classroom, jupyterlab: Page) -> Iterator[Callable[..., Page]]:
    """`lesson("00-start-here")` opens that lesson, its kernel ready; `dark` and `width` as the learner has them."""

    def open_lesson(name: str, *, dark: bool = False, width: int = 1280) -> Page:
        jupyterlab.set_viewport_size({"width": width, "height": 900})
        classroom.show(jupyterlab, name, dark)
        return jupyterlab

    yield open_lesson
    classroom.tidy(jupyterlab)


@pytest.fixture
def widget(classroom: Classroom, lesson: Callable[..., Page]) -> Callable[..., Locator]:
    """`widget(name, source, *others)` runs these cells of a lesson, with what they need; gives the first's widget."""

    def find(name: str, source: str, *others: str, **how: Any) -> Locator:
        page = lesson(classroom.excerpt(name, source, *others), **how)
        start_all(page)
        for cell in others:
            cell_with(page, cell).locator(".jp-OutputArea-output").first.wait_for()
        widget = widget_of(page, source)
        widget.wait_for()
        no_trouble(page)
        return widget

    return find
