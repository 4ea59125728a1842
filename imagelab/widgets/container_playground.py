"""ContainerPlayground: the containers of a lab on the layers they share, and a command line in each.

Click a container in the drawing to act on it. Each has a command line, its state, and the paths it changed. Above the
output of each command stands the docker command that does the same. While a command runs, what it prints and what it
writes are shown as they come, and it can be stopped. The playground is drawn again after every cell: it shows the
containers of the lab, and keeps no state of its own.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import threading
import weakref
from collections.abc import Callable
from html import escape

import ipywidgets

from ..analysis import docker_stores
from ..containers import Container
from ..drawings.containers import ContainerView, Picture, containers, draw_picture
from ..drawings.drawing import Drawing, count
from ..errors import Conflict, LabError, NotFound
from ..lab import Lab
from ..units import harmless
from .base import Readable, after_each_cell, button, html_area, seen_with, show_errors, side_by_side
from .container_command import Command
from .container_nodes import nodes
from .line_history import LineHistory
from .touch import TouchDrawing

TITLE = "<b>Container playground</b>"
SECONDS = 20.0  # time limit of one command
ROWS = 12  # paths shown of a writable layer
KILLED = 137  # exit code: 128 + SIGKILL
GLANCE = 0.4  # seconds between two looks at what a running command does
CHOSEN, OTHER = "4px solid #0072b2", "4px solid transparent"  # the left edge of the chosen container's side
HINT = (
    "Click a container to act on it: its command line is below. By keyboard: arrows move, Enter chooses. Hover or "
    "focus anything to see what shares its layers."
)
TIGHT = "line-height:1.5;margin:4px 0"
NO_GRACE = (
    "Exit code 137 is 128 + 9: killed, by signal 9. As process 1, a shell ignores the signal that asks it to stop; "
    "without -t 0, docker stop waits 10 seconds before it kills."
)
CD = (
    "Every command here runs in a new shell, so <code>cd</code> ends with it: write <code>cd /etc &amp;&amp; ls</code> "
    "in one line."
)
NO_TERMINAL = (
    "This program wants a terminal, which a command line of this page is not (docker's own would be "
    "<code>docker exec -it</code>). Write a file with <code>echo soup 5 &gt; /menu.txt</code>, read one with "
    "<code>cat</code>."
)
FULL_SCREEN = re.compile(r"\s*(vim?|nano|emacs|less|more|top|htop|man)\b")
ONLY_CD = re.compile(r"\s*cd(\s+[^;&|]*)?$")


class ContainerPlayground(Readable):
    """A widget with a drawing of a lab's containers, and a command line in each of several of them, side by side.

    `drawing` is the drawing: a click on a container chooses it, and adds a side for one that has none. `sides` maps
    container names to `Side`: its `line` to type a command into (Enter runs it), the buttons `start`, `stop`, `remove`,
    `commit` and `end` (the running command), and the areas `head`, `output` and `layer`. `store.value` is the Docker
    whose image IDs and words are shown, "20-28" or "29". Raises NotFound for a name that no container has.
    """

    def __init__(self, lab: Lab, *names: str) -> None:
        self.lab = lab
        self.drawing = TouchDrawing(self._touched, HINT)
        self.picture, self.error = self.drawing.still, html_area()
        self.store = seen_with()
        self.sides = {name: Side(lab.container(name), self) for name in names}
        self._chosen = ""
        self._read: object = None  # what the picture and the sides show
        self._picture: Picture
        self._drawn: Drawing
        self._chosen_shown: str | None = None
        self._row = side_by_side(*(side.box for side in self.sides.values()))
        self._row.layout.align_items = "flex-start"
        self.redraw()
        self.store.observe(lambda _: self.redraw(), "value")
        super().__init__(
            [html_area(TITLE), *self.drawing.parts, self._row, self.store, self.error],
            html=f"<p>{TITLE}</p>{containers(lab)._repr_html_()}{lab.containers()._repr_html_()}",
            plain=f"Container playground\n{containers(lab)!r}\n{lab.containers()!r}",
        )  # fmt: skip
        after_each_cell(self, ContainerPlayground.redraw)

    def redraw(self) -> None:
        """Show the containers as they are now, if anything has changed since the last time."""
        show_errors(self.error, self._redraw)()

    def _redraw(self) -> None:
        newest = [ContainerView.of(container) for container in self.lab.containers()]
        others = dict(self.lab.tags()), self.store.value
        if (newest, others) != self._read:
            self._read = newest, others
            self._picture = Picture.of(self.lab, newest, docker=self.store.value)
            self._drawn = draw_picture(self._picture)
            self._chosen_shown = None
        if self._chosen != self._chosen_shown:
            self._chosen_shown = self._chosen
            views = {view.name: view for view in newest}
            for side in self.sides.values():
                side.show(views.get(side.name), others, chosen=side.name == self._chosen)
            self.drawing.show(self._drawn, nodes(self._picture, self._chosen))
            self.error.value = ""

    def _touched(self, event: str, node: str, target: str | None) -> str:
        """Something in the drawing was clicked: a container is chosen, of the rest its label is said."""
        kind, _, name = node.partition(":")
        if kind != "container":
            return str(self.drawing.nodes[node]["note"])
        if name not in self.sides:
            self.sides[name] = Side(self.lab.container(name), self)
            self._row.children = [*self._row.children, self.sides[name].box]
        self._chosen = name
        self.redraw()
        self.sides[name].line.focus()
        return f"{name} is chosen: type a command below, or press one of its buttons."


class Side:
    """One container of the playground: its controls and what they show."""

    def __init__(self, container: Container, playground: ContainerPlayground) -> None:
        self.name, self._playground = container.name, playground
        self._spec = container.spec  # to run another one like it once this one is removed
        self.head, self.output, self.layer = html_area(), html_area(), html_area()
        self.history = LineHistory(lambda line: self._handler(lambda: self._entered(line))())
        self._command: Command | None = None  # the one that runs
        self._waiting: list[str] = []  # those typed meanwhile
        self._shown: object = None  # the container, the tags and the Docker, as `show` has shown them
        wide = ipywidgets.Layout(width="calc(100% - 4px)")
        self.line = ipywidgets.Text(
            description=f"{self.name} $", placeholder="a command, then Enter", continuous_update=False, layout=wide
        )
        self.tag = ipywidgets.Text(description="Commit as", value=f"{self.name.lower()}:1.0", layout=wide)
        self.start = self._button("Start", "docker start; docker run once it is removed", self._start)
        self.stop = self._button("Stop", "docker stop -t 0: SIGTERM, and SIGKILL at once", self._stop)
        self.remove = self._button("Remove", "docker rm: removes its writable layer too", self._remove)
        self.commit = self._button("Commit", "docker commit: an image with the writable layer on top", self._commit)
        self.end = self._button("Stop the command", "ends the command that runs; the container goes on", self._end)
        self.end.layout.display, self.end.layout.align_self = "none", "flex-start"
        self.line.observe(self._handler(self._typed), "value")
        buttons = side_by_side(self.start, self.stop, self.remove, self.commit)
        self.box = ipywidgets.VBox(
            [self.head, self.line, self.output, self.end, buttons, self.tag, self.layer, self.history],
            layout=ipywidgets.Layout(
                flex="1 1 22em", width="auto", max_width="100%", padding="0 8px", border_left=OTHER
            ),
        )  # fmt: skip

    @property
    def container(self) -> Container:
        """The container of this name; raises NotFound when there is none."""
        return self._playground.lab.container(self.name)

    @property
    def _docker(self) -> str:
        return str(self._playground.store.value)

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
        """The field has a value: its line was entered where the page does not do it by itself."""
        line, self.line.value = self.line.value, ""  # first, so that the same command can be typed again
        self._entered(line)

    def _entered(self, line: str) -> None:
        command = line.strip()
        if not command:
            return
        self.history.add(command)
        if self._command:
            self._waiting.append(command)
            self._show_output(self._running())
            return
        self._run(Command(command, self.container))

    def _run(self, command: Command) -> None:
        """Run a command: in a notebook beside the kernel, which goes on meanwhile; elsewhere until it has ended."""
        self._command = command
        self.end.layout.display = ""
        self._show_output(self._running())
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            try:
                command.run(SECONDS)
            finally:
                self._ended()
        else:
            watcher = weakref.ref(self)

            def ended() -> None:
                if side := watcher():
                    side._handler(side._ended)()

            then = (SECONDS, lambda: loop.call_soon_threadsafe(ended))
            threading.Thread(target=command.run_and, args=then, daemon=True).start()
            loop.call_later(GLANCE, self._glance, loop, command)

    def _glance(self, loop: asyncio.AbstractEventLoop, command: Command) -> None:
        """Show what the running command has printed and written so far, and look again soon."""
        if self._command is command:
            self._handler(lambda: self._show_output(self._running()))()
            loop.call_later(GLANCE, self._glance, loop, command)

    def _running(self) -> str:
        assert self._command is not None
        waiting = [f"Waiting until it ends: {command}" for command in self._waiting]
        return self._printed([self._command.printed, "Running …", *waiting])

    def _printed(self, lines: list[str]) -> str:
        assert self._command is not None
        command_line = f"docker exec {self.name} sh -c {shlex.quote(self._command.text)}"
        return _screen(command_line, [line for line in lines if line])

    def _ended(self) -> None:
        """Show how the command ended."""
        command = self._command
        assert command is not None
        try:
            if command.error:
                self._waiting.clear()
                raise command.error
            code = [f"(exit code {command.code})"] if command.code else []
            note = CD if ONLY_CD.match(command.text) else NO_TERMINAL if FULL_SCREEN.match(command.text) else ""
            screen = self._printed([command.printed, *code] if command.printed or code else ["(It printed nothing.)"])
            self._show_output(screen + note)
        finally:
            self._command = None
            self.end.layout.display = "none"
        if self._waiting:
            self._run(Command(self._waiting.pop(0), self.container))

    def _end(self) -> str:
        if not self._command:
            return "No command runs."
        self._command.end()
        return self._printed([self._command.printed, "Stopping …"])

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
        try:
            self.container.remove()
        except Conflict:
            if self._docker == "29":
                raise Conflict(docker_stores.running(self.name)) from None
            raise
        return _screen(f"docker rm {self.name}", [self.name])

    def _commit(self) -> str:
        image = self.container.commit(self.tag.value.strip() or None)
        own = image.layers[-1].files_size
        image_id = docker_stores.shown_id(image, self._docker)
        note = f"Image {image_id.short}: the container's image and one more layer, {count(own, 'byte')} in files."
        return _screen(f"docker commit {self.name} {self.tag.value.strip()}".strip(), [image_id]) + note

    # Drawing ------------------------------------------------------------------------------------------------------

    def show(self, now: ContainerView | None, others: object, *, chosen: bool = False) -> None:
        """Show the container's state and its writable layer, and whether it is the chosen one; None: it is removed.

        `others` are the values that the container's head depends on too.
        """
        self.box.layout.border_left = CHOSEN if chosen else OTHER
        if (now, others) == self._shown:
            return
        self._shown = now, others
        try:
            container = self.container
        except NotFound:
            now = None
        if now is None:
            self.head.value = _block(f"<b>{escape(self.name)}: removed</b><br>Its writable layer is gone.")
            self.layer.value = ""
            self.start.description = "Run a new one"
            return
        self.start.description = "Start"
        by_digest = self._docker == "29"
        image_id = container.image_digest if by_digest else container.image_id
        self.head.value = _block(
            f"<b>{escape(self.name)}: {escape(now.state)}</b><br>container <code>{container.short}</code> of "
            f"{escape(harmless(container.image_called(by_digest=by_digest)))}, image <code>{image_id.short}</code>"
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
