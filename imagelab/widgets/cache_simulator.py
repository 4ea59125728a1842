"""CacheSimulator: change a file, build again, and see which steps missed the cache and why.

A context in a text box, file by file, the Dockerfile among them. Every change builds it in the lab given, with the
lab's own cache: what the table says is what happened, not what should have.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from html import escape

import ipywidgets

from .. import units
from ..build.progress import BuildStep, Built, Watcher
from ..lab import Lab
from .base import Readable, fluid, in_words
from .build_progress import Tail

DOCKERFILE = "Dockerfile"
# Ground and ink together, readable in a light theme and in a dark one; the word says it again.
STYLES = {"HIT": "background:#CDEBE0;color:#00402D", "MISS": "background:#FBE6BF;color:#4A3000", "": ""}


class CacheSimulator(Readable):
    """A widget to change a small context and see what the cache makes of it.

    `files` maps names to texts and holds a Dockerfile. It keeps nothing but them and the lab: `file.value` is the file
    that `text.value` shows, `line.value` the line of the Dockerfile that `up` and `down` move.
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
        self.up = _button("Move up", "Move this line of the Dockerfile one up, and build")
        self.down = _button("Move down", "Move this line of the Dockerfile one down, and build")
        self.edit = _button("Add a line to the file", "Add a line at the end of the file above, and build")
        self.again = _button("Build again", "Build with nothing changed")
        self.fresh = _button("Build with --no-cache", "Do every step again")
        self.page, self.trouble = fluid(), fluid()
        self._quiet = False
        self._show_file()
        self._show_lines()
        act = partial(in_words, self.trouble)
        self.file.observe(act(self._show_file), "value")
        self.text.observe(act(self._typed), "value")
        self.up.on_click(act(lambda _: self._move(-1)))
        self.down.on_click(act(lambda _: self._move(1)))
        self.edit.on_click(act(self._add_line))
        self.again.on_click(act(lambda _: self.build()))
        self.fresh.on_click(act(lambda _: self.build(no_cache=True)))
        act(lambda: self.build())()
        rows = [ipywidgets.HBox(list(buttons), layout=ipywidgets.Layout(flex_flow="row wrap"))
                for buttons in ((self.edit, self.again, self.fresh), (self.up, self.down))]  # fmt: skip
        super().__init__(
            [self.file, self.text, rows[0], self.line, rows[1], self.trouble, self.page],
            html=f"<p><b>Cache simulator</b>, as it starts</p>{self.trouble.value}{self.page.value}{self._listing()}",
            plain=self._plain,
        )

    # What is done ------------------------------------------------------------------------------------------------

    def build(self, *, no_cache: bool = False) -> None:
        """Build the files as they are, and show each step as it goes; raises DockerfileError for what is wrong."""
        self.trouble.value = ""
        rows = _Rows(self.page)
        self._plain = "The build has failed."
        try:
            built = self.lab.build(self.files, self.tag, no_cache=no_cache, watcher=rows)
        except Exception:
            rows.show(note=rows.last_words())
            raise
        self._plain = f"Cache simulator: {built.summary}\n" + "\n".join(map(_line, built.steps))
        rows.show(note=_result(built))

    def _show_file(self, *_: object) -> None:
        self._set(self.text, self.files[self.file.value])

    def _show_lines(self, at: int | None = None) -> None:
        """The Dockerfile's instructions after the first FROM, each with the number of its line."""
        lines = self.files.get(DOCKERFILE, "").splitlines()
        options = [(f"{number + 1}: {units.ellipsis(line, 60)}", number) for number, line in enumerate(lines)
                   if line.strip() and not line.lstrip().startswith("#") and number]  # fmt: skip
        self._quiet = True
        try:
            self.line.options = options
            numbers = [number for _, number in options]
            if numbers:
                self.line.value = at if at in numbers else numbers[0]
        finally:
            self._quiet = False
        for button in (self.up, self.down):
            button.disabled = len(options) < 2

    def _typed(self, *_: object) -> None:
        if not self._quiet:
            self._change(self.file.value, self.text.value)

    def _add_line(self, *_: object) -> None:
        """One more line at the end, which says how many there are."""
        name, text = self.file.value, self.files[self.file.value]
        number = text.count("\n") + 1
        self._change(name, f"{text}{'LABEL edit=' if name == DOCKERFILE else 'line '}{number}\n")

    def _move(self, by: int) -> None:
        places = [number for _, number in self.line.options]
        here = places.index(self.line.value)
        if not 0 <= here + by < len(places):
            return
        there = places[here + by]
        lines = self.files[DOCKERFILE].splitlines(keepends=True)
        if not lines[-1].endswith("\n"):
            lines[-1] += "\n"
        lines[self.line.value], lines[there] = lines[there], lines[self.line.value]
        self._change(DOCKERFILE, "".join(lines), at=there)

    def _change(self, name: str, text: str, at: int | None = None) -> None:
        self.files[name] = text
        if name == DOCKERFILE:
            self._show_lines(at if at is not None else self.line.value)
        if name == self.file.value:
            self._set(self.text, text)
        self.build()

    def _set(self, widget: ipywidgets.Textarea, value: str) -> None:
        self._quiet = True
        try:
            widget.value = value
        finally:
            self._quiet = False

    def _listing(self) -> str:
        shown = (f"<details><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>"
                 for name, text in sorted(self.files.items()))  # fmt: skip
        return "".join(shown)


