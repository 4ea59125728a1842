"""TagBoard: move tags and see where each points and has pointed.

Choose a tag and an image, and press a button. The board moves the tag in the lab, draws the lab again, and shows the
docker command that does the same with its output, and the history of the chosen tag.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import ipywidgets

from ..drawings.tags import draw_history, holders_of, read_history, recent, tags
from ..errors import LabError
from ..lab import Lab
from ..oci.image import Image
from ..oci.reference import Reference
from ..units import harmless
from .base import Readable, button, html_area, show_errors, side_by_side, status, toggles
from .toggles import Toggles

NEW = ""  # the value of the choice "another" in the row of tags
MOST = 24  # tags, and images, to choose from; any other tag can be typed
TITLE = "<b>Tag board</b>"


class TagBoard(Readable):
    """A widget that moves, removes and restores the tags of a lab.

    `tag.value` is the chosen tag, or "" for the one typed into `name`; `image.value` the digest of the chosen image's
    manifest. The buttons are `point`, `undo`, `untag`, `remove`, `prune` and `redraw`; `output` shows what the last one
    did. `held` is as in `draw.tags`.
    """

    def __init__(self, lab: Lab, held: Mapping[str, Image] | None = None) -> None:
        self.lab, self._held = lab, dict(held or {})
        self.picture, self.chosen, self.output, self.past = (html_area() for _ in range(4))
        self.tag, self.image = toggles("Tag"), toggles("Image")
        self.name = ipywidgets.Text(description="Its name", placeholder="shop:3.0")
        self.point = self._button("Point tag at image", "docker tag IMAGE TAG", self._point)
        self.undo = self._button("Undo last move", "imagelab tag-undo TAG: undoes the last move of the tag", self._undo)
        self.untag = self._button("Remove tag", "docker rmi TAG", self._untag)
        self.remove = self._button("Remove image", "docker rmi IMAGE-ID", self._remove)
        self.prune = self._button("Prune", "docker image prune -f: removes dangling images", self._prune)
        self.redraw = self._button("Redraw", "Draw the lab again", lambda: "This is the lab as it is now.")
        choose = show_errors(self.output, lambda *_: self._choose())
        for choice in (self.tag, self.name, self.image):
            choice.observe(choose, "value")
        show = show_errors(self.output, self._show)
        show()
        buttons = [self.point, self.undo, self.untag, self.remove, self.prune, self.redraw]
        drawing = tags(lab, self._held)
        super().__init__(
            [html_area(TITLE), self.picture, self.tag, self.name, self.image, self.chosen, side_by_side(*buttons),
             self.output, self.past],
            html=f"<p>{TITLE}</p>{drawing._repr_html_()}{lab.tag_log()._repr_html_()}",
            plain=f"Tag board\n{drawing!r}\n{lab.tag_log()!r}",
        )

    def _button(self, label: str, tooltip: str, action: Callable[[], str]) -> ipywidgets.Button:
        """A button that runs `action`, shows the HTML it returns, and draws the lab again, also after an error."""
        control = button(label, tooltip)

        def press(*_: object) -> None:
            try:
                self.output.value = status(action())
            finally:
                self._show()

        control.on_click(show_errors(self.output, press))
        return control

    # The buttons --------------------------------------------------------------------------------------------------

    def _point(self) -> str:
        image, name = self._image(), self._tag()
        move = self.lab.tag(image, name)
        if move and self.tag.value == NEW:  # the row of tags offers it now
            self._show()
            self.tag.value = Reference.parse(name).with_default_tag().familiar
            self.name.value = ""
        return _screen(f"docker tag {image.id.short} {name}", [] if move else ["(It points there already.)"])

    def _undo(self) -> str:
        move = self.lab.tag_undo(name := self._tag())
        ends = [self.lab.id_of(end) if end else None for end in (move.old, move.new)]
        before, after = (end.short if end else "<none>" for end in ends)
        return _screen(f"imagelab tag-undo {name}", [f"{name}: {before} -> {after}"])

    def _untag(self) -> str:
        return _screen(f"docker rmi {(name := self._tag())}", self.lab.rmi(name))

    def _remove(self) -> str:
        image = self._image()
        return _screen(f"docker rmi {image.id.short}", self.lab.rmi(image.id))

    def _prune(self) -> str:
        return _screen("docker image prune -f", self.lab.prune()[0] or ["(No image is dangling.)"])

    def _tag(self) -> str:
        if not (name := self.tag.value or self.name.value.strip()):
            raise LabError("no tag is chosen: type a name, such as shop:3.0")
        return str(name)

    def _image(self) -> Image:
        if not self.image.value:
            raise LabError("this lab has no images: make one, and press Redraw")
        return self.lab.image(self.image.value)

    # Drawing ------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        holders = holders_of(self.lab, self._held)
        history = read_history(self.lab, [holder.digest for holder in holders])
        self.picture.value = draw_history(history, holders)._repr_html_()
        names = recent(history.names, [move.name for move in history.moves], most=MOST)
        tags = [(name.familiar, name in history.now) for name in names]
        _offer(self.tag, [*((tag if exists else f"{tag} (removed)", tag) for tag, exists in tags), ("another", NEW)])
        images = {digest: target.image.id.short for digest, target in history.targets.items() if target.image}
        digests = recent(images, [move.new for move in history.moves], most=MOST)
        _offer(self.image, [(images[digest], digest) for digest in digests])
        self._choose()

    def _choose(self) -> None:
        """Show what is chosen, and below it the history of the tag, or the box to type a name in."""
        typing = self.tag.value == NEW
        self.name.layout.display = "flex" if typing else "none"
        name, image = self.tag.value or self.name.value.strip() or "…", self.image.value
        image_id = self.lab.image(image).id.short if image else "…"
        self.chosen.value = status(f"Chosen: the tag <b>{escape(harmless(name))}</b> and the image <b>{image_id}</b>.")
        self.past.value = "" if typing else _history(self.lab, self.tag.value)


def _history(lab: Lab, name: str) -> str:
    table = lab.tag_log(name).table(times=True).drop(columns="TAG")
    return f"<p>What <b>{escape(harmless(name))}</b> has pointed to, oldest first (UTC):</p>{table._repr_html_()}"


def _screen(command: str, lines: list[str]) -> str:
    text = escape(harmless("\n".join([f"$ {command}", *lines])))
    return f'<pre style="white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0">{text}</pre>'


def _offer(choice: Toggles, options: list[tuple[str, str]]) -> None:
    """Replace the options of a row. What was chosen stays chosen; if it is gone, the first option is chosen."""
    if list(choice.options) != options:
        chosen, values = choice.value, [value for _, value in options]
        choice.options = options
        choice.value = chosen if chosen in values else next(iter(values), None)
