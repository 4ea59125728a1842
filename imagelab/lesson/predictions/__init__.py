"""All predictions by name, a module for each lesson: `predict("01.layers")` makes one of them.

They are kept out of the notebooks, where a learner would read the answers before answering.
"""

from __future__ import annotations

from ...errors import NotFound
from ..prediction import Prediction
from . import lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06, lesson_07

PREDICTIONS = {
    **lesson_00.PREDICTIONS,
    **lesson_01.PREDICTIONS,
    **lesson_02.PREDICTIONS,
    **lesson_03.PREDICTIONS,
    **lesson_04.PREDICTIONS,
    **lesson_05.PREDICTIONS,
    **lesson_06.PREDICTIONS,
    **lesson_07.PREDICTIONS,
}


def predict(name: str) -> Prediction:
    """A new question, to ask before a cell runs; `reveal` answers it. Raises NotFound, which lists the names."""
    if name not in PREDICTIONS:
        raise NotFound(f"no prediction is called {name!r}; predictions: {', '.join(PREDICTIONS)}")
    return PREDICTIONS[name]()
