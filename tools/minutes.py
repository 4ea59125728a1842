"""Print the minutes and cells of each section of lessons, by the rule of `imagelab.lesson.minutes`.

    python tools/minutes.py [NOTEBOOK …]
"""

from __future__ import annotations

import sys
from pathlib import Path

from imagelab.lesson import minutes

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


def main(notebooks: list[Path]) -> None:
    """Print the lessons given, or all."""
    for path in notebooks or sorted(FOLDER.glob("*.ipynb")):
        lesson = minutes.sections(path)
        core = minutes.core(lesson)
        print(f"{path.name}: {minutes.rounded(core)} minutes, {sum(len(section.cells) for section in core)} cells")
        for section in lesson:
            mark = " (more, not counted)" if section.more else ""
            print(f"  {section.minutes:5.1f} minutes, {len(section.cells):2} cells  {section.heading}{mark}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
