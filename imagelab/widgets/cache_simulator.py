"""CacheSimulator: change a file, build again, and see which steps missed the cache and why.

A text box edits the files of the build context, the Dockerfile among them. Every change builds the context in the lab,
with the lab's own cache; the table shows that build.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from html import escape

import ipywidgets

from .. import units
from ..build.progress import BuildStep, Built, Watcher
from ..lab import Lab
from .base import Readable, button, html_area, show_errors, side_by_side, status
from .build_progress import Tail
from .html_table import GREEN, ORANGE, cell, code, instruction, number, row, table

DOCKERFILE = "Dockerfile"
STYLES = {"HIT": GREEN, "MISS": ORANGE, "": ""}


class CacheSimulator(Readable):
    """A widget that edits a small build context, and shows which steps the cache had at each build.

    `files` maps file names to texts; one is the Dockerfile. `file.value` is the file that `text.value` shows,
    `line.value` the line of the Dockerfile that `up` and `down` move. Errors in a Dockerfile are shown in the widget.
    """

    def __init__(self, lab: Lab, files: Mapping[str, str], tag: str = "simulator") -> None:
        self.lab, self.files, self.tag = lab, dict(files), tag
        wide = ipywidgets.Layout(width="min(100% - 4px, 44em)")
        names = sorted(self.files, key=lambda name: (name != DOCKERFILE, name))
        self.file = ipywidgets.Dropdown(options=names, description="File", layout=wide)
        self.text = ipywidgets.Textarea(
            description="Text", continuous_update=False, rows=9,
            layout=ipywidgets.Layout(width="min(100% - 4px, 44em)", height="auto"),
        )  # fmt: skip
        self.line = ipywidgets.Dropdown(description="Line", layout=wide)
        self.up = button("Move up", "Move this line of the Dockerfile one up, and build")
        self.down = button("Move down", "Move this line of the Dockerfile one down, and build")
        self.edit = button("Add a line to the file", "Add a line at the end of the file above, and build")
        self.again = button("Build again", "Build with nothing changed")
        self.fresh = button("Build with --no-cache", "Run every step again")
        self.page, self.error = html_area(), html_area()
        self._filling = False  # while the widget itself sets a control, which must not build
        self._show_file()
        self._show_lines()
        act = partial(show_errors, self.error)
        self.file.observe(act(self._show_file), "value")
        self.text.observe(act(self._typed), "value")
        self.up.on_click(act(lambda _: self._move(-1)))
        self.down.on_click(act(lambda _: self._move(1)))
        self.edit.on_click(act(self._add_line))
        self.again.on_click(act(lambda _: self.build()))
        self.fresh.on_click(act(lambda _: self.build(no_cache=True)))
        act(lambda: self.build())()
        builds, moves = side_by_side(self.edit, self.again, self.fresh), side_by_side(self.up, self.down)
        super().__init__(
            [self.file, self.text, builds, self.line, moves, self.error, self.page],
            html=f"<p><b>Cache simulator</b>, as it starts</p>{self.error.value}{self.page.value}{self._listing()}",
            plain=self._plain,
        )

    # Building ------------------------------------------------------------------------------------------------

    def build(self, *, no_cache: bool = False) -> None:
        """Build the files as they are, and show each step while it runs; raises what `lab.build` raises."""
        self.error.value = ""
        rows = _Rows(self.page)
        self._plain = "The build failed."
        try:
            built = self.lab.build(self.files, self.tag, no_cache=no_cache, watcher=rows)
        except Exception:
            rows.show(note=rows.last_output())
            raise
        self._plain = f"Cache simulator: {built.summary}\n" + "\n".join(map(_step_text, built.steps))
        rows.show(note=_result(built))

    def _show_file(self, *_: object) -> None:
        self._set(self.text, self.files[self.file.value])

    def _show_lines(self, chosen: int | None = None) -> None:
        """The Dockerfile's instructions after the first FROM, each with the number of its line."""
        lines = self.files.get(DOCKERFILE, "").splitlines()
        options = [(f"{number + 1}: {units.ellipsis(line, 60)}", number) for number, line in enumerate(lines)
                   if line.strip() and not line.lstrip().startswith("#") and number]  # fmt: skip
        self._filling = True
        try:
            self.line.options = options
            numbers = [number for _, number in options]
            if numbers:
                self.line.value = chosen if chosen in numbers else numbers[0]
        finally:
            self._filling = False
        for control in (self.up, self.down):
            control.disabled = len(options) < 2

    def _typed(self, *_: object) -> None:
        if not self._filling:
            self._change(self.file.value, self.text.value)

    def _add_line(self, *_: object) -> None:
        """Add a line that holds its own number at the end."""
        name, text = self.file.value, self.files[self.file.value]
        number = text.count("\n") + 1
        self._change(name, f"{text}{'LABEL edit=' if name == DOCKERFILE else 'line '}{number}\n")

    def _move(self, offset: int) -> None:
        numbers = [number for _, number in self.line.options]
        position = numbers.index(self.line.value) + offset
        if not 0 <= position < len(numbers):
            return
        there = numbers[position]
        lines = self.files[DOCKERFILE].splitlines(keepends=True)
        if not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[self.line.value], lines[there] = lines[there], lines[self.line.value]
        self._change(DOCKERFILE, "".join(lines), chosen=there)

    def _change(self, name: str, text: str, chosen: int | None = None) -> None:
        self.files[name] = text
        if name == DOCKERFILE:
            self._show_lines(self.line.value if chosen is None else chosen)
        if name == self.file.value:
            self._set(self.text, text)
        self.build()

    def _set(self, widget: ipywidgets.Textarea, value: str) -> None:
        self._filling = True
        try:
            widget.value = value
        finally:
            self._filling = False

    def _listing(self) -> str:
        return "".join(
            f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
            for name, text in sorted(self.files.items())
        )


class _Rows(Watcher):
    """Shows the steps of a running build as a table."""

    def __init__(self, page: ipywidgets.HTML) -> None:
        self.page, self.steps, self.tail = page, list[BuildStep](), Tail()

    def started(self, step: BuildStep) -> None:
        self.steps.append(step)
        self.tail = Tail()
        self.show(running=step)

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        self.tail.add(data)

    def last_output(self) -> str:
        """The last lines that the step which failed had printed, as HTML."""
        printed = "\n".join(self.tail.lines)
        pre = f"<pre>{escape(printed)}</pre>" if printed else ""
        return pre + "<p>The build stopped here:</p>" * bool(self.steps)

    def show(self, *, running: BuildStep | None = None, note: str = "") -> None:
        """Draw the table; `note` is HTML to show above it."""
        titles = ["LINE", "INSTRUCTION", "CACHE", "REASON", "BYTES"]
        rows = (_row(step, step is running) for step in self.steps)
        self.page.value = status(note + table(titles, rows, numbers=("LINE", "BYTES")))


def _row(step: BuildStep, running: bool) -> str:
    style = "" if running else STYLES[step.cache]
    return row([
        number(f"{step.line}", style),
        cell(code(instruction(step, 60)), style),
        cell("…" if running else f"<b>{step.cache}</b>", style),
        cell(escape(units.harmless(step.reason)), f"white-space:normal;{style}"),
        number(f"{step.size:,}" if step.layer else "", style),
    ])  # fmt: skip


def _step_text(step: BuildStep) -> str:
    why = f" ({step.reason})" if step.reason else ""
    return f"{step.line:4}  {step.cache or 'base':4}  {step.instruction}{why}"


def _result(built: Built) -> str:
    return f"<p><b>{built.summary}.</b> Image ID <code>{built.image.id.short}</code></p>"
