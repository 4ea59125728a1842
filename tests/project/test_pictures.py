"""README's pictures are what the code draws today."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["anatomy.svg", "stack.svg", "sharing.svg", "containers.svg"])
def test_a_picture_in_readme_is_drawn_from_a_real_image(tmp_path: Path, name: str) -> None:
    runpy.run_path(str(ROOT / "tools" / "pictures.py"))["main"](tmp_path)
    assert (tmp_path / name).read_text() == (ROOT / "docs" / name).read_text(), "run python tools/pictures.py"
    assert f"docs/{name}" in (ROOT / "README.md").read_text()
