"""Running a lesson's cells in a real kernel, in any order, and what they print as it would be committed."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from lessons.warm_kernels import warm_kernels

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("run_notebooks", ROOT / "tools" / "run_notebooks.py")
run_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(run_notebooks)

Cell = nbformat.NotebookNode
MINUTES = 2


class Kernel:
    """A kernel of a learner's own, with nobody's progress at hand."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.updates: list[dict[str, Any]] = []  # of outputs shown earlier

    def run(self, source: str) -> list[dict[str, Any]]:
        """Run a cell; what it shows, as it would be committed. An error is an output as well."""
        shown: list[Cell] = []

        def keep(message: dict[str, Any]) -> None:
            if message["msg_type"] in ("stream", "execute_result", "display_data", "error"):
                shown.append(nbformat.v4.output_from_msg(message))
            elif message["msg_type"] == "update_display_data":
                self.updates.append(message["content"])

        self._client.execute_interactive(source, timeout=MINUTES * 60, output_hook=keep, store_history=True)
        return comparable(shown)


def comparable(outputs: list[Cell]) -> list[dict[str, Any]]:
    """Outputs without what differs from machine to machine."""
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.from_dict(dict(output)) for output in outputs])
    run_notebooks.clean(nbformat.v4.new_notebook(cells=[cell]))
    return sanitized([number_out(output) for output in cell.outputs])


def sanitized(value: Any) -> Any:
    """A value of JSON with every string in it sanitized, as nbval does."""
    if isinstance(value, dict):
        return {key: sanitized(item) for key, item in value.items()}
    if isinstance(value, list):
        return [sanitized(item) for item in value]
    return run_notebooks.sanitized(value) if isinstance(value, str) else value


def number_out(output: Cell) -> dict[str, Any]:
    """An output without its cell's number."""
    return {name: value for name, value in output.items() if name != "execution_count"}


@contextmanager
def kernel(folder: Path) -> Iterator[Kernel]:
    """A new kernel that works in a folder; it is ended with the block."""
    environment = {**os.environ, "IMAGELAB_PROGRESS": str(folder), "IMAGELAB_HOME": str(folder / "home")}
    with tempfile.TemporaryDirectory() as connections:
        connection_file, _ = write_connection_file(
            f"{connections}/kernel.json", transport="ipc", ip=f"{connections}/at"
        )
        process = warm_kernels().start(connection_file, folder, environment)
        client = BlockingKernelClient(connection_file=connection_file)
        client.load_connection_file()
        client.start_channels(hb=False)  # a busy machine's kernel may miss beats
        try:
            client.wait_for_ready(timeout=MINUTES * 60)
            yield Kernel(client)
        finally:
            client.stop_channels()
            process.close()


def code(path: Path) -> list[Cell]:
    """The code cells of a notebook."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def sections(path: Path) -> dict[str, list[Cell]]:
    """A notebook's code cells by section number; those before the first heading are section 0."""
    found: dict[str, list[Cell]] = {"0": []}
    number = "0"
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            found[number].append(cell)
        elif headings := re.findall(r"^## (\d+)\.", cell.source, flags=re.M):
            number = headings[-1]
            found.setdefault(number, [])
    return found
