"""`predict("01.layers")` is that question of lesson 01, not yet answered.

The questions stand here and not in the notebooks, where the answer would be read before it is looked for.
"""

from __future__ import annotations

from ...errors import NotFound
from ..prediction import Prediction
from . import lesson_00, lesson_01, lesson_02, lesson_03, lesson_04, lesson_05, lesson_06

PREDICTIONS = {
    **lesson_00.PREDICTIONS,
    **lesson_01.PREDICTIONS,
    **lesson_02.PREDICTIONS,
    **lesson_03.PREDICTIONS,
    **lesson_04.PREDICTIONS,
    **lesson_05.PREDICTIONS,
    **lesson_06.PREDICTIONS,
}


def predict(name: str) -> Prediction:
    """Ask a question before the run; `reveal` it afterwards. Raises NotFound, listing the names there are."""
    if name not in PREDICTIONS:
        raise NotFound(f"no prediction is called {name!r}: there are {', '.join(PREDICTIONS)}")
    return PREDICTIONS[name]()
