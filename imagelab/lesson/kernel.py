"""What a notebook's kernel keeps of a lesson: its questions and exercises, by name.

A cell that asks or sets something can be run again: the question keeps its answer, the exercise its lab, until the
kernel ends. `begin` makes a kernel ready for a lesson.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import exercises, predictions, progress

if TYPE_CHECKING:
    from ..widgets.progress_bar import ProgressBar
    from .exercise import Exercise
    from .prediction import Prediction

_questions: dict[str, Prediction] = {}
_exercises: dict[str, Exercise] = {}


def begin(lesson: str) -> ProgressBar:
    """Make `%docker` known to this kernel, and show where the learner is in the course.

    A cell that needs what an earlier cell makes is answered with a word on what to run. Raises NotFound for a lesson
    that there is none of.
    """
    bar = progress.bar(lesson)
    if shell := _shell():
        from .. import load_ipython_extension

        load_ipython_extension(shell)
        shell.set_custom_exc((NameError,), _run_first)
    return bar


def predict(name: str) -> Prediction:
    """Ask a question before the run; `reveal` answers it. Raises NotFound, listing the names there are."""
    if name not in _questions:
        _questions[name] = predictions.predict(name)
    return _questions[name]


def reveal(name: str, **measured: object) -> Any:
    """Answer a question after the run, with the numbers that its reasons quote.

    Raises NotFound for a question that there is none of, and LabError where a number is missing.
    """
    return predict(name).reveal(**measured)


def exercise(name: str) -> Exercise:
    """The exercise of this name, as far as it has got; raises NotFound, listing the names there are."""
    if name not in _exercises:
        _exercises[name] = exercises.exercise(name)
    return _exercises[name]


def _run_first(shell: Any, kind: type[BaseException], error: NameError, traceback: Any, tb_offset: Any = None) -> None:
    """Show a NameError and what helps: in a lesson, it is mostly a cell that was not run."""
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset, exception_only=True)
    print(
        f"This cell needs {error.name!r}, which an earlier cell makes: run the notebook's first cell, then this "
        "section's cells from its first one."
    )


def _shell() -> Any:
    import sys

    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()
