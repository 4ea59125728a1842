"""Scenes: what each section of a lesson begins with.

Each lesson's module lists, in order, what its sections leave behind in the lab, as functions of the lab; the scene of
section 5 is a new lab on which those of sections 1 to 4 were run. tests/lessons compares each scene, digest by digest,
with what the notebook's own cells leave.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from ...registry.transfer import silent

if TYPE_CHECKING:
    from ...lab import Lab

Section = Callable[["Lab"], None]


def lessons() -> list[str]:
    """The lessons that have scenes: `00`, `01`, …"""
    return sorted(module.name.removeprefix("lesson_") for module in iter_modules(__path__))


def sections(lesson: str) -> list[Section]:
    """What each section of a lesson does to the lab, in order; for `04`, those of `scenes/lesson_04.py`."""
    return list(import_module(f".lesson_{lesson}", __name__).SECTIONS)


def nothing(lab: Lab) -> None:
    """A section that leaves the lab as it was."""


def pushed(lab: Lab, ref: str, compression: str) -> None:
    """An image pushed to a registry as registry.test/shop:1.0, a name that only the registry has afterwards."""
    name = "registry.test/shop:1.0"
    lab.tag(ref, name)
    with lab.registry(name="registry.test"):
        lab.push(name, compression=compression, report=silent)
    lab.rmi(name)
