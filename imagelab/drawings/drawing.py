"""Drawing: a picture as DOT source, as SVG, and as a description in text.

The layout is done by graphviz-pure, whose output is the same bytes on every machine, so a committed notebook can be
compared with a fresh one. Every text gets the width that the layout assumed (`textLength`), so that it stays in its box
without Helvetica too. The background is white, and dark for an image on a dark page. Colours are Okabe and Ito's, which
colour-blind readers can tell apart, and a colour never stands without a word or a letter.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterable
from functools import cached_property
from html import escape, unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import graphviz

from .. import units
from ..errors import LabError

if TYPE_CHECKING:
    from ..oci.image import Image

# Okabe and Ito, "Color Universal Design" (2008), by the role each plays here.
TAG, MANIFEST, CONFIG, LAYER = "#F0E442", "#E69F00", "#56B4E9", "#8FD3BE"  # LAYER: bluish green, lightened
ADDED, CHANGED, REMOVED = "#0072B2", "#8A5A00", "#B34700"  # dark enough to be read as text on white
PLAIN, QUIET, INK = "#FFFFFF", "#F2F2F2", "#1A1A1A"
SHADOW, SHADE = "#D6D6D6", "#404040"  # background and text of a file that a later layer covers

# On a dark page. Boxes keep their colours; arrows, and words outside of boxes, become light enough to be read.
DARK_GROUND, LIGHT_INK = "#111111", "#E0E0E0"  # the ground is that of JupyterLab's dark theme
LIGHTENED = {ADDED: "#7CC4F0", CHANGED: "#E8B04A", REMOVED: "#FF9D5C", "#00694B": "#58D0A8", "#8C3A6B": "#EBA3CD"}

_FONT = {"fontname": "Helvetica", "fontsize": "12", "fontcolor": INK}


# A cell of a table has its id on a link, which graphviz draws for cells that have one; the drawing needs the id alone.
_LINKED = re.compile(r'<g id="a_([^"]*)"><a [^>]*>(.*?)</a>\n?</g>', re.S)


class Drawing:
    """A picture with a title and a description.

    `source` is the DOT source, `text` the description; `svg` raises LabError if graphviz-pure is not installed.
    """

    def __init__(self, graph: graphviz.Digraph, title: str, text: str) -> None:
        self.source: str = graph.source
        self.title = units.harmless(title)
        self.text = units.harmless(text)

    @cached_property
    def svg(self) -> str:
        """The picture as an SVG document: role `img`, with its title and its description inside."""
        body, layout = _lay_out(self.source)
        body = body[body.index("<svg") :]
        body = re.sub(r"<!--.*?-->\n?|<title>.*?</title>\n?", "", body, flags=re.S)
        body = _LINKED.sub(r'<g id="\1" class="part">\2</g>', body)
        widths = _text_widths(layout)

        def fit(match: re.Match[str]) -> str:
            attributes, text = match.groups()
            size = float(re.search(r'font-size="([\d.]+)"', attributes)[1])  # type: ignore[index]
            width = widths.get((unescape(text).replace("\xa0", " "), size, "bold" in attributes))
            stretch = f' textLength="{width:g}" lengthAdjust="spacingAndGlyphs"' if width else ""
            return f"<text{attributes}{stretch}>{text}</text>"

        body = re.sub(r"<text((?:\s[^>]*)?)>(.*?)</text>", fit, body, flags=re.S)
        head, _, rest = body.partition(">")
        head = re.sub(r'width="([\d.]+)pt" height="([\d.]+)pt"', r'width="\1" height="\2"', head)
        named = f'{head} role="img" aria-label="{escape(self.title)}">'
        return f"{named}\n<title>{escape(self.title)}</title>\n<desc>{escape(self.text)}</desc>{rest}"

    @property
    def standalone_svg(self) -> str:
        """The SVG for a file or an <img>: where the page is dark, it has a dark ground."""
        ground = f"g.graph > polygon {{ fill: {DARK_GROUND}; stroke: {DARK_GROUND}; }}"
        style = f"<style>@media (prefers-color-scheme: dark) {{\n{ground}\n{dark_style('')}\n}}</style>"
        return self.svg.replace("</desc>", f"</desc>\n{style}", 1)

    def save(self, path: str | Path) -> Path:
        """Write the SVG to a file, and return its path."""
        Path(path).write_text(self.standalone_svg, encoding="utf-8", newline="\n")
        return Path(path)

    def __repr__(self) -> str:
        return f"{self.title}\n{self.text}"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """An <img>: JupyterLab shows no inline SVG in a notebook that it does not trust.

        It is light, whatever the reader's system prefers, until a style sheet (page.css) says that the page is dark.
        """
        data = base64.b64encode(self.standalone_svg.encode()).decode()
        return self._figure(
            f'<img alt="{escape(self.title)}. {escape(" ".join(self.text.split()))}" '
            f'style="max-width:100%;height:auto;color-scheme:light" src="data:image/svg+xml;base64,{data}">'
        )

    @property
    def html_words(self) -> str:
        """The description as HTML, folded, as it stands below the picture: for a page that shows the picture itself."""
        return self._figure("")

    def _figure(self, picture: str) -> str:
        lines = "<br>".join(escape(line) for line in self.text.splitlines())
        folded = f"<details><summary>{escape(self.title)}, in words</summary>{lines}</details>"
        return f'<figure style="margin:0">{picture}<figcaption>{folded}</figcaption></figure>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_(), "image/svg+xml": self.svg}


def dark_style(scope: str) -> str:
    """CSS for the drawings below `scope`, a selector, on a dark ground: what stands outside of boxes becomes light."""
    edge = f"{scope} g.edge".strip()
    rules = [f"{scope} g.graph > text, {edge} text, {edge} polygon {{ fill: {LIGHT_INK}; }}".strip()]
    rules.append(f"{edge} path, {edge} polygon {{ stroke: {LIGHT_INK}; }}")
    for colour, light in LIGHTENED.items():
        rules += [f'{edge} [{use}="{colour.lower()}"] {{ {use}: {light}; }}' for use in ("fill", "stroke")]
    return "\n".join(rules)


def digraph(**graph_attributes: str) -> graphviz.Digraph:
    """An empty directed graph with the fonts and colours of all drawings."""
    graph: graphviz.Digraph = graphviz.Digraph(
        graph_attr={"bgcolor": PLAIN, "pad": "0.15", **_FONT, **graph_attributes},
        node_attr={"shape": "plain", **_FONT},
        edge_attr={"arrowsize": "0.7", **_FONT, "fontsize": "11"},
    )
    return graph


def box(
    title: str, rows: Iterable[str] = (), *, fill: str = PLAIN, subtitle: str = "", width: int = 0, id: str = ""
) -> str:
    """A label for a node: a coloured title over plain rows, at least `width` points wide.

    Rows are made by `row`; title and subtitle are text. With an `id`, the title is a group of its own in the SVG.
    """
    head = text(title, bold=True) + (f'<br align="left"/>{text(subtitle, size=11)}' if subtitle else "")
    name = f' port="head"{_id(id)}'
    cell = f'<td width="{width}" bgcolor="{fill}" align="left" balign="left"{name}>{head}</td>'
    table = '<table border="0" cellborder="1" cellspacing="0" cellpadding="5">'
    return f"<{table}<tr>{cell}</tr>{''.join(rows)}</table>>"


def row(*lines: str, port: str = "", fill: str = PLAIN, id: str = "") -> str:
    """A row of a `box`; its lines are made by `text`, and edges can end at its `port`.

    With an `id`, the row is a group of its own in the SVG, of that id: `layer:2`.
    """
    name = (f' port="{port}"' if port else "") + _id(id)
    return f'<tr><td align="left" balign="left" bgcolor="{fill}"{name}>{"<br/>".join(lines)}</td></tr>'


def _id(id: str) -> str:
    """The attributes of a cell that make it a group with this id: see `_LINKED`."""
    return f' id="{escape(units.harmless(id))}" href="#"' if id else ""


def text(value: str, *, bold: bool = False, colour: str = "", size: int = 0, limit: int = 60) -> str:
    """Text inside a label: escaped, cut in the middle if longer than `limit`, a space if empty."""
    value = units.harmless(value) or " "
    if len(value) > limit:
        value = f"{value[: limit * 2 // 3]}...{value[-limit // 3 + 3 :]}"
    shown = escape(value, quote=False)
    font = (f' color="{colour}"' if colour else "") + (f' point-size="{size}"' if size else "")
    shown = f"<font{font}>{shown}</font>" if font else shown
    return f"<b>{shown}</b>" if bold else shown


def short(digest: str) -> str:
    """The algorithm and the first 12 hex digits of a digest: `sha256:0123456789ab`."""
    algorithm, _, hexdigits = digest.partition(":")
    return f"{algorithm}:{hexdigits[:12]}"


def count(number: int, noun: str) -> str:
    """`1 layer`, `2 layers`."""
    return f"{number:,} {noun}" + "s" * (number != 1)


def names(image: Image) -> str:
    """All names of an image, separated by commas, or its short ID if it has none."""
    return ", ".join(name.familiar for name in image.names) or image.id.short


def first_name(image: Image) -> str:
    """The first name of an image, or its short ID if it has none."""
    return image.names[0].familiar if image.names else image.id.short


def _lay_out(source: str) -> tuple[str, dict[str, Any]]:
    """The picture as SVG and as JSON, from one run of the layout: a second would make widgets slow."""
    command = [_graphviz_pure(), "-Kdot", "-Tsvg", "-Tjson"]
    result = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
    if result.returncode:
        raise LabError(f"graphviz-pure cannot lay out this picture: {result.stderr.decode(errors='replace').strip()}")
    svg, end, layout = result.stdout.decode().partition("</svg>\n")
    return svg + end, json.loads(layout)


def _graphviz_pure() -> str:
    """The path of the program from the graphviz-pure package; another Graphviz would draw other bytes."""
    program = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts")) or shutil.which("graphviz-pure")
    if not program:
        raise LabError("drawings need graphviz-pure, which is not installed here: pip install graphviz-pure")
    return program


def _text_widths(layout: dict[str, Any]) -> dict[tuple[str, float, bool], float]:
    """(text, font size, bold) → width in points, from the drawing operations in graphviz's JSON output."""
    widths: dict[tuple[str, float, bool], float] = {}
    for part in [layout, *layout.get("objects", []), *layout.get("edges", [])]:
        for operations in (part.get("_ldraw_", []), part.get("_tldraw_", []), part.get("_hldraw_", [])):
            size, bold = 0.0, False
            for operation in operations:
                match operation["op"]:
                    case "F":
                        size = operation["size"]
                    case "t":
                        bold = bool(operation["fontchar"] & 1)
                    case "T":
                        widths[operation["text"], size, bold] = operation["width"]
    return widths
