"""The glossary's notes in a lesson: which are missing, and where.

    python tools/notes.py [--write] [NOTEBOOK …]

Prints each term that a lesson's prose uses before its note, and each note that is not what `imagelab.lesson.glossary`
says today; the exit code is 1 if there is one. With --write it puts the missing notes at the end of the cell that first
uses the term, and rewrites notes that have changed. Lessons are read in the order of the course: a note in an earlier
lesson counts, except one in a section marked "more", which a reader may have skipped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat

from imagelab.lesson import course, glossary

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"


def main() -> int:
    """Look at the notebooks named, or at all of them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--write", action="store_true", help="put the missing notes in")
    options = parser.parse_args()
    chosen = {path.name for path in options.notebooks} or {lesson.notebook for lesson in course.LESSONS}
    reader = glossary.Reader()
    open_ = 0
    for lesson in course.LESSONS:
        path = FOLDER / lesson.notebook
        notebook = nbformat.read(path, as_version=4)
        missing = reader.read(notebook.cells)
        outdated = [
            (cell, written) for cell in notebook.cells if cell.cell_type == "markdown"
            for written in glossary.notes(cell.source) if written != current(written)
        ]  # fmt: skip
        if lesson.notebook not in chosen or not (missing or outdated):
            continue
        for gap in missing:
            cell = notebook.cells[gap.cell]
            print(f"{path.name}: cell {gap.cell} ({cell.id}) uses {gap.term!r} before its note: {opening(cell)}")
            gap_note = "\n" + glossary.note(gap.term)
            cell.source += gap_note if cell.source.endswith("</details>") else "\n" + gap_note
        for cell, written in outdated:
            print(f"{path.name}: the note {glossary.name_of(written)!r} in cell {cell.id} differs from the glossary")
            cell.source = cell.source.replace(written, current(written))
        open_ += len(missing) + len(outdated)
        if options.write:
            nbformat.write(notebook, path)
    return int(bool(open_) and not options.write)


def current(written: str) -> str:
    """The note as the glossary has it; nothing for a word that the glossary has no more."""
    name = glossary.name_of(written)
    return glossary.note(name) if name in glossary.TERMS else ""


def opening(cell: nbformat.NotebookNode) -> str:
    """The first words of a cell."""
    words = " ".join(cell.source.split())
    return words[:60] + "…" * (len(words) > 60)


if __name__ == "__main__":
    sys.exit(main())
