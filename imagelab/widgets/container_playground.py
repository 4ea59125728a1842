"""ContainerPlayground: two containers of one image, side by side.

Each has a command line, its state, and the paths it changed. Above the output of each command stands the docker command
that does the same. Below both sides, a picture of all containers of the lab and the layers they share. The playground
is drawn again after every cell: it shows the containers of the lab, and keeps no state of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from html import escape

import ipywidgets

from ..containers import Container
from ..drawings.containers import ContainerView, containers
from ..drawings.drawing import count
from ..errors import LabError, NotFound
from ..lab import Lab
from ..units import harmless
from .base import Readable, after_each_cell, button, html_area, show_errors, side_by_side

TITLE = "<b>Container playground</b>"
SECONDS = 20.0  # time limit of one command
MOST = 20_000  # characters shown of its output
ROWS = 12  # paths shown of a writable layer
KILLED = 137  # exit code: 128 + SIGKILL
TIGHT = "line-height:1.5;margin:4px 0"
NO_GRACE = (
    "Exit code 137 is 128 + 9: killed, by signal 9. As process 1, a shell ignores the signal that asks it to stop; "
    "without -t 0, docker stop waits 10 seconds before it kills."
)


class ContainerPlayground(Readable):
    """A widget with a command line in each of several containers of a lab, side by side.

    `sides` maps container names to `Side`: its `line` to type a command into (Enter runs it), the buttons `start`,
    `stop`, `remove` and `commit`, and the areas `head`, `output` and `layer`. Raises NotFound for a name that no
    container has.
    """

    def __init__(self, lab: Lab, *names: str) -> None:
        self.lab = lab
        self.picture, self.error = html_area(), html_area()
        self.sides = {name: Side(lab.container(name), self) for name in names}
        self._shown: object = None
        self.redraw()
        row = side_by_side(*(side.box for side in self.sides.values()))
        row.layout.align_items = "flex-start"
        super().__init__(
            [html_area(TITLE), row, self.error, self.picture],
            html=f"<p>{TITLE}</p>{containers(lab)._repr_html_()}{lab.containers()._repr_html_()}",
            plain=f"Container playground\n{containers(lab)!r}\n{lab.containers()!r}",
        )  # fmt: skip
        after_each_cell(self, ContainerPlayground.redraw)

    def redraw(self) -> None:
        """Show the containers as they are now, if anything has changed since the last time."""
        show_errors(self.error, self._redraw)()

    def _redraw(self) -> None:
        now = [ContainerView.of(container) for container in self.lab.containers()], dict(self.lab.tags())
        if now != self._shown:
            self._shown = now
            for side in self.sides.values():
                side.show()
            self.picture.value = containers(self.lab)._repr_html_()
            self.error.value = ""


class Side:
    """One container of the playground: its controls and what they show."""

    def __init__(self, container: Container, playground: ContainerPlayground) -> None:
        self.name, self._playground = container.name, playground
        self._spec = container.spec  # to run another one like it once this one is removed
        self.head, self.output, self.layer = html_area(), html_area(), html_area()
        wide = ipywidgets.Layout(width="calc(100% - 4px)")
        self.line = ipywidgets.Text(
            description=f"{self.name} $", placeholder="a command, then Enter", continuous_update=False, layout=wide
        )
        self.tag = ipywidgets.Text(description="Commit as", value=f"{self.name.lower()}:1.0", layout=wide)
        self.start = self._button("Start", "docker start; docker run once it is removed", self._start)
        self.stop = self._button("Stop", "docker stop -t 0: SIGTERM, and SIGKILL at once", self._stop)
        self.remove = self._button("Remove", "docker rm: removes its writable layer too", self._remove)
        self.commit = self._button("Commit", "docker commit: an image with the writable layer on top", self._commit)
        self.line.observe(self._handler(self._typed), "value")
        buttons = side_by_side(self.start, self.stop, self.remove, self.commit)
        self.box = ipywidgets.VBox(
            [self.head, self.line, self.output, buttons, self.tag, self.layer],
            layout=ipywidgets.Layout(flex="1 1 22em", width="auto", max_width="100%", padding="0 8px 0 0"),
        )  # fmt: skip

    @property
    def container(self) -> Container:
        """The container of this name; raises NotFound when there is none."""
        return self._playground.lab.container(self.name)

    def _button(self, label: str, tooltip: str, action: Callable[[], str]) -> ipywidgets.Button:
        control = button(label, f"{self.name}: {tooltip}")
        control.on_click(self._handler(lambda: self._show_output(action())))
        return control

    def _handler(self, action: Callable[[], None]) -> Callable[..., None]:
        """An event handler that runs `action`, shows errors, and draws the playground again in any case."""

        def act(*_: object) -> None:
            try:
                action()
            except KeyboardInterrupt:
                raise LabError("interrupted") from None
            finally:
                self._playground.redraw()

        return show_errors(self.output, act)

    def _show_output(self, html: str) -> None:
        self.output.value = f'<div role="status" style="{TIGHT}">{html}</div>'

    # Commands ------------------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        command = self.line.value.strip()
        if command:
            self.line.value = ""  # first, so that the same command can be typed again
            self._run(command)

    def _run(self, command: str) -> None:
        printed: list[str] = []
        command_line = f"docker exec {self.name} sh -c {shlex.quote(command)}"
        self._show_output(_screen(command_line, ["…"]))
        code = self.container.exec(
            "sh", "-c", command, output=lambda _, data: printed.append(data.decode("utf-8", "replace")), timeout=SECONDS
        )
        text = "".join(printed)
        if len(text) > MOST:
            text = f"({len(text) - MOST:,} characters left out)\n{text[-MOST:]}"
        lines = ([text.removesuffix("\n")] if text else []) + ([f"(exit code {code})"] if code else [])
        self._show_output(_screen(command_line, lines or ["(It printed nothing.)"]))

    def _start(self) -> str:
        spec, lab = self._spec, self._playground.lab
        try:
            container = self.container
        except NotFound:
            self._show_output("Starting …")  # a process takes its time
            config = lab.image(spec.image_name).config.get("config") or {}
            of_image = config.get("Entrypoint") or [], config.get("Cmd") or []
            args = () if (list(spec.entrypoint), list(spec.command)) == of_image else spec.command
            container = lab.run(spec.image_name, *args, name=self.name, entrypoint=spec.entrypoint or None, detach=True)
            command_line = f"docker run -d --name {self.name} {shlex.join([spec.image_name, *args])}"
            return _screen(command_line, [container.id]) + "A new container: a new ID, and an empty writable layer."
        if container.running:
            return _screen(f"docker start {self.name}", [self.name, "(It is running already.)"])
        self._show_output("Starting …")
        container.start()
        return _screen(f"docker start {self.name}", [self.name])

    def _stop(self) -> str:
        container = self.container
        was_running = container.running
        container.stop(0)
        note = NO_GRACE if was_running and container.exit_code == KILLED else ""
        lines = [self.name, *["(It was not running.)"] * (not was_running)]
        return _screen(f"docker stop -t 0 {self.name}", lines) + note

    def _remove(self) -> str:
        self.container.remove()
        return _screen(f"docker rm {self.name}", [self.name])

    def _commit(self) -> str:
        image = self.container.commit(self.tag.value.strip() or None)
        own = image.layers[-1].files_size
        note = f"Image {image.id.short}: the container's image and one more layer, {count(own, 'byte')} in files."
        return _screen(f"docker commit {self.name} {self.tag.value.strip()}".strip(), [image.id]) + note

    # Drawing ------------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the container's state and its writable layer as they are now."""
        try:
            container = self.container
        except NotFound:
            self.head.value = _block(f"<b>{escape(self.name)}: removed</b><br>Its writable layer is gone.")
            self.layer.value = ""
            self.start.description = "Run a new one"
            return
        self.start.description = "Start"
        now = ContainerView.of(container)
        self.head.value = _block(
            f"<b>{escape(self.name)}: {escape(now.state)}</b><br>container <code>{container.short}</code> of "
            f"{escape(harmless(container.image_called()))}, image <code>{container.image_id.short}</code>"
        )
        title = f"Its writable layer: {count(now.own, 'byte')} in files, {count(len(now.diff), 'path')}"
        table = container.diff().table().head(ROWS)._repr_html_() if now.diff else ""
        more = f"and {count(len(now.diff) - ROWS, 'more path')}" if len(now.diff) > ROWS else ""
        self.layer.value = _block(title + table + more)


def _block(html: str) -> str:
    return f'<div style="{TIGHT}">{html}</div>'


def _screen(command: str, lines: list[str]) -> str:
    printed = escape("\n".join(harmless(line) for text in [f"$ {command}", *lines] for line in text.split("\n")))
    style = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:16em;overflow-y:auto;margin:4px 0"
    return f'<pre tabindex="0" style="{style}">{printed}</pre>'
