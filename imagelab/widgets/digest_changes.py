"""The page of the digest microscope: two images and their identifiers side by side.

A `Slide` is one change: what was changed, and the image that came of it. `page` shows it as HTML: the names before and
after, each with a word and a sign, why those changed, and what Docker's two stores show of both images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from .. import units
from ..analysis import docker_stores
from ..errors import LabError
from ..oci import mutate
from ..oci.image import Image
from ..oci.mutate import Compared, Place
from .layer_explorer import STYLES

MOST_ROWS = 40  # names shown; of more, those that changed come first
AROUND = 24  # bytes shown before and after the one that changes
STORES = {"classic store": docker_stores.classic, "containerd store": docker_stores.containerd}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change: what to call it, why it reaches what it reaches, and what to say where it changes nothing."""

    label: str
    why: str
    same: str = "These are the bytes that were there before, so it is the same image."


KINDS = {
    "byte": Kind(
        "one byte of a file",
        "The byte lies in a tar, so the diffID changed. The diffID stands in the config, so the image ID changed. The "
        "image ID stands in the manifest, so its digest changed. Other layers keep their diffIDs, and every chainID "
        "from this layer up is another.",
    ),
    "mode": Kind(
        "the mode of a file",
        "The file holds the same bytes. But its header in the tar records who may read it, and a diffID is of the "
        "whole tar.",
    ),
    "field": Kind(
        "a text in the config",
        "The config lies in no layer, so no layer has another name. The image ID is the config's own digest.",
    ),
    "gzip": Kind(
        "how the layers are stored",
        "Compressed, the blobs are other bytes, so the layer digests changed, and with them the manifest. Unpacked "
        "they are what they were: the diffIDs stay, and so do the config that lists them and the image ID.",
        "The layers are compressed already.",
    ),
    "tag": Kind("the tag", "", "A tag stands in none of these bytes: it points to the manifest from outside."),
}


@dataclass(frozen=True, slots=True)
class Slide:
    """One change: its kind, what was done to what, the image that came of it, and the file that is looked at."""

    kind: str
    done: str
    other: Image
    place: Place | None = None
    was: str = ""
    becomes: str = ""
    before: tuple[str, str, str] | None = None  # the text around the byte that changes

    @property
    def words(self) -> str:
        """What was done, as a sentence."""
        was, becomes = units.harmless(self.was), units.harmless(self.becomes)
        return f"{self.done}: '{was}' becomes '{becomes}'." if was or becomes else f"{self.done}."


def said(value: int) -> str:
    r"""A byte as people write it: `5`, `\n` for a newline, `\x00` for others that are no visible character."""
    return "\\n" if value == 10 else chr(value) if 32 < value < 127 and value != 92 else f"\\x{value:02x}"


def one_byte(text: str) -> int:
    r"""Read a byte back: one ASCII character, `\n`, or `\x` and two hex digits; raises LabError."""
    if text.strip() == "\\n":
        return 10
    if found := re.fullmatch(r"\\x([0-9a-fA-F]{2})", text.strip()):
        return int(found[1], 16)
    if len(text) == 1 and text.isascii():
        return ord(text)
    raise LabError(f"{text!r} is not one byte: write one character such as 5, or \\x and two hex digits such as \\x35")


def around(content: bytes, at: int) -> tuple[str, str, str]:
    """The text before a byte, the byte, and the text after it, as far as there is room."""
    before, after = content[max(0, at - AROUND) : at], content[at + 1 : at + 1 + AROUND]
    shown = ["".join(" " if value == 32 else said(value) for value in part) for part in (before, after)]
    start = "…" if at > AROUND else ""
    end = "…" if len(content) > at + 1 + AROUND else ""
    return start + shown[0], said(content[at]), shown[1] + end


def page(image: Image, slide: Slide, stores: Sequence[str]) -> str:
    """A slide as HTML, looked at through one store or several."""
    rows = mutate.compare(image, slide.other, slide.place)
    moved = sum(row.changed for row in rows)
    kind = KINDS[slide.kind]
    parts = [f'<p style="overflow-wrap:anywhere"><b>{escape(slide.words)}</b></p>']
    if slide.before:
        parts.append(_lines(slide.before, slide.becomes))
    counted = f"{moved} of {len(rows)} names changed, {len(rows) - moved} stayed." if moved else "No name changed."
    parts.append(f'<p role="status"><b>{counted}</b> {escape(kind.why if moved else kind.same)}</p>')
    shown = rows if len(rows) <= MOST_ROWS else [row for row in rows if row.changed][: MOST_ROWS - 2] + rows[-2:]
    shown = list(dict.fromkeys(shown))
    head = ["NAME", "", "BEFORE", "AFTER", "THE SHA-256 OF"]
    parts.append(_table("Names, each made of those above it", head, (_row(row) for row in shown)))
    if len(shown) < len(rows):
        left = [row for row in rows if row not in shown]
        parts.append(f"<p>Left out: {len(left):,} names, of which {sum(row.changed for row in left):,} changed.</p>")
    parts += (_store(image, slide.other, name) for name in stores)
    return f'<div style="line-height:1.4">{"".join(parts)}</div>'


def _lines(before: tuple[str, str, str], becomes: str) -> str:
    """The text around the byte, before and after, the byte marked."""
    start, old, end = before
    lines = []
    for word, middle in (("before", old), ("after", becomes)):
        marked = f'<mark style="{STYLES["C"]}"><b>{escape(middle)}</b></mark>'
        label = f'<span style="display:inline-block;width:4em">{word}</span>'
        lines.append(f"<div>{label}<code>{escape(start)}{marked}{escape(end)}</code></div>")
    return f'<div style="white-space:pre-wrap;overflow-wrap:anywhere">{"".join(lines)}</div>'


def _row(row: Compared) -> Iterator[str]:
    style = STYLES["C"] if row.changed else ""
    sign = "≠ changed" if row.changed else "= same"
    yield from (_cell(escape(units.harmless(row.name)), style), _cell(sign, style))
    yield _cell(_code(row.old.short), style)
    yield _cell(_code(row.new.short if row.changed else ""), style)
    yield _cell(escape(row.of), style, wrap=True)


def _store(image: Image, other: Image, name: str) -> str:
    """What `docker images` shows of both images in one of Docker's stores."""
    before, after = STORES[name](image), STORES[name](other)
    rows = []
    for word, shown in (("before", before), ("after", after)):
        style = STYLES["C"] if word == "after" and before != after else ""
        sign = "" if word == "before" else "≠ changed" if before.id != after.id else "= same"
        said = f"ID: the digest of {shown.id_of}. SIZE: {shown.size_of}"
        cells = [_cell(cell, style) for cell in (word, sign, _code(shown.id.short), units.size(shown.size, 3))]
        rows.append([*cells, _cell(said, style, wrap=True)])
    caption = f"docker images, with the {name}"
    return _table(caption, ["", "", "IMAGE ID", "SIZE", "WHAT THAT IS"], rows)


def _table(caption: str, titles: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col" style="text-align:left;padding:0 8px">{title}</th>' for title in titles)
    body = "".join(f"<tr>{''.join(cells)}</tr>\n" for cells in rows)
    return (
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;line-height:1.35">'
        f'<caption style="text-align:left;padding-top:8px"><b>{escape(caption)}</b></caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(inner: str, style: str, *, wrap: bool = False) -> str:
    space = "min-width:20em" if wrap else "white-space:nowrap"
    return f'<td style="text-align:left;padding:0 8px;{space};{style}">{inner}</td>'


def _code(text: str) -> str:
    return f'<code style="background:none;color:inherit">{text}</code>' if text else ""
