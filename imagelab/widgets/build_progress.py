"""BuildProgress: the bar of a running build, and its table afterwards.

While a build runs, a bar, the steps so far with their times and sizes, and the last lines of the running program are
shown. At the end a table replaces them: plain HTML, which stays in the notebook without a kernel. Programs that run
notebooks (nbconvert, nbval, papermill) are shown none of it, so that their outputs do not change from run to run.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextlib import suppress
from html import escape
from typing import Any

import ipywidgets

from .. import units
from ..build.progress import BuildStep, Built, Watcher
from .base import html_area
from .html_table import cell, code, instruction, number, row, table

TAIL = 12  # lines of what a program prints
WIDEST = 160  # characters of a line
INTERVAL = 0.1  # seconds between two redraws

_PRE = "max-height:16em;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 0 1em"


def is_watched() -> bool:
    """Whether the running cell was sent by a front end such as JupyterLab: only those send the ID of the cell."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    parent = kernel.get_parent("shell") or {}
    return "cellId" in (parent.get("metadata") or {})


class Tail:
    """The last lines that a program printed, in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: deque[str] = deque(maxlen=TAIL)
        self._open = b""

    def add(self, data: bytes) -> None:
        """Add output. A newline ends a line; a carriage return starts it again."""
        *whole, self._open = (self._open + data).split(b"\n")
        self.count += len(whole)
        self._lines.extend(map(_shown, whole[-TAIL:]))
        self._open = self._open[-4 * WIDEST :]

    @property
    def lines(self) -> list[str]:
        """The lines so far, the unfinished one last."""
        return [*self._lines, *([_shown(self._open)] if self._open else [])][-TAIL:]


def _shown(line: bytes) -> str:
    text = line.rstrip(b"\r").rpartition(b"\r")[2][: 4 * WIDEST].decode("utf-8", "replace")
    return units.ellipsis(units.harmless(text), WIDEST)


class BuildProgress(Watcher):
    """A progress bar for `lab.build(…)`, shown at the first step; with `opened` the final table is unfolded."""

    def __init__(self, *, opened: bool = False) -> None:
        self.bar = ipywidgets.IntProgress(min=0, max=1, layout=ipywidgets.Layout(width="min(100% - 4px, 28em)"))
        self.line, self.table, self.printed = html_area(), html_area(), html_area()
        self.view = ipywidgets.VBox([self.line, self.bar, self.table, self.printed])
        self._opened = opened
        self._steps: list[BuildStep] = []
        self._tails: dict[int, Tail] = {}
        self._since = 0.0
        self._running = False
        self._handle: Any = None
        self._over = threading.Event()

    # Events of the build -----------------------------------------------------------------------------------------

    def started(self, step: BuildStep) -> None:
        """Add the step; the first one shows the widget."""
        self._steps.append(step)
        self._since, self._running = time.perf_counter(), True
        if self._handle is None:
            self._show()
            from IPython.display import display

            self._handle = display(self.view, display_id=True) or False
            threading.Thread(target=self._redraw, name="imagelab build progress", daemon=True).start()

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        """Keep the last lines that the step printed."""
        self._tails.setdefault(step.number, Tail()).add(data)

    def done(self, step: BuildStep) -> None:
        """The step has ended."""
        self._running = False

    def finished(self, built: Built) -> None:
        """Replace the bar with the table."""
        called = ", ".join(built.tags) or built.image.id.short
        size = units.size(built.image.size, 3)
        self._end(f"Built {called} in {built.seconds:.1f} s", f"{built.summary}, {size} in all")

    def failed(self, error: BaseException) -> None:
        """Replace the bar with the table, and say that the build failed or was interrupted."""
        stopped = isinstance(error, KeyboardInterrupt)
        state = "The steps before it are in the cache; no image was made and no tag moved."
        self._end("Interrupted" if stopped else "Failed", f"at step {len(self._steps)}. {state}", failed=True)

    # Drawing -----------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Redraw until the build has ended."""
        while not self._over.wait(INTERVAL):
            with suppress(RuntimeError):  # the list grew while it was read; the next redraw is soon
                self._show()

    def _show(self) -> None:
        step, done = self._steps[-1], len(self._steps) - self._running
        waited = f", {time.perf_counter() - self._since:.1f} s" if self._running else ""
        self.bar.max, self.bar.value = step.total, done
        current = escape(instruction(step, 80))
        self.line.value = f"<b>Building</b>, step {step.number} of {step.total}{waited}: <code>{current}</code>"
        self.table.value = self._rows("running" if self._running else "")
        tail = self._tails.get(step.number)
        self.printed.value = _printed(tail) if tail and self._running else ""

    def _end(self, title: str, text: str, *, failed: bool = False) -> None:
        self._over.set()
        if not self._steps:
            return
        parts = [self._rows(title.lower() if failed and self._running else "")]
        for step, tail in self._tails.items():
            last = failed and step == self._steps[-1].number
            cut = f", the last {TAIL} of {tail.count:,} lines" * (tail.count > TAIL)
            summary = f"<summary>Output of step {step}{cut}</summary>"
            parts.append(f"<details{' open' * last}>{summary}{_printed(tail)}</details>")
        opened = " open" * (failed or self._opened)
        self.html = (
            f"<details{opened}><summary><b>{escape(title)}</b> {escape(text)}</summary>{''.join(parts)}</details>"
        )
        self.plain = f"{title} {text}"
        if self._handle:
            self._handle.update(self)
        self.view.close()

    def _rows(self, last: str) -> str:
        titles = ["STEP", "INSTRUCTION", "CACHE", "SECONDS", "SIZE"]
        rows = (_row(step, last if step is self._steps[-1] else "") for step in self._steps)
        return table(titles, rows, numbers=("STEP", "SECONDS", "SIZE"))

    def __repr__(self) -> str:
        return getattr(self, "plain", "A build's progress")

    def _repr_html_(self) -> str:
        return getattr(self, "html", "<p>A build's progress, shown while it runs.</p>")


def _row(step: BuildStep, unfinished: str) -> str:
    stage = f"<b>{escape(step.stage)}</b> " if step.stage else ""
    cache = unfinished or step.cache + (f": {step.reason}" if step.reason else "")
    return row([
        number(f"{step.number}/{step.total}"),
        cell(stage + code(instruction(step, 60))),
        cell(escape(units.harmless(cache)), "white-space:normal"),
        number("" if unfinished or not step.cache else f"{step.seconds:.1f}"),
        number(units.size(step.size, 3) if step.size else ""),
    ])  # fmt: skip


def _printed(tail: Tail) -> str:
    return f'<pre style="{_PRE}">{escape(chr(10).join(tail.lines))}</pre>'
