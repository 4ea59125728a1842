"""The page of the digest microscope: two images and their identifiers side by side.

An `Edit` is one change of an image and the image it makes. `page` shows it as HTML: every identifier before and after,
why those changed, and what `docker images` shows of both images with each of Docker's two stores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .. import units
from ..analysis import docker_stores
from ..errors import LabError
from ..oci import mutate
from ..oci.image import Image
from ..oci.mutate import Compared, Place
from .base import SEEN_WITH
from .html_table import ORANGE, WRAPPED, cell, code, row, table

MOST_ROWS = 40  # identifiers shown; where there are more, the changed ones come first
CONTEXT = 24  # bytes shown before and after the one that changes
TITLES = {"20-28": ["IMAGE ID", "SIZE"], "29": ["ID", "DISK USAGE"]}  # of `docker images`


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of edit: its label, why it changes the identifiers it does, and what to say where it changes none."""

    label: str
    why: str
    same: str = "The bytes are the same as before, so it is the same image."


KINDS = {
    "byte": Kind(
        "one byte of a file",
        "The byte is in a layer's tar, so the diffID changed. The config lists the diffID, so the image ID changed. "
        "The manifest lists the image ID, so its digest changed. The other layers keep their diffIDs; every chainID "
        "from this layer up changed.",
    ),
    "mode": Kind(
        "the mode of a file",
        "The file holds the same bytes. But the mode is in the file's tar header, and a diffID is the digest of the "
        "whole tar.",
    ),
    "field": Kind(
        "a text in the config",
        "The config is in no layer, so no layer changed. The image ID is the digest of the config, so it changed, and "
        "with it the manifest, which lists it.",
    ),
    "gzip": Kind(
        "how the layers are stored",
        "A layer digest is of the blob as it is stored, so the layer digests changed, and with them the manifest that "
        "lists them. A diffID is of the tar before compression: the diffIDs stayed, and so did the config that lists "
        "them and the image ID.",
        "The layers are compressed already.",
    ),
    "tag": Kind("the tag", "", "A tag is in none of these bytes: it points to the manifest from outside."),
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of an image: its kind, what changes, the image it makes, the file changed, its old and new text."""

    kind: str
    what: str
    result: Image
    place: Place | None = None
    old: str = ""
    new: str = ""
    context: tuple[str, str, str] | None = None  # the text before the byte, the byte, and the text after it
    at: int | None = None  # the number of the byte

    @property
    def sentence(self) -> str:
        """The change as a sentence."""
        old, new = units.harmless(self.old), units.harmless(self.new)
        return f"{self.what}: '{old}' becomes '{new}'." if old or new else f"{self.what}."


def byte_text(value: int) -> str:
    r"""A byte as people write it: `5`, `\n` for a newline, `\x00` for one that is not a visible ASCII character."""
    return "\\n" if value == 10 else chr(value) if 32 < value < 127 and value != 92 else f"\\x{value:02x}"


def parse_byte(text: str) -> int:
    r"""The value of a byte as `byte_text` writes it: one ASCII character, `\n`, or `\x` and two hex digits.

    Raises LabError for any other text.
    """
    if text.strip() == "\\n":
        return 10
    if escaped := re.fullmatch(r"\\x([0-9a-fA-F]{2})", text.strip()):
        return int(escaped[1], 16)
    if len(text) == 1 and text.isascii():
        return ord(text)
    raise LabError(f"{text!r} is not one byte: write one character such as 5, or \\x and two hex digits such as \\x35")


def context_of(content: bytes, at: int) -> tuple[str, str, str]:
    """The text before a byte, the byte, and the text after it; long text is cut to `CONTEXT` bytes on each side."""
    before, after = content[max(0, at - CONTEXT) : at], content[at + 1 : at + 1 + CONTEXT]
    texts = ["".join(" " if value == 32 else byte_text(value) for value in part) for part in (before, after)]
    start = "…" if at > CONTEXT else ""
    end = "…" if len(content) > at + 1 + CONTEXT else ""
    return start + texts[0], byte_text(content[at]), texts[1] + end


def page(image: Image, edit: Edit, versions: Sequence[str]) -> str:
    """HTML of an edit, with what these Dockers (keys of `SEEN_WITH`) show of both images."""
    rows = mutate.compare(image, edit.result, edit.place)
    changed = sum(row.changed for row in rows)
    kind = KINDS[edit.kind]
    parts = [f'<p style="overflow-wrap:anywhere"><b>{escape(edit.sentence)}</b></p>']
    if edit.context:
        parts.append(_lines(edit.context, edit.new))
    counts = f"{changed} of {len(rows)} names changed, {len(rows) - changed} stayed." if changed else "No name changed."
    parts.append(f'<p role="status"><b>{counts}</b> {escape(kind.why if changed else kind.same)}</p>')
    shown = rows if len(rows) <= MOST_ROWS else [row for row in rows if row.changed][: MOST_ROWS - 2] + rows[-2:]
    shown = list(dict.fromkeys(shown))
    titles = ["NAME", "", "BEFORE", "AFTER", "THE SHA-256 OF"]
    caption = "<b>Names, each computed from those above it</b>"
    parts.append(table(titles, map(_compared, shown), caption=caption))
    if len(shown) < len(rows):
        hidden = [row for row in rows if row not in shown]
        parts.append(f"<p>Left out: {len(hidden):,} names, {sum(row.changed for row in hidden):,} of them changed.</p>")
    parts += (_store(image, edit.result, version) for version in versions)
    return f'<div style="line-height:1.4">{"".join(parts)}</div>'


def _lines(context: tuple[str, str, str], new: str) -> str:
    """The text around the byte, before and after the edit, with the byte marked."""
    start, old, end = context
    lines = []
    for word, byte in (("before", old), ("after", new)):
        marked = f'<mark style="{ORANGE}"><b>{escape(byte)}</b></mark>'
        label = f'<span style="display:inline-block;width:4em">{word}</span>'
        lines.append(f"<div>{label}<code>{escape(start)}{marked}{escape(end)}</code></div>")
    return f'<div style="white-space:pre-wrap;overflow-wrap:anywhere">{"".join(lines)}</div>'


def _compared(names: Compared) -> str:
    style = ORANGE if names.changed else ""
    return row([
        cell(escape(units.harmless(names.name)), style),
        cell("≠ changed" if names.changed else "= same", style),
        cell(code(names.old.short), style),
        cell(code(names.new.short if names.changed else ""), style),
        cell(escape(names.of), f"{WRAPPED};{style}"),
    ])  # fmt: skip


def _store(image: Image, result: Image, version: str) -> str:
    """What `docker images` of this Docker shows of both images."""
    before, after = docker_stores.STORES[version](image), docker_stores.STORES[version](result)
    title, size = TITLES[version]
    rows = []
    for word, shown in (("before", before), ("after", after)):
        style = ORANGE if word == "after" and before != after else ""
        sign = "" if word == "before" else "≠ changed" if before.id != after.id else "= same"
        meaning = f"{title}: the digest of {shown.id_of}. {size}: {shown.size_of}"
        texts = [word, sign, code(shown.id.short), units.size(shown.size, 3)]
        rows.append(row([*(cell(text, style) for text in texts), cell(meaning, f"{WRAPPED};{style}")]))
    titles = ["", "", title, size, "WHAT THAT IS"]
    return table(titles, rows, caption=f"<b>docker images, with {SEEN_WITH[version]}</b>")
