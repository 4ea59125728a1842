"""Lessons: questions asked before the run, exercises with a goal, the scene of each section, the learner's progress.

`begin("04")` makes a notebook ready. `predict` asks and `reveal` answers; `scene` gives the lab that a section begins
with; `exercise` sets a task; `progress` is what the learner has done.
"""

from . import progress
from .kernel import begin, exercise, load_ipython_extension, predict, reveal
from .scene import scene

__all__ = ["begin", "exercise", "load_ipython_extension", "predict", "progress", "reveal", "scene"]
