"""The learner's copy: how a kernel knows that it is in one."""

from __future__ import annotations

import pytest

from imagelab.lesson import learner


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.delenv("IMAGELAB_LEARNER", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_a_copy_by_its_mark(here, monkeypatch):
    assert not learner.is_copy()
    (here / learner.MARK).mkdir()
    assert learner.is_copy()
    (here / "shop").mkdir()
    monkeypatch.chdir(here / "shop")
    assert learner.is_copy()


def test_the_environment_decides(here, monkeypatch):
    monkeypatch.setenv("IMAGELAB_LEARNER", "1")
    assert learner.is_copy()
    (here / learner.MARK).mkdir()
    monkeypatch.setenv("IMAGELAB_LEARNER", "0")
    assert not learner.is_copy()
    monkeypatch.setenv("IMAGELAB_LEARNER", "")
    assert learner.is_copy()
