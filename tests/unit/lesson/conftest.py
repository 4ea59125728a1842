"""Every test of the lessons' framework has a progress file of its own."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def progress_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGELAB_PROGRESS", str(tmp_path))
    return tmp_path
