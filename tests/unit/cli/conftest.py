"""The command line on real stores: each test has a home of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.cli import run
from imagelab.cli.command import Session

DAY = 86400
BASE = "lab/shell:1.0"
LOOP = ("sh", "-c", "echo up; while true; do sleep 1; done")
THREE_DAYS_AGO = int(time.time()) - 3 * DAY - 60


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def ok(self) -> str:
        """The output of a command that had nothing to complain of."""
        assert (self.code, self.err) == (0, "")
        return self.out

    @property
    def rows(self) -> list[list[str]]:
        """The cells of a table, without its titles: columns are at least three spaces apart."""
        return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in self.ok.splitlines()[1:]]


Cli = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def lab(home: Path) -> Lab:
    """A lab on the same home, whose images were made three days ago."""
    return Lab(home, epoch=THREE_DAYS_AGO)


@pytest.fixture
def cli(home: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`cli("images", "-q")`: run one command line on the home."""

    def call(*args: str | Path, notebook: bool = False) -> Said:
        capsys.readouterr()
        code = run(list(map(str, args)), session=Session(str(home), notebook=notebook))
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture
def box(home):
    """A lab on the same home, in real time; what runs in it ends with the test."""
    lab = Lab(home)
    lab.base()
    yield lab
    for one in lab.containers():
        one.remove(force=True)


@pytest.fixture
def web(box, cli):
    """A container that runs, and has said so."""
    cli("run", "-d", "--name", "web", "-e", "A=b", "-l", "tier=front", BASE, *LOOP)
    container = box.container("web")
    assert next(iter(container.log(follow=True))).text == "up\n"
    return container


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """`typed("text")`: what the next commands find on standard input."""

    def type_(text: str | bytes) -> None:
        (tmp_path / "typed").write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setattr("sys.stdin", open(tmp_path / "typed"))  # noqa: SIM115

    return type_
