"""TransferProgress: what happens to each layer of a push or a pull, while it runs.

A row for each layer: its name, a bar of the bytes that have moved, and docker's word for where it is. When the transfer
has ended the rows go, and one line stays; the Transfer that the verb returns has the whole table. Programs that run
notebooks are shown none of it, so that their outputs do not change from run to run.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from html import escape
from typing import Any

from .. import units
from ..registry.transfer import Progress
from .base import html_area, status
from .build_progress import INTERVAL
from .html_table import cell, code, number, row, table

WORDS = {
    "waiting": "waits", "began": "begins", "moving": "moves", "moved": "is being checked", "kept": "is there",
    "exists": "was there already", "mounted": "was taken over",
}  # fmt: skip
TITLES = ["LAYER", "ON THE WIRE", "MOVED", "BYTES", "STATE"]


class TransferProgress:
    """A Report for `Lab.push` and `Lab.pull`, called from several threads; shown at the first event."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._layers: dict[str, Progress] = {}
        self._area = html_area()
        self._handle: Any = None
        self._guard = threading.Lock()
        self._over = threading.Event()

    def __call__(self, progress: Progress) -> None:
        """Note what happened; a thread of its own draws it."""
        with self._guard:
            if progress.kind == "layer":
                self._layers[str(progress.diff_id)] = progress
            if self._handle is None:
                from IPython.display import display

                self._handle = display(self._area, display_id=True) or False
                threading.Thread(target=self._redraw, name="imagelab transfer progress", daemon=True).start()

    def end(self, text: str) -> None:
        """Put one line in place of the rows."""
        self._over.set()
        with self._guard:
            self.plain = f"{self._title}: {text}"
            if self._handle:
                self._handle.update(self)
            self._area.close()

    def _redraw(self) -> None:
        while not self._over.wait(INTERVAL):
            with suppress(RuntimeError):  # a layer came while they were read; the next drawing is soon
                self._area.value = self.rows()

    def rows(self) -> str:
        """The table as it is now."""
        done = sum(one.state in ("kept", "exists", "mounted") for one in self._layers.values())
        summary = status(f"<b>{escape(self._title)}</b>: {done} of {len(self._layers)} layers")
        return summary + table(TITLES, map(_row, self._layers.values()), numbers=("BYTES",))

    def __repr__(self) -> str:
        return getattr(self, "plain", self._title)

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def _row(one: Progress) -> str:
    words = WORDS.get(one.state, one.state) + (f" from {one.mounted_from}" if one.mounted_from else "")
    ended = one.state in ("moved", "kept")
    bar = f'<progress max="{max(one.total, 1)}" value="{one.total if ended else min(one.done, one.total)}"></progress>'
    return row([
        cell(code(str(one.diff_id)[7:19])),
        cell(code(one.digest[7:19] if one.digest != one.diff_id else "")),
        cell(bar if one.state in ("moving", "moved", "kept") else ""),
        number(units.size(one.total, 3) if one.total else ""),
        cell(escape(words)),
    ])  # fmt: skip
