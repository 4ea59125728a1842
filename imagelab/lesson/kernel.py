"""What a notebook's kernel keeps of a lesson: its questions and exercises, by name.

A cell that asks or sets something can be run again: the question keeps its answer, the exercise its lab, until the
kernel ends. `begin` makes a kernel ready for a lesson.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import LabError
from ..shown import PAGE_STYLE
from . import bar, exercises, predictions, progress

if TYPE_CHECKING:
    from .bar import LiveText
    from .exercise import Exercise
    from .prediction import Prediction

_RUN_FIRST = "run the notebook's first cell, then this section's cells from its first one."
_questions: dict[str, Prediction] = {}
_exercises: dict[str, Exercise] = {}


def begin(lesson: str) -> LiveText:
    """Make `%docker` known to this kernel, and show where the learner is in the course.

    A cell that needs what an earlier cell makes is answered with a word on what to run. Raises NotFound for a lesson
    that there is none of.
    """
    if shell := _shell():
        load_ipython_extension(shell)
        _show_style()
    return progress.bar(lesson)


def load_ipython_extension(shell: Any) -> None:
    """Make `%docker` known, and answer a cell that needs what an earlier one makes with a word on what to run.

    In a learner's copy every kernel starts with `%load_ext imagelab.lesson`.
    """
    from .. import load_ipython_extension as load_docker

    load_docker(shell)
    if bar.refresh not in shell.events.callbacks["post_run_cell"]:  # another notebook may have changed the file
        shell.events.register("post_run_cell", bar.refresh)
    shell.set_custom_exc((NameError, LabError), _run_first)


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


def _run_first(shell: Any, kind: type[BaseException], error: Exception, traceback: Any, tb_offset: Any = None) -> None:
    """Show an error, and what helps if a cell was not run: a name is missing, or a command has no lab to speak to."""
    from ..lab import Lab

    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset, exception_only=isinstance(error, NameError))
    if isinstance(error, NameError):
        print(f"This cell needs {error.name!r}, which an earlier cell makes: {_RUN_FIRST}")
    elif Lab.current() is None:
        print(f"No lab has been made in this kernel yet: {_RUN_FIRST}")


def _show_style() -> None:
    """Give the page its style, which is saved with it: a learner's copy has it anyway, a plain JupyterLab has not."""
    from IPython.display import display

    rules = re.sub(r"/\*.*?\*/", "", PAGE_STYLE.read_text("utf-8"), flags=re.S)
    style = " ".join(rules.split())
    display({"text/html": f"<style>{style}</style>", "text/plain": ""}, raw=True)


def _shell() -> Any:
    import sys

    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()
