"""The Python base image, unpacked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.base_images.images import PYTHON, provide

from .boxes import Box


@pytest.fixture(scope="session")
def python_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that has the base image python:3.12-slim."""
    pytest.importorskip("wasmtime", reason="pip install 'imagelab-oci[wasm]'")
    home = tmp_path_factory.mktemp("bases") / "home"
    assert provide(Lab(home, epoch=0, current=False).store, PYTHON)
    return home


@pytest.fixture(scope="session")
def unpacked(python_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files, for nobody to change; its python is compiled, so that no test is told that it is."""
    folder = tmp_path_factory.mktemp("unpacked") / "root"
    Lab(python_base, epoch=0, current=False).unpack(PYTHON, folder)
    used = shutil.copytree(folder, folder.with_name("used"), symlinks=True)
    assert Box(used).run("python", "-c", "").code == 0
    return folder


@pytest.fixture
def box(unpacked: Path, tmp_path: Path) -> Box:
    """Its files, to change."""
    shutil.copytree(unpacked, tmp_path / "root", symlinks=True)
    return Box(tmp_path / "root")
