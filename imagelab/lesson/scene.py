"""scene: the lab that a section begins with, on its own.

`lab = scene("04.5")` makes a new lab and brings it to the state in which sections 1 to 4 of lesson 04 leave it, so that
a section can be run after a restart, again, or alone. The lab of the scene before is given up: its containers end.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ..errors import NotFound
from ..registry.connection import hosts
from . import scenes

if TYPE_CHECKING:
    from ..lab import Lab

WIDTH = 110  # characters: what JupyterLab shows in a line beside its list of files; it would break inside a word
_stage: list[Lab] = []  # the lab of the scene that is on, in this kernel


def scene(name: str) -> Lab:
    """The lab for a section, named `lesson.section`: `04.5`. `%docker` speaks to it from now on, and it says so.

    Raises NotFound for a section that there is none of.
    """
    lab = prepared(name)
    while _stage:
        _leave(_stage.pop())
    _stage.append(lab)
    lab.use()
    begins, speaks = f"Section {name} begins with {_contents(lab)}.", "%docker speaks to this lab."
    if len(begins) + len(speaks) < WIDTH:
        print(begins, speaks)
    else:
        print(textwrap.fill(begins, WIDTH, break_long_words=False, break_on_hyphens=False), speaks, sep="\n")
    return lab


def prepared(name: str) -> Lab:
    """The lab of a section without entering it: the one that `%docker` speaks to stays."""
    from ..lab import Lab

    lesson, _, number = name.partition(".")
    if lesson not in scenes.lessons():
        raise NotFound(f"no lesson {lesson!r} has scenes: there are {', '.join(scenes.lessons())}")
    before = scenes.sections(lesson)
    if not number.isdecimal() or not 1 <= int(number) <= len(before):
        raise NotFound(f"lesson {lesson} has no section {number!r}: there are {lesson}.1 to {lesson}.{len(before)}")
    lab = Lab.temporary(epoch=0, current=False)
    for section in before[: int(number) - 1]:
        section(lab)
    return lab


def _leave(lab: Lab) -> None:
    for container in lab.containers():
        container.remove(force=True)


def _contents(lab: Lab) -> str:
    images = len({image.id for image in lab.images()})
    tags = sorted(name.familiar for image in lab.images() for name in image.names)
    containers = lab.containers()
    states = {one.status for one in containers}
    state = f"{states.pop()} " if len(states) == 1 else ""
    listed = [one.name if state else f"{one.name} ({one.status})" for one in containers]
    folders = sorted(path.name for path in lab.home.parent.iterdir() if path.is_dir() and path != lab.home)
    named = f" ({', '.join(tags)})" if tags else ""
    running = f" and {_count(len(containers), f'{state}container')} ({', '.join(listed)})" if containers else ""
    served = hosts.name_of(lab.home / "registry")
    registry = f" and the registry {served}" if served else ""
    beside = f" and the folder {' and '.join(folders)}" if folders else ""
    inside = f"{_count(images, 'image')}{named}{running}" if images else "an empty lab"
    return f"{inside}{registry}{beside}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)
