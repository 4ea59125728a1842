"""How a kernel knows that it runs in a learner's copy of the course, where answers come before what they answer.

`imagelab learn` makes the copy; its folder `.imagelab-course` marks it.
"""

from __future__ import annotations

import os
from pathlib import Path

MARK = ".imagelab-course"


def folder() -> Path | None:
    """The learner's copy that the working folder is in, or None."""
    here = Path.cwd()
    return next((place for place in (here, *here.parents) if (place / MARK).is_dir()), None)


def is_copy() -> bool:
    """Whether this notebook runs in a learner's copy: a question then waits for its answer.

    $IMAGELAB_LEARNER, set to 1 or 0, decides instead of the folder.
    """
    if (setting := os.environ.get("IMAGELAB_LEARNER")) in ("0", "1"):
        return setting == "1"
    return folder() is not None


def backup_name(path: Path) -> Path:
    """Reserve the next free name beside a file for what it holds: `04-tags.bak-1.ipynb`, now an empty file."""
    number = 1
    while True:
        backup = path.with_name(f"{path.stem}.bak-{number}{path.suffix}")
        try:
            backup.open("xb").close()
        except FileExistsError:
            number += 1
        else:
            return backup
