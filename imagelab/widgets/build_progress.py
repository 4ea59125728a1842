"""BuildProgress: the bar of a running build, and its table afterwards.

While a build runs there is a bar, the steps so far with their times and sizes, and the last lines of what a program
prints. When it ends, a table takes their place: plain HTML, which stays in the notebook when its kernel is gone. A
program that runs notebooks (nbconvert, nbval, papermill) sees none of it, so that its outputs stay the same.
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
from .base import fluid

TAIL = 12  # lines of what a program prints
WIDEST = 160  # characters of a line
OFTEN = 0.1  # seconds between two looks

_PRE = "max-height:16em;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 0 1em"


def somebody_looks() -> bool:
    """Whether the cell that runs now was sent by a front end for people, which says which of its cells it is."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    parent = kernel.get_parent("shell") or {}
    return "cellId" in (parent.get("metadata") or {})


class Tail:
    """The last lines that a program printed, however much it was."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: deque[str] = deque(maxlen=TAIL)
        self._open = b""

    def add(self, data: bytes) -> None:
        """Take what came; a line ends with a newline, and starts again after a carriage return."""
        *whole, self._open = (self._open + data).split(b"\n")
        self.count += len(whole)
        self._lines.extend(map(_shown, whole[-TAIL:]))
        self._open = self._open[-4 * WIDEST :]

    @property
    def lines(self) -> list[str]:
        """The lines now, the unfinished one last."""
        return [*self._lines, *([_shown(self._open)] if self._open else [])][-TAIL:]


def _shown(line: bytes) -> str:
    text = line.rstrip(b"\r").rpartition(b"\r")[2][: 4 * WIDEST].decode("utf-8", "replace")
    return units.ellipsis(units.harmless(text), WIDEST)


class BuildProgress(Watcher):
    """A bar for `lab.build(…)`, shown when its first step starts; `opened` shows the table at the end unfolded."""

    def __init__(self, *, opened: bool = False) -> None:
        self.bar = ipywidgets.IntProgress(min=0, max=1, layout=ipywidgets.Layout(width="min(100% - 4px, 28em)"))
        self.line, self.table, self.printed = fluid(), fluid(), fluid()
        self.view = ipywidgets.VBox([self.line, self.bar, self.table, self.printed])
        self._opened = opened
        self._steps: list[BuildStep] = []
        self._tails: dict[int, Tail] = {}
        self._since = 0.0
        self._running = False
        self._handle: Any = None
        self._over = threading.Event()

    # What the build tells ----------------------------------------------------------------------------------------

    def started(self, step: BuildStep) -> None:
        """A new line; with the first one, show the widget."""
        self._steps.append(step)
        self._since, self._running = time.perf_counter(), True
        if self._handle is None:
            self._show()
            from IPython.display import display

            self._handle = display(self.view, display_id=True) or False
            threading.Thread(target=self._look, name="imagelab build progress", daemon=True).start()

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        """Keep the last lines of what a program prints."""
        self._tails.setdefault(step.number, Tail()).add(data)

    def done(self, step: BuildStep) -> None:
        """The step's line is complete."""
        self._running = False

    def finished(self, built: Built) -> None:
        """The build is done: a table in the place of the bar."""
        called = ", ".join(built.tags) or built.image.id.short
        size = units.size(built.image.size, 3)
        self._end(f"Built {called} in {built.seconds:.1f} s", f"{built.summary}, {size} in all")

    def failed(self, error: BaseException) -> None:
        """The build was stopped, or something in it is wrong."""
        stopped = isinstance(error, KeyboardInterrupt)
        words = "The steps before it are in the cache; no image was made and no name moved."
        self._end("Interrupted" if stopped else "Failed", f"at step {len(self._steps)}. {words}", failed=True)

    # What it shows -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Show how things stand, again and again, until it is over."""
        while not self._over.wait(OFTEN):
            with suppress(RuntimeError):  # a list that grew meanwhile; the next look is soon
                self._show()

    def _show(self) -> None:
        step, done = self._steps[-1], len(self._steps) - self._running
        waited = f", {time.perf_counter() - self._since:.1f} s" if self._running else ""
        self.bar.max, self.bar.value = step.total, done
        what = escape(units.ellipsis(units.harmless(" ".join(step.instruction.split())), 80))
        self.line.value = f"<b>Building</b>, step {step.number} of {step.total}{waited}: <code>{what}</code>"
        self.table.value = self._rows("running" if self._running else "")
        tail = self._tails.get(step.number)
        self.printed.value = _printed(tail) if tail and self._running else ""

    def _end(self, title: str, words: str, *, failed: bool = False) -> None:
        self._over.set()
        if not self._steps:
            return
        parts = [self._rows(title.lower() if failed and self._running else "")]
        for number, tail in self._tails.items():
            last = failed and number == self._steps[-1].number
            told = f"What step {number} printed" + (f", the last {TAIL} of {tail.count:,} lines" * (tail.count > TAIL))
            parts.append(f"<details{' open' * last}><summary>{told}</summary>{_printed(tail)}</details>")
        opened = " open" * (failed or self._opened)
        self.html = (
            f"<details{opened}><summary><b>{escape(title)}</b> {escape(words)}</summary>{''.join(parts)}</details>"
        )
        self.plain = f"{title} {words}"
        if self._handle:
            self._handle.update(self)
        self.view.close()

    def _rows(self, last: str) -> str:
        head = "".join(
            f'<th scope="col" style="text-align:{side};padding:0 8px">{title}</th>'
            for title, side in (("STEP", "right"), ("INSTRUCTION", "left"), ("CACHE", "left"), ("SECONDS", "right"),
                                ("SIZE", "right"))
        )  # fmt: skip
        body = "".join(_row(step, last if step is self._steps[-1] else "") for step in self._steps)
        return f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'

    def __repr__(self) -> str:
        return getattr(self, "plain", "A build's progress")

    def _repr_html_(self) -> str:
        return getattr(self, "html", "<p>A build's progress, shown while it runs.</p>")


def _row(step: BuildStep, unfinished: str) -> str:
    what = units.ellipsis(units.harmless(" ".join(step.instruction.split())), 60)
    stage = f"<b>{escape(step.stage)}</b> " if step.stage else ""
    cache = unfinished or step.cache + (f": {step.reason}" if step.reason else "")
    cells = [
        ("right", f"{step.number}/{step.total}"), ("left", f"{stage}<code>{escape(what)}</code>"),
        ("left", escape(units.harmless(cache))),
        ("right", "" if unfinished or not step.cache else f"{step.seconds:.1f}"),
        ("right", units.size(step.size, 3) if step.size else ""),
    ]  # fmt: skip
    shown = "".join(f'<td style="text-align:{side};padding:0 8px">{cell}</td>' for side, cell in cells)
    return f"<tr>{shown}</tr>"


def _printed(tail: Tail) -> str:
    return f'<pre style="{_PRE}">{escape(chr(10).join(tail.lines))}</pre>'
