"""`draw.merkle`: the chain of digests from a file's bytes to the tag.

A file is in a tar, whose digest is the diffID. The config lists the diffID; the digest of the config is the image ID.
The manifest lists the image ID; its digest is the digest of the image. That is a Merkle chain. With a second image that
differs in one thing, each part says whether its digest changed.

Follows the OCI image-spec (config.md, manifest.md). Left out: the other layers, which config and manifest list too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Invalid, NotFound
from ..oci.digest import Digest
from .drawing import CONFIG, LAYER, MANIFEST, PLAIN, QUIET, TAG, Drawing, box, digraph, first_name, row, short, text

if TYPE_CHECKING:
    from ..oci.image import Image

CHANGED = "#FBE6BF"  # background of a digest that changed
WIDTH = 210  # points, the same for all links
BYTES_IN_ROW, MOST_BYTES = 8, 32  # of a file, where its bytes are shown
# Which link goes into which, what the arrow says, and how it looks.
GOES_INTO: Mapping[tuple[str, str], tuple[str, Mapping[str, str]]] = {
    ("file", "tar"): (" its bytes lie in ", {}),
    ("tar", "config"): (" its diffID stands in ", {}),
    ("tar", "blob"): (" is kept compressed ", {}),
    ("config", "manifest"): (" its image ID stands in ", {"weight": "9"}),
    ("blob", "manifest"): (" its layer digest stands in ", {"style": "dashed"}),
    ("tar", "chain"): (" its diffID goes into ", {"style": "dashed"}),
}


@dataclass(frozen=True, slots=True)
class _Link:
    """One link of the chain: its title, its digest (`name`), the term for that, and what it is the digest `of`."""

    title: str
    subtitle: str
    fill: str
    term: str
    of: str
    name: Digest


def merkle(image: Image, path: str = "", other: Image | None = None) -> Drawing:
    """The chain of digests from a file (by default the first of the topmost layer that has one) to the tag.

    With `other`, the same image with one thing changed, each digest is shown before and after. Raises NotFound for a
    file that is not in the image, and Invalid if `other` has another number of layers.
    """
    path = image.tree().resolve(path) if path else _some_file(image)
    return chain(image, path, image.origin()[path] + 1, other)


def chain(image: Image, path: str, number: int, other: Image | None = None, byte: int | None = None) -> Drawing:
    """The chain from a file of layer `number`; with `byte`, the bytes around that one are shown, as cells of a table.

    Raises Invalid if `other` has another number of layers.
    """
    if other is not None and len(other.layers) != len(image.layers):
        raise Invalid(f"expected images of the same number of layers, not {len(image.layers)} and {len(other.layers)}")
    links = _links(image, path, number)
    after = _links(other, path, number) if other is not None else links
    graph = digraph(rankdir="TB", nodesep="0.45", ranksep="0.35")
    words = []
    for key, link in links.items():
        rows = [row(text(f"{link.term} = {link.of}", size=11), text(short(link.name), bold=True))]
        line = f"{link.title}: {link.term} {short(link.name)}, {link.of}"
        if other is not None:
            new = after[key].name
            changed = new != link.name
            verdict = f"changed: {short(new)}" if changed else "the same as before"
            rows.append(row(text(verdict, bold=changed, size=0 if changed else 11), fill=CHANGED if changed else QUIET))
            line += f"; {verdict}"
        if key == "file" and byte is not None:
            contents = [one.layers[number - 1].read(path) for one in (image, other or image)]
            rows = [*_bytes(contents[0], contents[1], byte), *rows]
            line += f"; {byte_change(contents[0], contents[1], byte)}"
        label = box(link.title, rows, fill=link.fill, subtitle=link.subtitle, width=WIDTH)
        graph.node(key, label, id=link_id(key))
        words.append(line + ".")
    for (tail, head), (meaning, looks) in GOES_INTO.items():
        if (tail, head) == ("tar", "blob") and not image.layers[number - 1].compressed:
            meaning = " is kept as it is "
        graph.edge(tail, head, label=meaning, id=arrow_id(tail, head), **looks)
    names = [name.familiar for name in image.names]
    if names:
        label = box(", ".join(names), fill=TAG, subtitle="a tag: a name people move", width=WIDTH)
        graph.node("tag", label, id=link_id("tag"))
        graph.edge("manifest", "tag", label=" points to ", id=arrow_id("manifest", "tag"), dir="back")
        words.append(f"The tag {', '.join(names)} points to the manifest; it stands in none of these bytes.")
    title = f"The chain of names of {first_name(image)}" + (", before and after" if other is not None else "")
    return Drawing(graph, title, "\n".join(words))


def link_id(key: str) -> str:
    """The id of a link: `link:` and `file`, `tar`, `chain`, `config`, `blob`, `manifest` or `tag`."""
    return f"link:{key}"


def arrow_id(tail: str, head: str) -> str:
    """The id of the arrow between two links: `link:tar->link:config`."""
    return f"{link_id(tail)}->{link_id(head)}"


def shown_bytes(size: int, at: int) -> range:
    """The bytes of a file that are shown where byte `at` is chosen: the `MOST_BYTES` around it."""
    start = at // MOST_BYTES * MOST_BYTES
    return range(start, min(size, start + MOST_BYTES))


def byte_words(value: int) -> str:
    """A byte in words: `'4' (hex 34)`, `a newline (hex 0a)`."""
    name = {9: "a tab", 10: "a newline", 13: "a carriage return", 32: "a space"}.get(value)
    name = name or (f"'{chr(value)}'" if 32 < value < 127 else "no character of ASCII's")
    return f"{name} (hex {value:02x})"


def byte_change(old: bytes, new: bytes, at: int) -> str:
    """What becomes of a byte: `byte 11, '4' (hex 34), becomes '5' (hex 35)`."""
    after = f"becomes {byte_words(new[at])}" if new[at] != old[at] else "stays as it is"
    return f"byte {at:,}, {byte_words(old[at])}, {after}"


def _bytes(old: bytes, new: bytes, at: int) -> list[str]:
    """Rows of the file's box: the bytes around byte `at`, each a character over two hex digits, and what it becomes."""
    around = shown_bytes(len(old), at)
    lines = []
    for start in range(around.start, around.stop, BYTES_IN_ROW):
        cells = []
        for number in range(start, min(start + BYTES_IN_ROW, around.stop)):
            shown = text(_character(new[number]), bold=True), text(f"{new[number]:02x}", size=10)
            colour = CHANGED if number == at else PLAIN
            name = f'id="byte:{number}" href="#"'
            cells.append(f'<td width="24" cellpadding="2" bgcolor="{colour}" {name}>{"<br/>".join(shown)}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    grid = f'<table border="0" cellborder="1" cellspacing="0">{"".join(lines)}</table>'
    rows = [f'<tr><td align="left">{grid}</td></tr>']
    if len(around) < len(old):
        steps = {"bytes:before": around.start - MOST_BYTES, "bytes:after": around.stop}
        for name, start in steps.items():
            if 0 <= start < len(old):
                others = shown_bytes(len(old), start)
                rows.append(row(text(f"show bytes {start:,} to {others[-1]:,}", size=11), id=name))
    return [*rows, row(text(byte_change(old, new, at).capitalize(), size=11), fill=CHANGED)]


def _character(value: int) -> str:
    """A byte as a character: a point stands for what is none, as in `hexdump -C`, and two letters for what is blank."""
    return {9: "\\t", 10: "\\n", 13: "\\r", 32: "sp"}.get(value) or (chr(value) if 32 < value < 127 else ".")


def _links(image: Image, path: str, number: int) -> dict[str, _Link]:
    layer = image.layers[number - 1]
    content = layer.read(path)
    tar = sum(len(piece) for piece in layer.pieces())
    alone = "the diffID: no layer is below" if number == 1 else f"sha256 of chainID {number - 1} and diffID {number}"
    stored = "compressed" if layer.compressed else "the same bytes"
    below = f"layers 1 to {number}" if number > 1 else "layer 1 and nothing below"
    return {
        "file": _Link(path, "a file", PLAIN, "digest", _of(len(content)), Digest.of(content)),
        "tar": _Link(f"layer {number}", "a tar", LAYER, "diffID", _of(tar), layer.diff_id),
        "chain": _Link(below, "no bytes of their own", QUIET, "chainID", alone, image.chain_ids[number - 1]),
        "config": _Link("config", "JSON", CONFIG, "image ID", _of(len(image.config_bytes)), image.id),
        "blob": _Link(f"layer {number} as stored", stored, LAYER, "layer digest", _of(layer.size), layer.digest),
        "manifest": _Link("manifest", "JSON", MANIFEST, "digest", _of(len(image.manifest_bytes)), image.digest),
    }


def _of(size: int) -> str:
    return f"sha256 of its {size:,} bytes"


def _some_file(image: Image) -> str:
    origin = image.origin()
    files = [path for path, entry in image.tree().items() if entry.kind == "file" and entry.size]
    if not files:
        raise NotFound("the image has no file with content: a chain begins with a byte of one")
    return max(files, key=lambda path: origin[path])
