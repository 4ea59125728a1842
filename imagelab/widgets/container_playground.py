"""ContainerPlayground: two containers of one image, side by side.

Each has a command line, its state, and the list of what it changed. What docker would have been told stands above what
the container answered. Below them, all containers of the lab on the layers they share. After every cell that is run,
the playground looks again: it shows the lab's containers, and keeps none.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from html import escape

import ipywidgets

from ..containers import Container
from ..drawings.containers import Instance, containers
from ..drawings.drawing import count
from ..errors import LabError, NotFound
from ..lab import Lab
from ..units import harmless
from .base import Readable, after_each_cell, fluid, in_words

TITLE = "<b>Container playground</b>"
SECONDS = 20.0  # that one command may take
MOST = 20_000  # characters shown of what it printed
ROWS = 12  # of a writable layer
KILLED = 137
TIGHT = "line-height:1.5;margin:4px 0"
NO_GRACE = (
    "Exit code 137 is 128 + 9: killed, by signal 9. As process 1, a shell does not hear the signal that asks it to "
    "stop; without -t 0, docker stop waits 10 seconds before it kills."
)


class ContainerPlayground(Readable):
    """A widget with a command line in each of some containers of a lab, side by side.

    `sides` maps their names to what is shown of each: its `line` to type into (Enter runs it), the buttons `start`,
    `stop`, `remove` and `commit`, and the pages `head`, `said` and `layer`. Raises NotFound for a container that is
    not there.
    """

    def __init__(self, lab: Lab, *names: str) -> None:
        self.lab = lab
        self.picture, self.trouble = fluid(), fluid()
        self.sides = {name: Side(lab.container(name), self) for name in names}
        self._seen: object = None
        self.look()
        row = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start")
        super().__init__(
            [fluid(TITLE), ipywidgets.HBox([side.box for side in self.sides.values()], layout=row),
             self.trouble, self.picture],
            html=f"<p>{TITLE}</p>{containers(lab)._repr_html_()}{lab.containers()._repr_html_()}",
            plain=f"Container playground\n{containers(lab)!r}\n{lab.containers()!r}",
        )  # fmt: skip
        after_each_cell(self, ContainerPlayground.look)

    def look(self) -> None:
        """Show the containers as they are now; nothing is drawn again where nothing has changed."""
        in_words(self.trouble, self._look)()

    def _look(self) -> None:
        now = [Instance.of(one) for one in self.lab.containers()], dict(self.lab.store.tags())
        if now != self._seen:
            self._seen = now
            for side in self.sides.values():
                side.show()
            self.picture.value = containers(self.lab)._repr_html_()
            self.trouble.value = ""


class Side:
    """One container's half of the playground."""

    def __init__(self, container: Container, playground: ContainerPlayground) -> None:
        self.name, self._playground = container.name, playground
        self._spec = container.spec  # to make another one like it when this one is gone
        self.head, self.said, self.layer = fluid(), fluid(), fluid()
        wide = ipywidgets.Layout(width="calc(100% - 4px)")
        self.line = ipywidgets.Text(
            description=f"{self.name} $", placeholder="a command, then Enter", continuous_update=False, layout=wide
        )
        self.tag = ipywidgets.Text(description="Commit as", value=f"{self.name.lower()}:1.0", layout=wide)
        self.start = self._button("Start", "docker start, or a new container where this one is gone", self._start)
        self.stop = self._button("Stop", "docker stop -t 0: ask, and kill at once", self._stop)
        self.remove = self._button("Remove", "docker rm: the writable layer goes with it", self._remove)
        self.commit = self._button("Commit", "docker commit: the writable layer becomes an image's", self._commit)
        self.line.observe(self._doing(self._typed), "value")
        buttons = [self.start, self.stop, self.remove, self.commit]
        self.box = ipywidgets.VBox(
            [self.head, self.line, self.said,
             ipywidgets.HBox(buttons, layout=ipywidgets.Layout(flex_flow="row wrap")), self.tag, self.layer],
            layout=ipywidgets.Layout(flex="1 1 22em", width="auto", max_width="100%", padding="0 8px 0 0"),
        )  # fmt: skip

    @property
    def container(self) -> Container:
        """The container of this name; raises NotFound when there is none."""
        return self._playground.lab.container(self.name)

    def _button(self, label: str, tooltip: str, action: Callable[[], str]) -> ipywidgets.Button:
        button = ipywidgets.Button(
            description=label, tooltip=f"{self.name}: {tooltip}", layout=ipywidgets.Layout(width="auto")
        )
        button.on_click(self._doing(lambda: self._tell(action())))
        return button

    def _doing(self, action: Callable[[], None]) -> Callable[..., None]:
        """A handler that does something, tells an error in words, and shows all sides, whether it worked or not."""

        def act(*_: object) -> None:
            try:
                action()
            except KeyboardInterrupt:
                raise LabError("interrupted") from None
            finally:
                self._playground.look()

        return in_words(self.said, act)

    def _tell(self, html: str) -> None:
        self.said.value = f'<div role="status" style="{TIGHT}">{html}</div>'

    # What is done ------------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        command = self.line.value.strip()
        if command:
            self.line.value = ""  # before it runs: the same one may be typed again
            self._run(command)

    def _run(self, command: str) -> None:
        printed: list[str] = []
        asked = f"docker exec {self.name} sh -c {shlex.quote(command)}"
        self._tell(_screen(asked, ["…"]))
        code = self.container.exec(
            "sh", "-c", command, output=lambda _, data: printed.append(data.decode("utf-8", "replace")), timeout=SECONDS
        )
        text = "".join(printed)
        if len(text) > MOST:
            text = f"({len(text) - MOST:,} characters left out)\n{text[-MOST:]}"
        lines = ([text.removesuffix("\n")] if text else []) + ([f"(exit code {code})"] if code else [])
        self._tell(_screen(asked, lines or ["(It printed nothing.)"]))

    def _start(self) -> str:
        spec, lab = self._spec, self._playground.lab
        try:
            one = self.container
        except NotFound:
            self._tell("Starting …")  # a process takes its time
            told = lab.image(spec.image_name).config.get("config") or {}
            usual = (list(spec.entrypoint), list(spec.command)) == (told.get("Entrypoint") or [], told.get("Cmd") or [])
            given = () if usual else spec.command
            one = lab.run(spec.image_name, *given, name=self.name, entrypoint=spec.entrypoint or None, detach=True)
            asked = f"docker run -d --name {self.name} {shlex.join([spec.image_name, *given])}"
            return _screen(asked, [one.id]) + "A new container: another ID, and an empty writable layer."
        if one.running:
            return _screen(f"docker start {self.name}", [self.name, "(It was running already.)"])
        self._tell("Starting …")
        one.start()
        return _screen(f"docker start {self.name}", [self.name])

    def _stop(self) -> str:
        one = self.container
        ran = one.running
        one.stop(0)
        note = NO_GRACE if ran and one.exit_code == KILLED else ""
        return _screen(f"docker stop -t 0 {self.name}", [self.name] + ["(It did not run.)"] * (not ran)) + note

    def _remove(self) -> str:
        self.container.remove()
        return _screen(f"docker rm {self.name}", [self.name])

    def _commit(self) -> str:
        image = self.container.commit(self.tag.value.strip() or None)
        own = image.layers[-1].files_size
        what = f"Image {image.id.short}: one layer more than its image, with {count(own, 'byte')} in files."
        return _screen(f"docker commit {self.name} {self.tag.value.strip()}".strip(), [image.id]) + what

    # What is shown -----------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Its state and its writable layer, as they are now."""
        try:
            one = self.container
        except NotFound:
            self.head.value = _block(f"<b>{escape(self.name)}: removed</b><br>Its writable layer is gone.")
            self.layer.value = ""
            self.start.description = "Run a new one"
            return
        self.start.description = "Start"
        now = Instance.of(one)
        self.head.value = _block(
            f"<b>{escape(self.name)}: {escape(now.state)}</b><br>container <code>{one.short}</code> of "
            f"{escape(harmless(one.image_called()))}, image <code>{one.image_id.short}</code>"
        )
        title = f"Its writable layer: {count(now.own, 'byte')} in files, {count(len(now.diff), 'path')}"
        table = one.diff().table().head(ROWS)._repr_html_() if now.diff else ""
        more = f"and {count(len(now.diff) - ROWS, 'more path')}" if len(now.diff) > ROWS else ""
        self.layer.value = _block(title + table + more)


def _block(html: str) -> str:
    return f'<div style="{TIGHT}">{html}</div>'


def _screen(command: str, lines: list[str]) -> str:
    said = escape("\n".join(harmless(line) for text in [f"$ {command}", *lines] for line in text.split("\n")))
    style = "white-space:pre-wrap;overflow-wrap:anywhere;max-height:16em;overflow-y:auto;margin:4px 0"
    return f'<pre tabindex="0" style="{style}">{said}</pre>'
