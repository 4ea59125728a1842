"""Anatomy: an image's tags, manifest, config and layers; each digest lights up in every place that holds it.

Hover or focus a row to see where else its digest stands; click it to keep it, with all of its digits below.
"""

from __future__ import annotations

from html import escape

from ..drawings.anatomy import Place, anatomy, places
from ..drawings.drawing import count, short
from ..oci.digest import Digest
from ..oci.image import Image
from .base import Readable, html_area, show_errors
from .touch import Node, TouchDrawing

TITLE = "<b>Anatomy</b>"
HINT = (
    "Hover a row: every place that holds the same digest lights up. Click it to see all digits. By keyboard: arrows "
    "move, Enter shows the digits."
)


class Anatomy(Readable):
    """A widget that shows where each digest of an image stands: the living version of `draw.anatomy`.

    `drawing` is the drawing; `output` shows the digests of the row that was clicked, with all digits and places.
    """

    def __init__(self, image: Image) -> None:
        self.image = image
        self.drawing = TouchDrawing(self._touched, HINT)
        self.output = html_area()
        self._places = places(image)
        self._drawn = anatomy(image)
        self._chosen = ""
        self._show()
        super().__init__(
            [html_area(TITLE), *self.drawing.parts, self.output],
            html=f"<p>{TITLE}</p>{self._drawn._repr_html_()}",
            plain=f"Anatomy\n{self._drawn!r}",
        )

    def _touched(self, event: str, node: str, target: str | None) -> str:
        self._chosen = node
        show_errors(self.output, self._show)()
        return self._note(node)

    def _show(self) -> None:
        nodes = {}
        for place in self._places:
            same = (other.id for digest in self._digests(place.id) for other in self._holding(digest))
            nodes[place.id] = Node(
                self._label(place.id), same=tuple(dict.fromkeys(same)), note=self._note(place.id),
                pressed=place.id == self._chosen,
            )  # fmt: skip
        self.drawing.show(self._drawn, nodes)
        if self._chosen:
            self.output.value = "".join(map(self._in_full, self._digests(self._chosen)))

    def _digests(self, node: str) -> list[Digest]:
        """The digest of a row; of a compressed layer two."""
        return list(dict.fromkeys(place.digest for place in self._places if place.id == node))

    def _holding(self, digest: Digest) -> list[Place]:
        return [place for place in self._places if place.digest == digest]

    def _label(self, node: str) -> str:
        return "; ".join(f"{place.words}: {short(place.digest)}" for place in self._places if place.id == node)

    def _note(self, node: str) -> str:
        sentences = []
        for digest in self._digests(node):
            held = [place.words for place in self._holding(digest)]
            sentences.append(f"{short(digest)} stands in {count(len(held), 'place')}: {'; '.join(held)}.")
        return " ".join(sentences)

    def _in_full(self, digest: Digest) -> str:
        items = "".join(f"<li>{escape(place.words)}</li>" for place in self._holding(digest))
        style = "overflow-wrap:anywhere"
        return f'<p style="margin:4px 0">Digest <code style="{style}">{digest}</code> stands in:</p><ul>{items}</ul>'
