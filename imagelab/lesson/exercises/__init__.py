"""All exercises by name, a module for each lesson: `exercise("01.settings")` makes one of them.

The tests in tests/lessons run every solution and every mistake.
"""

from __future__ import annotations

from ...errors import NotFound
from ..exercise import Exercise
from . import lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07

EXERCISES = {
    **lesson_00.EXERCISES,
    **lesson_01.EXERCISES,
    **lesson_02.EXERCISES,
    **lesson_03.EXERCISES,
    **lesson_04.EXERCISES,
    **lesson_05.EXERCISES,
    **lesson_06.EXERCISES,
    **lesson_07.EXERCISES,
}


def exercise(name: str) -> Exercise:
    """A new exercise by its name; raises NotFound, which lists the names."""
    if name not in EXERCISES:
        raise NotFound(f"no exercise is called {name!r}; exercises: {', '.join(EXERCISES)}")
    return EXERCISES[name]()
