"""TagBoard: move tags and see where each points and has pointed.

Choose a tag and an image, and press. The picture is drawn again from the lab, whose tags these are; what docker would
have been told and what it would have answered stands below, and then the past of the chosen tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import ipywidgets

from ..drawings.tags import drawn, holders_of, past, recent, tags
from ..errors import LabError
from ..lab import Lab
from ..oci.digest import Digest
from ..oci.image import Image
from ..oci.reference import Reference
from ..units import harmless
from .base import Readable, fluid, in_words

NEW = ""  # what the row of tags gives for "another"
MOST = 24  # tags, and images, in a row to choose from; any other tag can be typed
TITLE = "<b>Tag board</b>"


class TagBoard(Readable):
    """A widget that moves, removes and brings back the tags of a lab.

    `tag` holds the tag that is chosen, or "" for the one typed into `name`; `image` the image, by its manifest digest.
    The buttons are `point`, `undo`, `untag`, `remove`, `prune` and `redraw`. `held` is as in `draw.tags`.
    """

    def __init__(self, lab: Lab, held: Mapping[str, Image] | None = None) -> None:
        self.lab, self._held = lab, dict(held or {})
        self.picture, self.chosen, self.said, self.past = fluid(), fluid(), fluid(), fluid()
        self.tag, self.image = _row("Tag"), _row("Image")
        self.name = ipywidgets.Text(description="Its name", placeholder="shop:3.0")
        self.point = self._button("Point tag at image", "docker tag IMAGE TAG", self._point)
        self.undo = self._button("Undo last move", "imagelab tag-undo TAG: takes back the tag's last move", self._undo)
        self.untag = self._button("Remove tag", "docker rmi TAG", self._untag)
        self.remove = self._button("Remove image", "docker rmi IMAGE-ID", self._remove)
        self.prune = self._button("Prune", "docker image prune -f: removes dangling images", self._prune)
        self.redraw = self._button("Redraw", "Look at the lab again", lambda: "This is the lab as it is now.")
        choose = in_words(self.said, lambda *_: self._choose())
        for choice in (self.tag, self.name, self.image):
            choice.observe(choose, "value")
        show = in_words(self.said, self._show)
        show()
        buttons = [self.point, self.undo, self.untag, self.remove, self.prune, self.redraw]
        presses = ipywidgets.HBox(buttons, layout=ipywidgets.Layout(flex_flow="row wrap"))
        drawing = tags(lab, self._held)
        super().__init__(
            [fluid(TITLE), self.picture, self.tag, self.name, self.image, self.chosen, presses, self.said, self.past],
            html=f"<p>{TITLE}</p>{drawing._repr_html_()}{lab.tag_log()._repr_html_()}",
            plain=f"Tag board\n{drawing!r}\n{lab.tag_log()!r}",
        )

    def _button(self, label: str, tooltip: str, action: Callable[[], str]) -> ipywidgets.Button:
        """A button that does `action`, says the HTML that gives, and draws the lab again whether it worked or not."""
        button = ipywidgets.Button(description=label, tooltip=tooltip, layout=ipywidgets.Layout(width="auto"))

        def press(*_: object) -> None:
            try:
                self.said.value = f'<div role="status">{action()}</div>'
            finally:
                self._show()

        button.on_click(in_words(self.said, press))
        return button

    # What the buttons do -----------------------------------------------------------------------------------------

    def _point(self) -> str:
        image, name = self._image(), self._tag()
        move = self.lab.tag(image, name)
        if move and self.tag.value == NEW:  # it is in the row now, as the tag that moved last
            self._show()
            self.tag.value = Reference.parse(name).with_default_tag().familiar
            self.name.value = ""
        return _ran(f"docker tag {image.id.short} {name}", [] if move else ["(It pointed there already.)"])

    def _undo(self) -> str:
        move = self.lab.tag_undo(name := self._tag())
        ends = [self.lab.store.id_of(end) if end else None for end in (move.old, move.new)]
        before, after = (end.short if end else "<none>" for end in ends)
        return _ran(f"imagelab tag-undo {name}", [f"{name}: {before} -> {after}"])

    def _untag(self) -> str:
        return _ran(f"docker rmi {(name := self._tag())}", self.lab.rmi(name))

    def _remove(self) -> str:
        image = self._image()
        return _ran(f"docker rmi {image.id.short}", self.lab.rmi(image.id))

    def _prune(self) -> str:
        return _ran("docker image prune -f", self.lab.prune()[0] or ["(No image is dangling.)"])

    def _tag(self) -> str:
        if not (name := self.tag.value or self.name.value.strip()):
            raise LabError("the other tag has no name yet: type one, such as shop:3.0")
        return str(name)

    def _image(self) -> Image:
        if not self.image.value:
            raise LabError("there is no image in this lab: make one, and press Redraw")
        return self.lab.store.image(Digest(self.image.value))

    # What is shown -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        holders = holders_of(self.lab, self._held)
        found = past(self.lab, [holder.digest for holder in holders])
        self.picture.value = drawn(found, holders)._repr_html_()
        names = recent(found.names, [move.name for move in found.moves], most=MOST)
        called = [(name.familiar, name in found.now) for name in names]
        _offer(self.tag, [*((name if now else f"{name} (removed)", name) for name, now in called), ("another", NEW)])
        here = {digest: target.image.id.short for digest, target in found.targets.items() if target.image}
        digests = recent(here, [move.new for move in found.moves], most=MOST)
        _offer(self.image, [(here[digest], digest) for digest in digests])
        self._choose()

    def _choose(self) -> None:
        """Say what is chosen, and show what belongs to it: a tag's past, or a place to type one in."""
        typing = self.tag.value == NEW
        self.name.layout.display = "flex" if typing else "none"
        name, image = self.tag.value or self.name.value.strip() or "…", self.image.value
        called = self.lab.store.image(Digest(image)).id.short if image else "…"
        chosen = f"Chosen: the tag <b>{escape(harmless(name))}</b> and the image <b>{called}</b>."
        self.chosen.value = f'<div role="status">{chosen}</div>'
        self.past.value = "" if typing else _history(self.lab, self.tag.value)


def _history(lab: Lab, name: str) -> str:
    table = lab.tag_log(name).table(times=True).drop(columns="TAG")
    return f"<p>Where <b>{escape(harmless(name))}</b> has pointed, oldest first (UTC):</p>{table._repr_html_()}"


def _ran(command: str, lines: list[str]) -> str:
    said = escape(harmless("\n".join([f"$ {command}", *lines])))
    return f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0">{said}</pre>'


def _offer(choice: ipywidgets.ToggleButtons, options: list[tuple[str, str]]) -> None:
    """Put these options into a row, and keep what was chosen if it is still there; else the first is chosen."""
    if list(choice.options) != options:
        chosen, values = choice.value, [value for _, value in options]
        choice.options = options
        choice.value = chosen if chosen in values else next(iter(values), None)


def _row(label: str) -> ipywidgets.ToggleButtons:
    """Buttons of which one is chosen. A list to open would take the arrow keys, and JupyterLab takes those first."""
    style = ipywidgets.ToggleButtonsStyle(button_width="auto")
    return ipywidgets.ToggleButtons(options=[], description=label, style=style, layout=ipywidgets.Layout(width="auto"))
