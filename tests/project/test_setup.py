"""The set-up: what is generated agrees with what it is generated from, and holds nothing of one machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import imagelab

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONSTRAINTS = [
    Requirement(line) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line[0] != "#"
]


def tracked() -> list[Path]:
    """The files under version control."""
    git = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if git.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in git.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_environment_yml_is_what_make_generates(tmp_path):
    """`make environment.yml` in a folder that has only pyproject.toml writes the committed file."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy2(ROOT / name, tmp_path)
    venv = Path(sys.prefix)
    if not (venv / ".test").exists():
        pytest.skip("needs the environment that `make test` makes")
    made = subprocess.run(
        ["make", f"VENV={venv}", f"--assume-old={venv}/.test", "environment.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "environment.yml").read_text() == (ROOT / "environment.yml").read_text()


def test_constraints_pin_every_requirement_within_its_range():
    extras = [line for group in PROJECT["optional-dependencies"].values() for line in group]
    for wanted in map(Requirement, PROJECT["dependencies"] + extras):
        pins = [pin for pin in CONSTRAINTS if canonicalize_name(pin.name) == canonicalize_name(wanted.name)]
        assert pins, f"{wanted.name} is not in constraints.txt: make lock"
        for pin in pins:
            assert re.fullmatch(r"==[^,*]+", str(pin.specifier))
            assert wanted.specifier.contains(str(pin.specifier)[2:], prereleases=True), f"{pin}: make lock"


def test_constraints_name_no_host():
    assert "://" not in (ROOT / "constraints.txt").read_text("utf-8")
    assert not re.search(r"^-", (ROOT / "constraints.txt").read_text("utf-8"), re.M)


def test_one_version():
    assert imagelab.__version__ == PROJECT["version"]


def test_no_file_names_the_folder_it_was_made_in():
    """Committed outputs and settings come from any machine: none holds this checkout's own path."""
    holders = [path.relative_to(ROOT) for path in tracked() if str(ROOT).encode() in path.read_bytes()]
    assert not holders


def test_every_make_target_is_explained():
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY:(.*)$", text, re.M)
    assert phony
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    explained = set(re.findall(r"^make (\w+)", shown, re.M))
    assert set(phony[1].split()) - explained == {"help"}
