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
from playwright.sync_api import Page, expect

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
MINUTE = 60_000  # playwright counts in milliseconds


class Classroom:
    """A JupyterLab server of the tests' own, in a folder with a copy of the lessons."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lessons = folder / "lessons"
        shutil.copytree(NOTEBOOKS, self.lessons, ignore=shutil.ignore_patterns(".*"))
        self.url = ""

    @property
    def progress(self) -> dict[str, dict[str, dict[str, object]]]:
        """The learner's progress file."""
        return json.loads((self.lessons / ".imagelab-progress.json").read_text("utf-8"))

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
        environment = {k: v for k, v in os.environ.items() if k != "IMAGELAB_PROGRESS"} | own
        environment["JUPYTER_PREFER_ENV_PATH"] = "1"
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1",
            "--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={self.lessons}",
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
            server.terminate()
            server.wait(30)


def run_all(page: Page) -> None:
    """Run every cell; done when the last one, the progress board, is a living widget."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    expect(page.get_by_role("button", name="Look again")).to_be_visible(timeout=2 * MINUTE)
