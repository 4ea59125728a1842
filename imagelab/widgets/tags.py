"""One idea: move a tag with your own hands, and see what moves with it, and what does not.

Choose a tag and an image, and press. The picture is drawn again from the lab, whose tags these are; what docker would
have been told and what it would have answered stands below, and then the past of the chosen tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import ipywidgets

from .. import tables
from ..digest import Digest
from ..drawings.tags import tags
from ..errors import LabError
from ..human import harmless
from ..image import Image
from ..lab import Lab
from ..reference import Reference
from .base import Readable, fluid, in_words

NEW = ""  # what the list of tags gives for "a new tag"
TITLE = "<b>Tag board</b>"


class TagBoard(Readable):
    """A widget that moves, removes and brings back the tags of a lab.

    `tag`, `name` and `image` hold what is chosen: a tag, or "" for a new one called `name`; an image by its manifest
    digest. The buttons are `point`, `undo`, `untag`, `remove`, `prune` and `redraw`. `held` is as in `draw.tags`.
    """

    def __init__(self, lab: Lab, held: Mapping[str, Image] | None = None) -> None:
        self.lab, self._held = lab, dict(held or {})
        self.picture, self.said, self.past = fluid(), fluid(), fluid()
        self.tag = ipywidgets.Dropdown(description="Tag", layout=_wide())
        self.name = ipywidgets.Text(description="Its name", placeholder="shop:3.0", layout=_wide())
        self.image = ipywidgets.Dropdown(description="Image", layout=_wide())
        self.point = self._button("Point tag at image", "docker tag IMAGE TAG", self._point)
        self.undo = self._button("Undo last move", "imagelab tag-undo TAG: takes back the tag's last move", self._undo)
        self.untag = self._button("Remove tag", "docker rmi TAG", self._untag)
        self.remove = self._button("Remove image", "docker rmi IMAGE-ID", self._remove)
        self.prune = self._button("Prune", "docker image prune -f: removes dangling images", self._prune)
        self.redraw = self._button("Redraw", "Look at the lab again", lambda: "This is the lab as it is now.")
        self.tag.observe(in_words(self.said, lambda *_: self._chosen()), "value")
        show = in_words(self.said, self._show)
        show()
        choices = ipywidgets.HBox([self.tag, self.name, self.image], layout=_wrapping())
        buttons = [self.point, self.undo, self.untag, self.remove, self.prune, self.redraw]
        row = ipywidgets.HBox(buttons, layout=_wrapping())
        drawing = tags(lab, self._held)
        super().__init__(
            [fluid(TITLE), self.picture, choices, row, self.said, self.past],
            html=f"<p>{TITLE}</p>{drawing._repr_html_()}{tables.tag_log(lab)._repr_html_()}",
            plain=f"Tag board\n{drawing!r}\n{tables.tag_log(lab)!r}",
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
        image, name = self._image(), self.tag.value or self.name.value.strip()
        if not name:
            raise LabError("a new tag needs a name: write one beside it, such as shop:3.0")
        move = self.lab.tag(image, name)
        if self.tag.value == NEW:
            self._select(name)
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
        if not self.tag.value:
            raise LabError("a new tag has nothing to undo or remove: choose one of the tags in the list")
        return str(self.tag.value)

    def _image(self) -> Image:
        if not self.image.value:
            raise LabError("there is no image in this lab: make one, and press Redraw")
        return self.lab.store.image(Digest(self.image.value))

    # What is shown -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        now = {Reference.parse(name).familiar for name in self.lab.store.tags()}
        names = sorted(now | {Reference.parse(move.name).familiar for move in self.lab.tag_log()})
        listed = [(name if name in now else f"{name} (removed)", name) for name in names]
        _offer(self.tag, [*listed, ("a new tag", NEW)])
        _offer(self.image, [(_called(image), image.digest) for image in self.lab.all_images()])
        self.picture.value = tags(self.lab, self._held)._repr_html_()
        self._chosen()

    def _select(self, name: str) -> None:
        """Choose the tag that has just been made, once it is in the list."""
        self._show()
        self.tag.value = Reference.parse(name).with_default_tag().familiar
        self.name.value = ""

    def _chosen(self) -> None:
        """Show what belongs to the chosen tag: its past, or a place for the name it is to have."""
        self.name.disabled = self.tag.value != NEW
        self.past.value = "" if self.tag.value == NEW else _history(self.lab, self.tag.value)


def _history(lab: Lab, name: str) -> str:
    table = tables.tag_log(lab, name)
    when = [move.time[:19].replace("T", " ") or "unknown" for move in lab.tag_log(name)]
    table.insert(0, "WHEN (UTC)", when)
    return f"<p>Where <b>{escape(harmless(name))}</b> has pointed, oldest first:</p>{table._repr_html_()}"


def _ran(command: str, lines: list[str]) -> str:
    said = escape(harmless("\n".join([f"$ {command}", *lines])))
    return f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0">{said}</pre>'


def _called(image: Image) -> str:
    return f"{image.id.short}  {', '.join(name.familiar for name in image.names) or '<none>'}"


def _offer(choice: ipywidgets.Dropdown, options: list[tuple[str, str]]) -> None:
    """Put these options into a list, and keep what was chosen if it is still there; else the first is chosen."""
    if list(choice.options) != options:
        chosen, values = choice.value, [value for _, value in options]
        choice.options = options
        choice.value = chosen if chosen in values else next(iter(values), None)


def _wide() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="min(100% - 4px, 24em)")


def _wrapping() -> ipywidgets.Layout:
    return ipywidgets.Layout(flex_flow="row wrap", width="auto")
