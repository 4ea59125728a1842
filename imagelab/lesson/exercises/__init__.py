"""`exercise("01.settings")` is that exercise of lesson 01, fresh.

Each lesson's exercises are in a module of their own; what can be solved and how it goes wrong is proven in
tests/lessons.
"""

from __future__ import annotations

from ...errors import NotFound
from ..exercise import Exercise
from . import lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06

EXERCISES = {
    **lesson_00.EXERCISES,
    **lesson_01.EXERCISES,
    **lesson_02.EXERCISES,
    **lesson_03.EXERCISES,
    **lesson_04.EXERCISES,
    **lesson_05.EXERCISES,
    **lesson_06.EXERCISES,
}


def exercise(name: str) -> Exercise:
    """A fresh exercise by its name; raises NotFound, listing the names there are."""
    if name not in EXERCISES:
        raise NotFound(f"no exercise is called {name!r}: there are {', '.join(EXERCISES)}")
    return EXERCISES[name]()
