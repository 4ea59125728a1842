"""Scenes of lesson 03: a shop in a folder beside the store, built again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...build.progress import Quiet
from . import nothing

if TYPE_CHECKING:
    from pathlib import Path

    from ...lab import Lab

DOCKERFILE = """FROM lab/shell:1.0
WORKDIR /app
COPY . .
RUN sort -u stock.txt > shelf.txt
ENV PORT=8080
CMD ["cat", "prices.csv"]
"""
BETTER = """FROM lab/shell:1.0
WORKDIR /app
COPY stock.txt .
RUN sort -u stock.txt > shelf.txt
COPY . .
ENV PORT=8080
CMD ["cat", "prices.csv"]
"""
STAGES = """FROM lab/shell:1.0 AS build
COPY stock.txt .
RUN sort -u stock.txt > shelf.txt && seq 1 10000 > worksheet.txt
FROM lab/shell:1.0 AS check
COPY prices.csv .
RUN grep -q soup prices.csv
FROM lab/shell:1.0
COPY --from=build /shelf.txt /app/
COPY prices.csv /app/
"""


def folder(lab: Lab) -> None:
    """A folder with a shop: its stock, its prices, a note, and a Dockerfile."""
    _shop(lab).mkdir()
    files = {"stock.txt": "salt\npepper\nleek\nsalt\n", "prices.csv": "tea,3\nsoup,4\n", "notes.txt": "call the bank\n"}
    for name, text in {**files, "Dockerfile": DOCKERFILE}.items():
        (_shop(lab) / name).write_text(text)


def first_build(lab: Lab) -> None:
    """The folder built as shop:1.0."""
    _build(lab, "shop:1.0")


def one_price(lab: Lab) -> None:
    """A price changed, and the folder built as shop:1.1."""
    (_shop(lab) / "prices.csv").write_text("tea,3\nsoup,5\n")
    _build(lab, "shop:1.1")


def in_order(lab: Lab) -> None:
    """A Dockerfile in a better order, built as shop:2.0, and after another price as shop:2.1."""
    (_shop(lab) / "Dockerfile").write_text(BETTER)
    _build(lab, "shop:2.0")
    (_shop(lab) / "prices.csv").write_text("tea,3\nsoup,6\n")
    _build(lab, "shop:2.1")


def ignoring(lab: Lab) -> None:
    """A .dockerignore that leaves the note out, a changed note, and shop:2.2."""
    (_shop(lab) / ".dockerignore").write_text("notes.txt\nDockerfile\n.dockerignore\n")
    (_shop(lab) / "notes.txt").write_text("the bank called back\n")
    _build(lab, "shop:2.2")


def two_stages(lab: Lab) -> None:
    """A Dockerfile with three stages, built as shop:3.0."""
    (_shop(lab) / "Dockerfile").write_text(STAGES)
    _build(lab, "shop:3.0")


def _shop(lab: Lab) -> Path:
    return lab.home.parent / "shop"


def _build(lab: Lab, name: str) -> None:
    lab.build(_shop(lab), name, watcher=Quiet())


SECTIONS = [
    folder, first_build, nothing, one_price, nothing, in_order, ignoring, nothing, nothing, nothing,
    two_stages, nothing, nothing,
]  # fmt: skip
