"""A real JupyterLab in a real browser: what a learner has in front of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from imagelab.lesson.learner import MARK
from imagelab.lesson.minutes import sections, source
from lessons.warm_kernels import warm_kernels
from processes import end

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
MINUTE = 60_000  # playwright counts in milliseconds


SHOW = """async ([path, theme]) => {
    const commands = window.jupyterapp.commands;
    await commands.execute("apputils:change-theme", {theme});
    const panel = await commands.execute("docmanager:open", {path, factory: "Notebook"});
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    window.jupyterapp.shell.activateById(panel.id);  // the launcher of an empty JupyterLab may have come after it
}"""
READY = """async () => {  // all its commands are there, and what was open before is open again
    const wanted = ["apputils:change-theme", "docmanager:open"];
    const there = () => window.jupyterapp && wanted.every(each => window.jupyterapp.commands.hasCommand(each));
    while (!there()) await new Promise(requestAnimationFrame);
    await window.jupyterapp.restored;
}"""
CLOSE = """async () => {
    for (const widget of [...window.jupyterapp.shell.widgets("main")]) {
        if (widget.context) widget.context.model.dirty = false;  // or it asks whether to save
        widget.close();
    }
    await window.jupyterapp.serviceManager.sessions.shutdownAll();
}"""


class Classroom:
    """A JupyterLab server of the tests' own, in a learner's copy of the lessons, which has kept its outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lessons = folder / "lessons"
        shutil.copytree(NOTEBOOKS, self.lessons, ignore=shutil.ignore_patterns(".*"))
        (self.lessons / MARK).mkdir()
        self.url = ""

    @property
    def progress(self) -> dict[str, dict[str, dict[str, object]]]:
        """The learner's progress file."""
        return json.loads((self.lessons / ".imagelab-progress.json").read_text("utf-8"))

    def excerpt(self, name: str, *sources: str) -> str:
        """A notebook with the cells of a lesson that hold these sources, and what they need; returns its name.

        They need the lesson's first cell and the cells of their own section before them, which are run in as few cells
        as can be, without their outputs.
        """
        needed: list[str] = []
        found: set[str] = set()
        for number, section in enumerate(sections(self.lessons / f"{name}.ipynb")):
            code = [source(cell) for cell in section.cells if cell["cell_type"] == "code"]
            first = [code.pop(0)] if number == 0 else []
            holding = {one: at for one in sources if one not in found for at, text in enumerate(code) if one in text}
            found |= holding.keys()
            needed += [*first, *code[: max(holding.values(), default=-1) + 1]]
        assert found == {*sources}, f"{name} has no cell with {set(sources) - found}"
        cells: list[str] = []
        joined = False
        for text in needed:
            alone = text.startswith("%%") or any(one in text for one in sources)
            if joined and not alone:
                cells[-1] += f"\n{text}"
            else:
                cells.append(text)
            joined = not alone
        return self.notebook(name, *cells)

    def notebook(self, name: str, *sources: str) -> str:
        """A notebook of code cells that hold these sources; returns its name."""
        cells = [
            {"cell_type": "code", "id": f"e{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
            for n, text in enumerate(sources)
        ]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": cells}
        (self.lessons / f"excerpt-{name}.ipynb").write_text(json.dumps(whole), "utf-8")
        return f"excerpt-{name}"

    def enter(self, browser: Browser) -> Page:
        """JupyterLab in a new page of a browser, with no notebook open."""
        page = browser.new_page()
        page.set_default_timeout(MINUTE)
        self.load(page)
        return page

    def load(self, page: Page) -> None:
        """Load JupyterLab in a page, with no notebook open; done when it has all its commands."""
        page.goto(f"{self.url}/lab?reset")
        page.evaluate(READY)

    def reload(self, page: Page, name: str) -> None:
        """Reload a page, in which this notebook is open with a kernel, and go back to the notebook."""
        page.reload()
        page.evaluate(READY)
        page.evaluate(SHOW, [f"{name}.ipynb", "JupyterLab Light"])

    def show(self, page: Page, name: str, dark: bool) -> None:
        """Open a lesson, as it is committed, in the JupyterLab of a page."""
        if not name.startswith("excerpt-"):
            shutil.copy(NOTEBOOKS / f"{name}.ipynb", self.lessons)
        page.evaluate(SHOW, [f"{name}.ipynb", f"JupyterLab {'Dark' if dark else 'Light'}"])
        page.get_by_text("| Idle").first.wait_for()

    def tidy(self, page: Page) -> None:
        """Close every notebook, end every kernel, and forget the learner's progress."""
        page.evaluate(CLOSE)
        assert page.request.get(f"{self.url}/api/sessions").json() == []
        (self.lessons / ".imagelab-progress.json").unlink(missing_ok=True)

    def settle(self, extension: str, what: str, **settings: object) -> None:
        """Set something in JupyterLab's settings, for the pages opened from now on."""
        place = self.folder / "jupyterlab_settings_dir" / "@jupyterlab" / extension
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{what}.jupyterlab-settings").write_text(json.dumps(settings))

    @contextmanager
    def open(self) -> Iterator[Classroom]:
        """Run the server for as long as the block lasts."""
        own = {
            name: str(self.folder / name.lower())
            for name in (
                "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR", "IMAGELAB_HOME", "HOME",
            )
        }  # fmt: skip
        self.settle("notebook-extension", "tracker", windowingMode="none")  # draw the cells off the screen as well
        self.settle("apputils-extension", "notification", fetchNews="false", checkForUpdates=False)
        profile = self.folder / "ipythondir" / "profile_default"
        profile.mkdir(parents=True)  # without a history: its database may be gone before the last kernel has ended
        (profile / "ipython_kernel_config.py").write_text("get_config().HistoryManager.enabled = False\n")
        environment = {k: v for k, v in os.environ.items() if k != "IMAGELAB_PROGRESS"} | own
        environment |= {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_PATH": str(self.folder / "warm")}
        warm_kernels().install(self.folder / "warm")
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1",
            "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={self.lessons}",
            "--LabApp.expose_app_in_browser=True",
        ]  # fmt: skip
        server = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        try:
            assert server.stderr is not None
            said = []
            for line in server.stderr:  # it says where it listens as soon as it does
                said.append(line)
                if found := re.search(r"(http://127\.0\.0\.1:\d+)/lab", line):
                    self.url = found[1]
                    break
            else:
                pytest.fail("JupyterLab ended:\n" + "".join(said[-20:]))
            threading.Thread(target=server.stderr.read, daemon=True).start()  # so that its pipe never fills
            yield self
        finally:
            end(server)


def start_all(page: Page) -> None:
    """Run every cell, and do not wait for them."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def run_all(page: Page) -> None:
    """Run every cell of a lesson; done when the last one has been run."""
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").last
    start_all(page)
    expect(prompt).to_have_text("[*]:")
    expect(prompt).not_to_have_text("[*]:", timeout=2 * MINUTE)
