"""The learner's copy of the course: a folder of lessons without outputs, where answers come before what they answer.

`imagelab learn` makes it; the folder `.imagelab-course` inside marks it.
"""

from __future__ import annotations

import os
from pathlib import Path

MARK = ".imagelab-course"


def is_copy() -> bool:
    """Whether this notebook runs in a learner's copy: a question then waits for its answer.

    True if the working folder or one above it has the folder `.imagelab-course`. $IMAGELAB_LEARNER, set to 1 or 0,
    decides instead.
    """
    if (setting := os.environ.get("IMAGELAB_LEARNER")) in ("0", "1"):
        return setting == "1"
    here = Path.cwd()
    return any((folder / MARK).is_dir() for folder in (here, *here.parents))
