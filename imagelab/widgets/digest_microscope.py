"""DigestMicroscope: change one thing of an image and see which identifiers change.

It changes a byte of a file, a file's mode, a text in the config, the compression of the layers, or the tag. `mutate`
makes the changed image, in memory. The picture is the chain of names from the file to the tag, before and after, with
the file's bytes as buttons; `digest_changes.page` shows the identifiers of both images side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from html import escape

import ipywidgets

from .. import units
from ..drawings.drawing import Drawing, names
from ..drawings.merkle import GOES_INTO, MOST_BYTES, arrow_id, byte_words, chain, link_id, shown_bytes
from ..errors import LabError
from ..oci import mutate
from ..oci.image import Image
from ..oci.mutate import Place
from .base import SEEN_WITH, Readable, html_area, seen_with, show_errors, toggles
from .digest_changes import KINDS, Edit, byte_text, context_of, page, parse_byte
from .touch import Node, TouchDrawing

HINT = "Click a byte to change it. By keyboard: arrows go from byte to byte, Enter changes the one you are on."
LINKS = {  # what each name of the chain is, for the notes
    "tar": "the diffID, the digest of the layer's tar", "chain": "the chainID", "config": "the image ID",
    "blob": "the layer digest", "manifest": "the digest of the manifest",
}  # fmt: skip
MOST_PLACES = 500  # in the list to choose from


class DigestMicroscope(Readable):
    """A widget that changes one thing in an image and shows every identifier before and after.

    Holds only the image. The controls `kind`, `what`, `at` and `becomes` choose the change, as a click on a byte of the
    `picture` does; `store` is the Docker whose listing is shown, "20-28" or "29". `path` and `at` choose the first
    change: that byte of that file. Raises NotFound for a path that is not in the image's file system, and LabError for
    a byte beyond the file's end.
    """

    def __init__(self, image: Image, path: str = "", at: int | None = None) -> None:
        self.image = image
        self.kind = toggles("Change", [(kind.label, key) for key, kind in KINDS.items()])
        self.what = ipywidgets.Dropdown(description="Which", layout=_wide())
        self.at = ipywidgets.BoundedIntText(description="Byte no.", min=0, max=0, layout=_wide())
        self.becomes = ipywidgets.Text(description="Becomes", layout=_wide())
        self.store = seen_with()
        self.page = html_area()
        self.picture = TouchDrawing(self._act, HINT)
        self._filling = False  # while one control sets another, which must not draw as well
        self._damage = ""
        self._places: list[Place] = []
        self._fields: dict[str, str] = {}
        try:
            self._places, self._fields = mutate.files(image), mutate.fields(image)
        except LabError as error:
            self._damage = str(error)
        self._start = mutate.find(image, path) if path else next(iter(self._places), None)
        if at is not None and self._start:
            mutate.byte(image, self._start, at, 0)  # raises LabError if the file is shorter
        for control, fill in ((self.kind, self._fill_what), (self.what, self._fill_at), (self.at, self._fill_becomes)):
            control.observe(self._fill_then_draw(fill), "value")
        self.becomes.observe(show_errors(self.page, self._draw), "value")
        self.store.observe(show_errors(self.page, self._draw), "value")
        self._fill_then_draw(lambda: self._fill_all(at))()
        called = names(image)
        title = f"<b>Digest microscope</b>: {escape(units.harmless(called))}"
        drawing = [*self.picture.parts] if self._start else []
        super().__init__(
            [html_area(title), self.kind, self.what, self.at, self.becomes, *drawing, self.store, self.page],
            html=f"<p>{title}</p>{self._all_pages()}",
            plain=f"Digest microscope: {called}\n{self._text()}",
        )

    # The controls: each decides what the next one offers -----------------------------------------------------------

    def _fill_then_draw(self, fill: Callable[[], None]) -> Callable[..., None]:
        def changed(*_: object) -> None:
            if not self._filling:
                self._filling = True
                try:
                    fill()
                finally:
                    self._filling = False
                self._draw()

        return show_errors(self.page, changed)

    def _fill_all(self, at: int | None) -> None:
        self._fill_what()
        self.at.value = at or 0
        self._fill_becomes()

    def _fill_what(self) -> None:
        kind = self.kind.value
        options: dict[str, Place | str] = {}
        choice: Place | str | None = self._start
        if kind == "field":
            options, choice = {field: field for field in self._fields}, self._first_field()
        elif kind in ("byte", "mode") and self._start:
            shown = sorted({self._start, *self._places[:MOST_PLACES]}, key=lambda place: (place.layer, place.offset))
            options = {f"{units.harmless(place.path)} (layer {place.layer})": place for place in shown}
        if self.what.value in options.values():
            choice = self.what.value  # from byte to mode, the file stays chosen
        self.what.options = list(options.items())
        self.what.index = next((at for at, option in enumerate(options.values()) if option == choice), None)
        self.what.disabled = not options
        self.becomes.disabled = not options
        self.at.disabled = not options or kind != "byte"
        for control in (self.what, self.becomes):
            control.layout.display = "none" if kind in ("gzip", "tag") else ""
        self.at.layout.display = "" if kind == "byte" else "none"
        self._fill_at()

    def _fill_at(self) -> None:
        if self.kind.value == "byte" and self.what.value:
            self.at.max = self.what.value.size - 1
            self.at.description = "Byte no."
            self.at.tooltip = f"Which byte, from 0 to {self.at.max:,}"
            self.at.value = min(self.at.value, self.at.max)
        self._fill_becomes()

    def _fill_becomes(self) -> None:
        """Suggest a change: the byte with its lowest bit flipped, the mode with its x bits, another last character."""
        chosen = self.what.value
        if chosen is None:
            self.becomes.value = ""
        elif self.kind.value == "byte":
            self.becomes.value = byte_text(self._content(chosen)[self.at.value] ^ 1)
        elif self.kind.value == "mode":
            self.becomes.value = f"{chosen.mode ^ 0o111:04o}"
        else:
            self.becomes.value = _similar(self._fields[chosen])

    def _content(self, place: Place) -> bytes:
        return self.image.layers[place.layer - 1].read(place.path)

    def _first_field(self) -> str:
        """The field to offer first: the last environment variable, if there is one."""
        return max(self._fields, key=lambda field: (field.startswith("config.Env"), field), default="")

    # The change ---------------------------------------------------------------------------------------------------

    def _draw(self, *_: object) -> None:
        if self._filling:
            return
        if self._damage:
            raise LabError(f"this image cannot be read: {self._damage}")
        kind = self.kind.value
        if kind in ("byte", "mode", "field") and self.what.value is None:
            self.page.value = "<p>No layer of this image has a file that is not empty. Choose another change.</p>"
            return
        edit = self._change(kind, self.what.value, self.at.value, self.becomes.value)
        hidden = len(self._places) - MOST_PLACES
        more = f"<p>The list leaves out {hidden:,} more files.</p>" if hidden > 0 and kind in ("byte", "mode") else ""
        if drawing := self._chain(edit):
            self.picture.show(drawing, self._nodes(edit))
        self.page.value = more + page(self.image, edit, [self.store.value])

    def _act(self, event: str, node: str, target: str | None) -> str:
        """Choose the byte that was clicked; the page says what became of the names."""
        kind, _, which = node.partition(":")
        if kind == "byte":
            self.at.value = int(which)
        elif kind == "bytes":
            first = shown_bytes(self.at.max + 1, self.at.value).start
            self.at.value = first + (MOST_BYTES if which == "after" else -MOST_BYTES)
        return ""

    def _chain(self, edit: Edit) -> Drawing | None:
        """The picture of an edit: the chain from its file, or from the file at the start; None without a file."""
        if not (place := edit.place or self._start):
            return None
        return chain(self.image, place.path, place.layer, edit.result, edit.at)

    def _nodes(self, edit: Edit) -> dict[str, Node]:
        """The bytes, which light up every name that changes, and the names themselves."""
        place = edit.place or self._start
        assert place
        changed = _changed(self.image, edit.result, place)
        lit = tuple(_with_arrows(changed))
        nodes = {}
        if edit.at is not None:
            content = self._content(place)
            for number in shown_bytes(len(content), edit.at):
                words = f"byte {number:,}, {byte_words(content[number])}"
                chosen = number == edit.at
                note = f"B{words[1:]}: what lights up is computed from it."
                nodes[f"byte:{number}"] = Node(words, same=lit if chosen else (), note=note, pressed=chosen)
            nodes["bytes:before"], nodes["bytes:after"] = Node("show the bytes before"), Node("show the bytes after")
        for key, name in LINKS.items():
            words = f"{name}: {'changed' if key in changed else 'the same as before'}"
            nodes[link_id(key)] = Node(words, same=tuple(_with_arrows([key])), note=f"T{words[1:]}.")
        return nodes

    def _change(self, kind: str, chosen: object, at: int, becomes: str) -> Edit:
        """Make the changed image; raises LabError for a value that is not a byte or a mode."""
        if isinstance(chosen, Place) and kind == "byte":
            content, value = self._content(chosen), parse_byte(becomes)
            result = mutate.byte(self.image, chosen, at, value)
            what = f"Byte {at:,} of {units.harmless(chosen.path)}, in layer {chosen.layer}"
            context = context_of(content, at)
            return Edit(kind, what, result, chosen, byte_text(content[at]), byte_text(value), context, at)
        if isinstance(chosen, Place) and kind == "mode":
            if not re.fullmatch(r"[0-7]{3,4}", becomes.strip()):
                raise LabError(f"{becomes!r} is not a mode: write three or four digits from 0 to 7, such as 0755")
            result = mutate.mode(self.image, chosen, int(becomes, 8))
            what = f"The mode of {units.harmless(chosen.path)}, in layer {chosen.layer}"
            return Edit(kind, what, result, chosen, f"{chosen.mode:04o}", f"{int(becomes, 8):04o}")
        if kind == "field":
            field = str(chosen)
            result = mutate.field(self.image, field, becomes)
            return Edit(kind, f"In the config, {units.harmless(field)}", result, None, self._fields[field], becomes)
        if kind == "gzip":
            return Edit(kind, "Every layer is stored compressed, with gzip", mutate.compressed(self.image))
        return Edit(kind, "Another tag points to the image", self.image)

    # Without a kernel ----------------------------------------------------------------------------------------------

    def _examples(self) -> Iterator[Edit]:
        """One edit of each kind, as the widget suggests it."""
        if self._damage:
            return
        now = self.what.value if isinstance(self.what.value, Place) else None
        if now:
            yield self._change("byte", now, self.at.value, self.becomes.value)
            yield self._change("mode", now, 0, f"{now.mode ^ 0o111:04o}")
        if self._fields:
            field = self._first_field()
            yield self._change("field", field, 0, _similar(self._fields[field]))
        yield self._change("gzip", None, 0, "")
        yield self._change("tag", None, 0, "")

    def _all_pages(self) -> str:
        pages: list[str] = []
        for edit in self._examples():
            opened = " open" if not pages else ""
            if not pages and (drawing := self._chain(edit)):
                pages.append(drawing._repr_html_())
            summary = f"<summary>Change {KINDS[edit.kind].label}</summary>"
            pages.append(f"<details{opened}>{summary}{page(self.image, edit, list(SEEN_WITH))}</details>")
        return "".join(pages) or self.page.value

    def _text(self) -> str:
        lines = []
        for edit in self._examples():
            rows = mutate.compare(self.image, edit.result, edit.place)
            changed = ", ".join(units.harmless(row.name) for row in rows if row.changed) or "nothing"
            lines.append(f"Change {KINDS[edit.kind].label}. {edit.sentence} Changed: {changed}.")
        return "\n".join(lines) or self._damage


def _changed(image: Image, other: Image, place: Place) -> list[str]:
    """The links whose names differ between two images, as keys of `LINKS`."""
    number = place.layer - 1
    before, after = (
        {"tar": one.layers[number].diff_id, "blob": one.layers[number].digest, "chain": one.chain_ids[number],
         "config": one.id, "manifest": one.digest}
        for one in (image, other)
    )  # fmt: skip
    return [key for key in LINKS if before[key] != after[key]]


def _with_arrows(keys: Collection[str]) -> Iterator[str]:
    """The ids of links, and of the arrows that go into them."""
    yield from map(link_id, keys)
    yield from (arrow_id(tail, head) for tail, head in GOES_INTO if head in keys)


def _wide() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="min(100% - 4px, 30em)")  # one for each control: some are hidden at times


def _similar(text: str) -> str:
    """The text with the lowest bit of its last character flipped, where that gives a letter or digit again."""
    last = chr(ord(text[-1]) ^ 1) if text else ""
    return text[:-1] + last if last.isascii() and last.isalnum() else text + "x"
