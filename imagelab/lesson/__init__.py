"""Predictions and exercises of the lessons.

`predict` asks before the run, `exercise` gives a place to get to, `progress.board()` shows what you have done.
"""

from . import progress
from .exercises import exercise
from .predictions import predict

__all__ = ["predict", "exercise", "progress"]