class _Rows(Watcher):
    """A build's steps as the rows of a table, as they come."""

    def __init__(self, page: ipywidgets.HTML) -> None:
        self.page, self.steps, self.tail = page, list[BuildStep](), Tail()

    def started(self, step: BuildStep) -> None:
        self.steps.append(step)
        self.tail = Tail()
        self.show(running=step)

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        self.tail.add(data)

    def last_words(self) -> str:
        """What a build that failed had come to: the program's last lines, if it was a program."""
        said = "\n".join(self.tail.lines)
        return (f"<pre>{escape(said)}</pre>" if said else "") + "<p>The build stopped here:</p>" * bool(self.steps)

    def show(self, *, running: BuildStep | None = None, note: str = "") -> None:
        """Draw the table; `note` is HTML that stands above it."""
        titles = "".join(
            f'<th scope="col" style="text-align:{side};padding:0 8px">{title}</th>'
            for title, side in (("LINE", "right"), ("INSTRUCTION", "left"), ("CACHE", "left"), ("REASON", "left"),
                                ("BYTES", "right"))
        )  # fmt: skip
        body = "".join(_row(step, step is running) for step in self.steps)
        self.page.value = (
            f'<div role="status">{note}<div style="overflow-x:auto"><table style="border-collapse:collapse;'
            f'line-height:1.5"><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div></div>'
        )


def _row(step: BuildStep, running: bool) -> str:
    style = "" if running else STYLES[step.cache]
    what = units.ellipsis(units.harmless(" ".join(step.instruction.split())), 60)
    cells = [
        ("right", f"{step.line}"), ("left", f'<code style="background:none;color:inherit">{escape(what)}</code>'),
        ("left", "…" if running else f"<b>{step.cache}</b>"), ("left", escape(units.harmless(step.reason))),
        ("right", f"{step.size:,}" if step.layer else ""),
    ]  # fmt: skip
    shown = "".join(f'<td style="text-align:{side};padding:0 8px;{style}">{cell}</td>' for side, cell in cells)
    return f"<tr>{shown}</tr>\n"


def _line(step: BuildStep) -> str:
    why = f" ({step.reason})" if step.reason else ""
    return f"{step.line:4}  {step.cache or 'base':4}  {step.instruction}{why}"


def _result(built: Built) -> str:
    return f"<p><b>{built.summary}.</b> Image ID <code>{built.image.id.short}</code></p>"


def _button(words: str, tip: str) -> ipywidgets.Button:
    return ipywidgets.Button(description=words, tooltip=tip, layout=ipywidgets.Layout(width="auto"))
