"""DigestMicroscope: change one thing of an image and see which identifiers change.

A byte of a file, a file's mode, a text in the config, the compression of the layers, the tag. `mutate` really makes the
other image, in memory, and its names stand beside the old ones; what is shown of them is a `slide`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import escape

import ipywidgets

from .. import units
from ..errors import LabError
from ..oci import mutate
from ..oci.image import Image
from ..oci.mutate import Place
from .base import Readable, fluid, in_words
from .digest_changes import KINDS, STORES, Slide, around, one_byte, page, said

MOST_PLACES = 500  # in the list to choose from


class DigestMicroscope(Readable):
    """A widget that changes one thing in an image and shows every name before and after.

    Holds nothing but the image: `kind`, `what`, `at` and `becomes` say what to change, `store` through which of
    Docker's stores to look. `path` and `at` are the byte it begins with. Raises NotFound for a path that the image
    does not show, and LabError for a byte that its file has not.
    """

    def __init__(self, image: Image, path: str = "", at: int | None = None) -> None:
        self.image = image
        self.kind = _buttons({kind.label: key for key, kind in KINDS.items()}, "Change")
        self.what = ipywidgets.Dropdown(description="Which", layout=_wide())
        self.at = ipywidgets.BoundedIntText(description="Byte no.", min=0, max=0, layout=_wide())
        self.becomes = ipywidgets.Text(description="Becomes", layout=_wide())
        self.store = _buttons({name: name for name in STORES}, "Seen with")
        self.page = fluid()
        self._filling = False  # while one control sets another, which must not draw as well
        self._trouble = ""
        self._places: list[Place] = []
        self._fields: dict[str, str] = {}
        try:
            self._places, self._fields = mutate.files(image), mutate.fields(image)
        except LabError as error:
            self._trouble = str(error)
        self._start = mutate.find(image, path) if path else next(iter(self._places), None)
        if at is not None and self._start:
            mutate.byte(image, self._start, at, 0)  # raises where there is no such byte
        for control, fill in ((self.kind, self._fill_what), (self.what, self._fill_at), (self.at, self._fill_becomes)):
            control.observe(self._then_draw(fill), "value")
        self.becomes.observe(in_words(self.page, self._draw), "value")
        self.store.observe(in_words(self.page, self._draw), "value")
        self._then_draw(lambda: self._begin(at))()
        called = ", ".join(name.familiar for name in image.names) or image.id.short
        title = f"<b>Digest microscope</b>: {escape(units.harmless(called))}"
        super().__init__(
            [fluid(title), self.kind, self.what, self.at, self.becomes, self.store, self.page],
            html=f"<p>{title}</p>{self._all_pages()}",
            plain=f"Digest microscope: {called}\n{self._in_words()}",
        )

    # The controls, each of which decides what the next one offers ------------------------------------------------

    def _then_draw(self, fill: Callable[[], None]) -> Callable[..., None]:
        def changed(*_: object) -> None:
            if not self._filling:
                self._filling = True
                try:
                    fill()
                finally:
                    self._filling = False
                self._draw()

        return in_words(self.page, changed)

    def _begin(self, at: int | None) -> None:
        self._fill_what()
        self.at.value = at or 0
        self._fill_becomes()

    def _fill_what(self) -> None:
        kind = self.kind.value
        options: dict[str, Place | str] = {}
        wanted: Place | str | None = self._start
        if kind == "field":
            options, wanted = {where: where for where in self._fields}, self._a_field()
        elif kind in ("byte", "mode") and self._start:
            shown = sorted({self._start, *self._places[:MOST_PLACES]}, key=lambda place: (place.layer, place.offset))
            options = {f"{units.harmless(place.path)} (layer {place.layer})": place for place in shown}
        if self.what.value in options.values():
            wanted = self.what.value  # what was chosen for the byte is kept for the mode
        self.what.options = list(options.items())
        self.what.index = next((at for at, option in enumerate(options.values()) if option == wanted), None)
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
            self.becomes.value = said(self._content(chosen)[self.at.value] ^ 1)
        elif self.kind.value == "mode":
            self.becomes.value = f"{chosen.mode ^ 0o111:04o}"
        else:
            self.becomes.value = _nearly(self._fields[chosen])

    def _content(self, place: Place) -> bytes:
        return self.image.layers[place.layer - 1].read(place.path)

    def _a_field(self) -> str:
        """A field to begin with: the last of the environment, if there is one."""
        return max(self._fields, key=lambda where: (where.startswith("config.Env"), where), default="")

    # What they lead to ------------------------------------------------------------------------------------------

    def _draw(self, *_: object) -> None:
        if self._filling:
            return
        if self._trouble:
            raise LabError(f"this image cannot be looked into: {self._trouble}")
        kind = self.kind.value
        if kind in ("byte", "mode", "field") and self.what.value is None:
            self.page.value = "<p>No layer of this image holds a file with something in it. Choose another change.</p>"
            return
        slide = self._change(kind, self.what.value, self.at.value, self.becomes.value)
        hidden = len(self._places) - MOST_PLACES
        more = f"<p>The list leaves out {hidden:,} more files.</p>" if hidden > 0 and kind in ("byte", "mode") else ""
        self.page.value = more + page(self.image, slide, [self.store.value])

    def _change(self, kind: str, chosen: object, at: int, becomes: str) -> Slide:
        """Make the other image, and say what was done."""
        if isinstance(chosen, Place) and kind == "byte":
            content, value = self._content(chosen), one_byte(becomes)
            other = mutate.byte(self.image, chosen, at, value)
            done = f"Byte {at:,} of {units.harmless(chosen.path)}, in layer {chosen.layer}"
            return Slide(kind, done, other, chosen, said(content[at]), said(value), around(content, at))
        if isinstance(chosen, Place) and kind == "mode":
            if not re.fullmatch(r"[0-7]{3,4}", becomes.strip()):
                raise LabError(f"{becomes!r} is no mode: write three or four digits from 0 to 7, such as 0755")
            other = mutate.mode(self.image, chosen, int(becomes, 8))
            done = f"The mode of {units.harmless(chosen.path)}, in layer {chosen.layer}"
            return Slide(kind, done, other, chosen, f"{chosen.mode:04o}", f"{int(becomes, 8):04o}")
        if kind == "field":
            where = str(chosen)
            other = mutate.field(self.image, where, becomes)
            return Slide(kind, f"In the config, {units.harmless(where)}", other, None, self._fields[where], becomes)
        if kind == "gzip":
            return Slide(kind, "Every layer is stored compressed, with gzip", other=mutate.compressed(self.image))
        return Slide(kind, "Another tag points to the image", other=self.image)

    # The same without a kernel ----------------------------------------------------------------------------------

    def _examples(self) -> Iterator[Slide]:
        """One change of each kind, as the widget suggests it."""
        if self._trouble:
            return
        now = self.what.value if isinstance(self.what.value, Place) else None
        if now:
            yield self._change("byte", now, self.at.value, self.becomes.value)
            yield self._change("mode", now, 0, f"{now.mode ^ 0o111:04o}")
        if self._fields:
            where = self._a_field()
            yield self._change("field", where, 0, _nearly(self._fields[where]))
        yield self._change("gzip", None, 0, "")
        yield self._change("tag", None, 0, "")

    def _all_pages(self) -> str:
        shown: list[str] = []
        for slide in self._examples():
            opened = " open" if not shown else ""
            summary = f"<summary>Change {KINDS[slide.kind].label}</summary>"
            shown.append(f"<details{opened}>{summary}{page(self.image, slide, list(STORES))}</details>")
        return "".join(shown) or self.page.value

    def _in_words(self) -> str:
        lines = []
        for slide in self._examples():
            rows = mutate.compare(self.image, slide.other, slide.place)
            moved = ", ".join(units.harmless(row.name) for row in rows if row.changed) or "nothing"
            lines.append(f"Change {KINDS[slide.kind].label}. {slide.words} Changed: {moved}.")
        return "\n".join(lines) or self._trouble


def _buttons(options: dict[str, str], description: str) -> ipywidgets.ToggleButtons:
    """Buttons of which one is chosen. No list: in a closed one, JupyterLab takes the arrow keys for itself."""
    layout = ipywidgets.Layout(width="auto", flex_flow="row wrap")
    return ipywidgets.ToggleButtons(
        options=options, description=description, layout=layout, tooltips=[f"{description} {name}" for name in options],
        style={"button_width": "auto"},
    )  # fmt: skip


def _wide() -> ipywidgets.Layout:
    return ipywidgets.Layout(width="min(100% - 4px, 30em)")  # one for each control: some are hidden at times


def _nearly(text: str) -> str:
    """The text with the lowest bit of its last character flipped, where that gives a letter or digit again."""
    last = chr(ord(text[-1]) ^ 1) if text else ""
    return text[:-1] + last if last.isascii() and last.isalnum() else text + "x"
