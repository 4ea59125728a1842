"""The package as people install it: built, checked, and installed into an empty environment far from the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)]+)\)")  # of Markdown: a picture or not, its text, its target
USED = """
import json, sys
from pathlib import Path
import imagelab
from imagelab import Lab, draw, tables
from imagelab.lesson import exercise, predict
from imagelab.widgets import TagBoard
lab = Lab.temporary()
image = lab.append(lab.base(), {"menu.txt": "soup 4\\n"}, "shop:1.0")
lab.save("shop:1.0", sys.argv[1])
print(json.dumps([imagelab.__file__, image.read("menu.txt").decode(), str(lab.images())]))
draw.anatomy(image).svg, exercise("00.me"), predict("00.again")
"""


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=kept | env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel, built from a copy without what git ignores."""
    folder = tmp_path_factory.mktemp("distribution")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (source := ROOT / name).is_file():
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", cwd=folder / "source")
    return folder / "dist"


def test_it_is_named_so_that_pypi_takes_it(built):
    assert sorted(path.name.partition("-0")[0] for path in built.iterdir()) == ["imagelab_oci"] * 2
    assert "PASSED" in run(sys.executable, "-m", "twine", "check", "--strict", *built.iterdir(), cwd=built)


def described(built: Path) -> list[str]:
    """The long description in the wheel and in the source distribution."""
    [wheel], [source] = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        [name] = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = [archive.read(name)]
    with tarfile.open(source) as archive:
        [name] = (name for name in archive.getnames() if re.fullmatch(r"[^/]+/PKG-INFO", name))
        metadata.append(archive.extractfile(name).read())
    return [message_from_bytes(data).get_payload(decode=True).decode() for data in metadata]


def test_a_package_page_has_no_link_or_picture_that_leads_nowhere(built):
    readme = (ROOT / "README.md").read_text("utf-8")
    for description in described(built):
        assert all(target.startswith("https://") for _, _, target in LINK.findall(description))
        for _, text, _ in LINK.findall(readme):
            assert text in description
        assert "imagelab is a small engine" in description


@pytest.mark.parametrize("address", ["https://example.com/owner/imagelab", "https://example.com/owner/imagelab/"])
def test_the_address_of_the_repository_makes_the_pictures_show(tmp_path, address):
    for name in ("README.md", "LICENSE", "tools/package_page.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "[project.urls]" not in text.splitlines(), "the address is known: this test can use it"
    (tmp_path / "pyproject.toml").write_text(f'{text}\n[project.urls]\nRepository = "{address}"\n', "utf-8")
    description = run(sys.executable, "-m", "hatchling", "metadata", "readme", cwd=tmp_path)
    links = LINK.findall(description)
    assert len(links) == len(LINK.findall((ROOT / "README.md").read_text("utf-8")))
    for picture, _, target in links:
        kind, _, path = target.removeprefix("https://example.com/owner/imagelab/").partition("/HEAD/")
        assert kind == ("raw" if picture else "blob"), target
        assert (ROOT / path.partition("#")[0]).is_file(), target


def test_the_wheel_holds_the_package_and_nothing_else(built):
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "imagelab/py.typed" in names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"imagelab", "imagelab_oci"}
    committed = {f"imagelab/{path.relative_to(ROOT / 'imagelab')}" for path in (ROOT / "imagelab").rglob("*.py")}
    assert committed <= set(names)
    folder = ROOT / "notebooks"
    lessons = {path.relative_to(folder) for path in [*folder.glob("*.ipynb"), *folder.glob("pictures/*.svg")]}
    inside = "imagelab/lesson/notebooks/"
    assert {Path(name.removeprefix(inside)) for name in names if name.startswith(inside)} == lessons


def test_the_wheel_works_in_an_empty_environment(built, tmp_path):
    """Installed with everything it asks for, by the versions of constraints.txt."""
    [wheel] = built.glob("*.whl")
    uv = Path(sys.executable).with_name("uv")
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    run(uv, "pip", "install", "--quiet", "--python", python, "--constraint", constraints, wheel, cwd=tmp_path)
    printed = run(python, "-c", USED, tmp_path / "shop.tar", cwd=tmp_path)
    assert str(tmp_path / "venv") in printed and "soup 4" in printed and "shop" in printed
    command = tmp_path / "venv" / "bin" / "imagelab"
    assert "shop" in run(command, "--home", tmp_path / "home", "load", "-i", tmp_path / "shop.tar", cwd=tmp_path)
    run(command, "learn", "--no-open", cwd=tmp_path)
    lessons = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(path.name for path in (tmp_path / "imagelab-course").glob("*.ipynb")) == lessons
