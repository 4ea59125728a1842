"""Run every lesson from top to bottom and write its outputs back, the same bytes on every machine.

    python tools/run_notebooks.py [--check] [NOTEBOOK …]

With --check nothing is written, and a lesson whose outputs would change is named (exit code 1). What a machine or a
moment puts into a notebook is left out: times of execution, versions, and the state of widgets, whose HTML stays.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT = ("tags", "jp-MarkdownHeadingCollapsed")  # the second: JupyterLab opens the section folded
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook, run in a fresh kernel with nobody's progress at hand; raises CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as nowhere:
        environment = {**os.environ, "IMAGELAB_PROGRESS": nowhere, "IMAGELAB_HOME": f"{nowhere}/home"}
        client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": FOLDER}})
        client.execute(env=environment)
        if any(Path(nowhere).glob(".imagelab-progress*")):
            raise SystemExit(f"{path.name}: running it from top to bottom records progress, which only learners make")
    return notebook


def clean(notebook: nbformat.NotebookNode) -> None:
    """Leave out what differs from run to run."""
    notebook.metadata = nbformat.from_dict(METADATA)
    number = 0
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key in KEPT})
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number
        for output in cell.outputs:
            output.pop("transient", None)
            if "metadata" in output:
                output.metadata = nbformat.from_dict({})
            if output.output_type == "execute_result":
                output.execution_count = number
            if "data" in output:
                output.data = nbformat.from_dict(dict(sorted(output.data.items())))
                output.data.pop(WIDGET, None)  # no kernel, no widget: its HTML says what it showed
        cell.outputs = joined(cell.outputs)


def joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Text printed in several pieces as one output, however the pieces were cut."""
    found: list[nbformat.NotebookNode] = []
    for output in outputs:
        if found and output.output_type == "stream" == found[-1].output_type and output.name == found[-1].name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def sanitized(text: str) -> str:
    """What may differ between two runs, made equal by the rules that nbval uses as well."""
    rules = (FOLDER.parent / "tests" / "lessons" / "sanitize.cfg").read_text("ascii")
    for pattern, replacement in re.findall(r"^regex: (.*)\nreplace: (.*)$", rules, flags=re.M):
        text = re.sub(pattern, replacement, text)
    return text


def main() -> int:
    """Run the notebooks named, or all of them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if an output would change")
    options = parser.parse_args()
    failed = False
    for path in options.notebooks or sorted(FOLDER.glob("*.ipynb")):
        before = path.read_text("utf-8")
        try:
            notebook = executed(path)
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            failed = True
            continue
        clean(notebook)
        after = nbformat.writes(notebook) + "\n"
        changed = sanitized(before) != sanitized(after)
        print(f"{path.name}: {'changed' if changed else 'as it was'}")
        if options.check:
            failed |= changed
        elif changed:
            path.write_text(after, "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
