"""CacheSimulator: change a file, build again, and see which steps missed the cache and why.

The Dockerfile is a picture whose lines are dragged up and down and edited in place; a text box edits every file of the
build context. Every change builds the context in the lab, with the lab's own cache; picture and table show that build.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from html import escape

import ipywidgets

from .. import units
from ..build.progress import BuildStep, Built, Watcher
from ..drawings.build import NEW_LINE, Line, dockerfile, line_id
from ..lab import Lab
from . import dockerfile_text
from .base import Readable, button, html_area, show_errors, side_by_side, status
from .build_progress import Tail
from .dockerfile_text import Block
from .html_table import GREEN, ORANGE, cell, code, instruction, number, row, table
from .stop import Stop
from .touch import Node, TouchDrawing

DOCKERFILE = "Dockerfile"
SECONDS = 20.0  # time limit of one RUN
STOPPED = "The steps before it are in the cache; no image was made, and no tag moved."
STYLES = {"HIT": GREEN, "MISS": ORANGE, "": ""}
HINT = (
    "Drag a line up or down, or off to remove it; click it to edit it. By keyboard: arrows go from line to line, "
    "Alt and an arrow moves the line, Enter edits it, Delete removes it."
)


class CacheSimulator(Readable):
    """A widget that edits a small build context, and shows which steps the cache had at each build.

    `files` maps file names to texts; one is the Dockerfile, which `picture` shows. `file.value` is the file that
    `text.value` shows. A RUN is stopped after `SECONDS`, or by `stop`. Errors in a Dockerfile are shown in the widget.
    """

    def __init__(self, lab: Lab, files: Mapping[str, str], tag: str = "simulator") -> None:
        self.lab, self.files, self.tag = lab, dict(files), tag
        names = sorted(self.files, key=lambda name: (name != DOCKERFILE, name))
        self.file = ipywidgets.Dropdown(
            options=names, description="File", layout=ipywidgets.Layout(width="min(100% - 4px, 44em)")
        )
        self.text = ipywidgets.Textarea(
            description="Text", continuous_update=False, rows=9,
            layout=ipywidgets.Layout(width="min(100% - 4px, 44em)", height="auto"),
        )  # fmt: skip
        self.edit = button("Add a line to the file", "Add a line at the end of the file above, and build")
        self.again = button("Build again", "Build with nothing changed")
        self.fresh = button("Build with --no-cache", "Run every step again")
        self.picture, self.stop = TouchDrawing(self._act, HINT), Stop()
        self.page, self.error = html_area(), html_area()
        self._filling = False  # while the widget itself sets a control, which must not build
        self._show_file()
        act = partial(show_errors, self.error)
        self.file.observe(act(self._show_file), "value")
        self.text.observe(act(self._typed), "value")
        self.edit.on_click(act(self._add_line))
        self.again.on_click(act(lambda _: self.build()))
        self.fresh.on_click(act(lambda _: self.build(no_cache=True)))
        act(lambda: self.build())()
        builds = side_by_side(self.again, self.fresh)
        super().__init__(
            [*self.picture.parts, self.error, self.stop, self.page, builds, self.file, self.text,
             side_by_side(self.edit)],
            html=f"<p><b>Cache simulator</b>, as it starts</p>{self.picture.still.value}{self.error.value}"
            f"{self.page.value}{self._listing()}",
            plain=self._plain,
        )

    # Building ------------------------------------------------------------------------------------------------

    def build(self, *, no_cache: bool = False, focus: int | None = None) -> None:
        """Build the files as they are, and show each step while it runs; raises what `lab.build` raises.

        `focus` is the line of the Dockerfile that has the focus afterwards. An interrupt is shown, not raised.
        """
        self.error.value = ""
        rows = _Rows(self.page)
        self._plain = "The build failed."
        ended = "not run"
        try:
            with self.stop:
                built = self.lab.build(
                    self.files, self.tag, no_cache=no_cache, pull="never", watcher=rows, timeout=SECONDS
                )
            self._plain = f"Cache simulator: {built.summary}\n" + "\n".join(map(_step_text, built.steps))
            ended = "not needed by the last stage"
            rows.show(note=_result(built))
        except BaseException as error:
            by_hand = self.stop.pressed or isinstance(error, KeyboardInterrupt)
            rows.stopped = "stopped" if by_hand else "failed"
            rows.show(note=rows.last_output())
            if not by_hand:
                raise
            self.error.value = f'<p role="alert"><b>Stopped.</b> {STOPPED}</p>'
        finally:
            self._draw(rows.outcomes(), ended, focus)

    def _draw(self, outcomes: Mapping[int, tuple[str, str]], otherwise: str, focus: int | None = None) -> None:
        """Draw the Dockerfile; `outcomes` maps lines to HIT or MISS and why."""
        blocks = dockerfile_text.blocks(self.files.get(DOCKERFILE, ""))
        lines = [Line(block.line, block.text, *outcomes.get(block.line, ("", otherwise))) for block in blocks]
        nodes = {}
        after_from = False
        for block, line in zip(blocks, lines, strict=True):
            words = " ".join(filter(None, (line.state, line.why)))
            nodes[line_id(block.line)] = Node(
                units.harmless(f"line {block.line}: {units.ellipsis(' '.join(block.text.split()), 80)}"),
                drag=after_from, drop=after_from, off=after_from, edit=block.text, note=units.harmless(words),
            )  # fmt: skip
            after_from |= block.is_from
        nodes[NEW_LINE] = Node("another line at the end", edit="")
        title = "The Dockerfile, and what the cache had of it"
        self.picture.show(dockerfile(lines, title), nodes, line_id(focus) if focus else "")
        self._outcomes = {block.text: outcomes[block.line] for block in blocks if block.line in outcomes}

    # What is done to the Dockerfile in the picture ---------------------------------------------------------------

    def _act(self, event: str, node: str, target: str | None) -> str:
        """Move, edit or remove a line, and build; returns what the build found."""
        text = self.files.get(DOCKERFILE, "")
        every = {line_id(block.line): block for block in dockerfile_text.blocks(text)}
        focus: int | None = None
        if event == "drop" and target in every:
            text, focus = dockerfile_text.moved(text, every[node], every[target])
        elif event == "off":
            text = dockerfile_text.without(text, every[node])
        elif event == "edit" and node == NEW_LINE:
            text = dockerfile_text.added(text, target or "")
        elif event == "edit":
            block = every[node]
            text = dockerfile_text.replaced(text, block, target or "")
            focus = block.line if (target or "").strip() else None
        self._building(every, text, focus)
        show_errors(self.error, lambda: self._change(DOCKERFILE, text, focus))()
        return ""

    def _building(self, before: Mapping[str, Block], text: str, focus: int | None) -> None:
        """Draw the changed Dockerfile at once: what stands above the change keeps its state, the rest is building."""
        outcomes = {}
        for old, new in zip(before.values(), dockerfile_text.blocks(text), strict=False):
            if old.text != new.text or old.text not in self._outcomes:
                break
            outcomes[new.line] = self._outcomes[old.text]
        self.files[DOCKERFILE] = text
        self._draw(outcomes, "building …", focus)

    # The text box ------------------------------------------------------------------------------------------------

    def _show_file(self, *_: object) -> None:
        self._set(self.text, self.files[self.file.value])

    def _typed(self, *_: object) -> None:
        if not self._filling:
            self._change(self.file.value, self.text.value)

    def _add_line(self, *_: object) -> None:
        """Add a line that holds its own number at the end."""
        name, text = self.file.value, self.files[self.file.value]
        number = len(text.splitlines()) + 1
        self._change(
            name, dockerfile_text.added(text, f"{'LABEL edit=' if name == DOCKERFILE else 'line '}{number}")
        )

    def _change(self, name: str, text: str, focus: int | None = None) -> None:
        self.files[name] = text
        if name == self.file.value:
            self._set(self.text, text)
        self.build(focus=focus)

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
        self.ended = 0  # how many of the steps
        self.stopped = ""  # what became of the step that did not end

    def done(self, step: BuildStep) -> None:
        self.ended += 1

    def outcomes(self) -> dict[int, tuple[str, str]]:
        """The line of each step → HIT or MISS, and why; of the one that did not end, what became of it."""
        lines = {step.line: (step.cache, step.reason) for step in self.steps[: self.ended]}
        return lines | {step.line: ("", self.stopped) for step in self.steps[self.ended :]}

    def started(self, step: BuildStep) -> None:
        self.steps.append(step)
        self.tail = Tail()
        self.show()

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        self.tail.add(data)

    def last_output(self) -> str:
        """The last lines that the step which failed had printed, as HTML."""
        printed = "\n".join(self.tail.lines)
        pre = f"<pre>{escape(printed)}</pre>" if printed else ""
        return pre + "<p>The build stopped here:</p>" * bool(self.steps)

    def show(self, *, note: str = "") -> None:
        """Show the steps as a table; `note` is HTML to show above it, by default the step that runs."""
        titles = ["LINE", "INSTRUCTION", "CACHE", "REASON", "BYTES"]
        unfinished = self.stopped or "…"
        rows = (_row(step, "" if at < self.ended else unfinished) for at, step in enumerate(self.steps))
        if not note and self.ended < len(self.steps):
            step = self.steps[-1]
            note = f"<p>Step {step.number} of {step.total} is running: {code(instruction(step, 60))}</p>"
        steps = table(titles, rows, numbers=("LINE", "BYTES"))
        self.page.value = status(f"{note}<details><summary>The steps as a table</summary>{steps}</details>")


def _row(step: BuildStep, unfinished: str) -> str:
    """A row of the table; `unfinished` says what became of a step that has not ended."""
    style = "" if unfinished else STYLES[step.cache]
    return row([
        number(f"{step.line}", style),
        cell(code(instruction(step, 60)), style),
        cell(unfinished or f"<b>{step.cache}</b>", style),
        cell(escape(units.harmless(step.reason)), f"white-space:normal;{style}"),
        number(f"{step.size:,}" if step.layer else "", style),
    ])  # fmt: skip


def _step_text(step: BuildStep) -> str:
    why = f" ({step.reason})" if step.reason else ""
    return f"{step.line:4}  {step.cache or 'base':4}  {step.instruction}{why}"


def _result(built: Built) -> str:
    return f"<p><b>{built.summary}.</b> Image ID <code>{built.image.id.short}</code></p>"
