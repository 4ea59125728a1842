"""TagBoard: move tags and see where each points and has pointed.

The drawing is the control: drag a tag onto an image, or off the drawing; click a tag or an image to choose it. The
buttons do the same, and more. The board moves the tag in the lab, draws the lab again, and shows the docker command
that does the same with its output, and the history of the chosen tag. It replays the log of all moves, step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import ipywidgets

from ..analysis import docker_stores
from ..drawings.drawing import Drawing, count
from ..drawings.tags import (
    Holder,
    TagHistory,
    Target,
    draw_history,
    drawn,
    holders_of,
    image_id,
    read_history,
    tag_id,
    tags,
)
from ..errors import LabError
from ..lab import Lab
from ..oci.image import Image
from ..oci.reference import Reference
from ..units import harmless
from .base import html_area, seen_with, show_errors, side_by_side, status, toggles
from .board import Board, offer, screen
from .replay import Replay
from .tag_history import history_table, short_id
from .touch import Node, TouchDrawing

NEW = ""  # the value of the choice "another" in the row of tags
MOST = 24  # tags, and images, to choose from; any other tag can be typed
TITLE = "<b>Tag board</b>"
HINT = (
    "Drag a tag onto an image (docker tag), or out of the drawing (docker rmi). Click a tag or an image to choose it. "
    "By keyboard: arrows move, Enter chooses, Space picks up and Enter drops, Delete removes, Escape puts back."
)
PAST = "These are the tags as they were. Step goes on, Redraw comes back to the lab as it is now."
LATEST = (
    "You have named a repository <code>latest</code>: without a colon, the name is a repository, and its tag is "
    "<code>latest</code> too. To move the tag <code>latest</code> of <code>shop</code>, write <code>shop:latest</code>."
)


class TagBoard(Board):
    """A widget that moves, removes and restores the tags of a lab.

    `drawing` is the drawing to take hold of. `tag.value` is the chosen tag, or "" for the one typed into `name`;
    `image.value` the digest of the chosen image's manifest. The buttons are `point`, `undo`, `untag`, `remove`, `prune`
    and `redraw`, `replay` plays the log of moves; `output` shows what the last one did. `store.value` is the Docker
    whose IDs and words are shown, "20-28" or "29". `held` is as in `draw.tags`.
    """

    def __init__(self, lab: Lab, held: Mapping[str, Image] | None = None) -> None:
        self.lab, self._held = lab, dict(held or {})
        self.drawing = TouchDrawing(self._touched, HINT)
        self.picture = self.drawing.still
        self.chosen, self.output, self.past = (html_area() for _ in range(3))
        self.tag, self.image = toggles("Tag"), toggles("Image")
        self.store = seen_with()
        self.name = ipywidgets.Text(description="Its name", placeholder="shop:3.0")
        self.point = self._button("Point tag at image", "docker tag IMAGE TAG", self._point)
        self.undo = self._button("Undo last move", "imagelab tag-undo TAG: undoes the last move of the tag", self._undo)
        self.untag = self._button("Remove tag", "docker rmi TAG", self._untag)
        self.remove = self._button("Remove image", "docker rmi IMAGE-ID", self._remove)
        self.prune = self._button("Prune", "docker image prune -f: removes dangling images", self._prune)
        self.redraw = self._button("Redraw", "Draw the lab again", lambda: "This is the lab as it is now.")
        self.replay = Replay("Replay the moves:", "move", self._steps, self._show_moment, self.output)
        self._history, self._holders = TagHistory([], {}, {}), list[Holder]()
        self._drawn: Drawing | None = None
        self._past_of: object = None  # the tag and the history that `past` shows
        choose = show_errors(self.output, lambda *_: self._choose())
        for choice in (self.tag, self.name, self.image):
            choice.observe(choose, "value")
        show = show_errors(self.output, lambda *_: self._show())
        self.store.observe(show, "value")
        show()
        buttons = [self.point, self.undo, self.untag, self.remove, self.prune, self.redraw]
        drawing = tags(lab, self._held)
        super().__init__(
            [html_area(TITLE), self.replay.row, *self.drawing.parts, self.tag, self.name, self.image, self.chosen,
             side_by_side(*buttons), self.store, self.output, self.past],
            html=f"<p>{TITLE}</p>{drawing._repr_html_()}{lab.tag_log()._repr_html_()}",
            plain=f"Tag board\n{drawing!r}\n{lab.tag_log()!r}",
        )

    # The drawing --------------------------------------------------------------------------------------------------

    def _touched(self, event: str, node: str, target: str | None) -> str:
        """A tag or an image was clicked, a tag dropped on an image, or a tag dragged off."""
        images = {image_id(one): digest for digest, one in self._history.targets.items()}
        kind, _, name = node.partition(":")
        if kind == "container":
            return f"{name} keeps its image by the image ID: no move of a tag changes that."
        if kind == "image":
            if self._history.targets[images[node]].image is None:
                return f"{_of_image(self._history, self._history.targets[images[node]])}. It cannot be chosen."
            self.image.value = images[node]
            return f"Chosen: {_of_image(self._history, self._history.targets[images[node]])}."
        if event == "off" or (event == "drop" and target in images):
            self._drawn = None  # what is chosen is drawn together with what is done
        self.tag.value = name
        if event == "drop" and target in images:
            self.image.value = images[target]
            moved = self._act(self._point)
            return f"{name} points to {target.replace(':', ' ')} now." if moved else ""
        if event == "off":
            at = self._history.now.get(Reference.parse(name), "")
            removed = self._act(self._untag)
            gone = " It was the last name of its image, which is removed too." if not self.lab.id_of(at) else ""
            return f"The tag {name} is removed.{gone}" if removed else ""
        return f"Chosen: {_of_tag(self._history, Reference.parse(name))}. Its history is below."

    def _nodes(self, history: TagHistory) -> dict[str, Node]:
        """What can be reached in the drawing. While moves are replayed, nothing can be moved."""
        live = self.replay.moment is None
        names, digests = drawn(history, self._holders)
        nodes = {}
        for name in names:
            there = name in history.now
            label, chosen = _of_tag(history, name), self.tag.value == name.familiar
            nodes[tag_id(name)] = Node(label, drag=live, off=live and there, pressed=chosen)
        for digest in digests:
            target = history.targets[digest]
            drop = live and target.image is not None
            nodes[image_id(target)] = Node(_of_image(history, target), drop=drop, pressed=self.image.value == digest)
        for holder in self._holders if live else []:
            nodes[f"container:{holder.name}"] = Node(f"{holder.name}, {holder.what}")
        return nodes

    # Replay -------------------------------------------------------------------------------------------------------

    def _steps(self) -> int:
        return len(self._history.moves)

    def _show_moment(self, moment: int | None) -> None:
        """Show the tags as they were after so many moves, and say which the last one of them was."""
        self._show()
        self.drawing.announce(self._words(moment))

    def _words(self, moment: int | None) -> str:
        moves = self._history.moves
        number = len(moves) if moment is None else moment
        if number == 0:
            return f"Before the first of {count(len(moves), 'move')}." if moves else "No tag has moved yet."
        move = moves[number - 1]
        where = f"points to image {self._history.targets[move.new].label}" if move.new else "is removed"
        end = "" if moment is not None else " This is the lab as it is now."
        return f"Move {number:,} of {len(moves):,}, by {move.verb}: {move.name.familiar} {where}.{end}"

    # The buttons --------------------------------------------------------------------------------------------------

    def _point(self) -> str:
        image, name = self._image(), self._tag()
        move = self.lab.tag(image, name)
        if move and self.tag.value == NEW:  # the row of tags offers it now
            self._show()
            self.tag.value = Reference.parse(name).with_default_tag().familiar
            self.name.value = ""
        note = [] if move else ["(It points there already.)"]
        return screen([f"$ docker tag {self._short_id(image)} {name}", *note]) + f"<p>{LATEST}</p>" * (name == "latest")

    def _undo(self) -> str:
        move = self.lab.tag_undo(name := self._tag())
        before, after = (short_id(self.lab, end, self.store.value) for end in (move.old, move.new))
        return screen([f"$ imagelab tag-undo {name}", f"{name}: {before} -> {after}"])

    def _untag(self) -> str:
        return self._rmi(name := self._tag(), self.lab.image(name))

    def _remove(self) -> str:
        image = self._image()
        return self._rmi(self._short_id(image), image)

    def _rmi(self, ref: str, image: Image) -> str:
        """Remove a name, or an image by its ID, as the chosen Docker does and says."""
        if self.store.value != "29":
            return screen([f"$ docker rmi {ref}", *self.lab.rmi(ref)])
        try:
            lines = self.lab.rmi(ref)
        except LabError as error:
            raise LabError(docker_stores.refused(str(error), image)) from None
        return screen([f"$ docker rmi {ref}", *docker_stores.removed(lines, image)])

    def _prune(self) -> str:
        if self.store.value == "29":
            lines, _ = docker_stores.pruned(self.lab.images, self.lab.prune)
        else:
            lines = self.lab.prune()[0]
        return screen(["$ docker image prune -f", *(lines or ["(No image is dangling.)"])])

    def _short_id(self, image: Image) -> str:
        return str(docker_stores.shown_id(image, self.store.value).short)

    def _tag(self) -> str:
        if not (name := self.tag.value or self.name.value.strip()):
            raise LabError("no tag is chosen: type a name, such as shop:3.0")
        return str(name)

    def _image(self) -> Image:
        if not self.image.value:
            raise LabError("this lab has no images: make one, and press Redraw")
        return self.lab.image(self.image.value)

    # Showing ------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Read the lab, draw it or an earlier moment of it, and offer its tags and images."""
        self._holders = holders_of(self.lab, self._held)
        self._history = history = read_history(self.lab, [holder.digest for holder in self._holders], self.store.value)
        self._drawn = None  # while the choices change, nothing is drawn
        names, digests = drawn(history, self._holders, MOST)
        familiar = [(name.familiar, name in history.now) for name in names]
        offer(self.tag, [*((tag if there else f"{tag} (removed)", tag) for tag, there in familiar), ("another", NEW)])
        images = [(target.label, digest) for digest in digests if (target := history.targets[digest]).image]
        offer(self.image, images)
        self._drawn = self._draw()
        self._choose()

    def _draw(self) -> Drawing:
        if self.replay.moment is None:
            return draw_history(self._history, self._holders)
        title = f"Tags after move {self.replay.moment:,} of {len(self._history.moves):,}"
        return draw_history(self._history.after(self.replay.moment), [], title)

    def _choose(self) -> None:
        """Show what is chosen, and below it the history of the tag, or the box to type a name in."""
        if self._drawn is None:
            return
        history = self._history if self.replay.moment is None else self._history.after(self.replay.moment)
        self.drawing.hint = HINT if self.replay.moment is None else PAST
        self.drawing.show(self._drawn, self._nodes(history))
        typing = self.tag.value == NEW
        self.name.layout.display = "flex" if typing else "none"
        name, image = self.tag.value or self.name.value.strip() or "…", self.image.value
        image_id = self._short_id(self.lab.image(image)) if image else "…"
        self.chosen.value = status(f"Chosen: the tag <b>{escape(harmless(name))}</b> and the image <b>{image_id}</b>.")
        if (self.tag.value, self._history) != self._past_of:
            self._past_of = self.tag.value, self._history
            self.past.value = "" if typing else history_table(self.lab, self._history, self.tag.value, self.store.value)


def _of_tag(history: TagHistory, name: Reference) -> str:
    at = history.now.get(name)
    return f"tag {name.familiar}, " + (f"points to image {history.targets[at].label}" if at else "removed")


def _of_image(history: TagHistory, target: Target) -> str:
    state = target.note or ", ".join(n.familiar for n, at in history.now.items() if at == target.digest)
    return f"image {target.label}, {state}"
