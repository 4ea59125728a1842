"""HTML tables of the widgets, readable in a light theme and in a dark one.

Each style sets background and text colour together; a word or letter in the cell says the same as the colour.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape

from .. import units
from ..build.progress import BuildStep

BLUE, ORANGE = "background:#CFE6F5;color:#00304D", "background:#FBE6BF;color:#4A3000"
GREEN, RED = "background:#CDEBE0;color:#00402D", "background:#F9D9C8;color:#5C2200"
GREY = "background:#D6D6D6;color:#303030"
CHANGE_STYLES = {"A": BLUE, "C": ORANGE, "D": RED}  # added, changed, removed

WRAPPED = "white-space:normal;min-width:20em"  # the style of a cell with a sentence in it


def table(
    titles: Sequence[str], rows: Iterable[str], *, numbers: Collection[str] = (), caption: str = "", label: str = ""
) -> str:
    """A table that scrolls sideways on a narrow page.

    `rows` are HTML (see `row`), `numbers` the titles of columns that are aligned to the right.
    With a `label`, which a screen reader says, the keyboard reaches a table that scrolls.
    """
    head = "".join(
        f'<th scope="col" style="text-align:{"right" if title in numbers else "left"};padding:0 8px">{title}</th>'
        for title in titles
    )
    above = f'<caption style="text-align:left;padding-top:8px">{caption}</caption>' if caption else ""
    reached = f' tabindex="0" role="region" aria-label="{escape(label)}"' if label else ""
    return (
        f'<div style="overflow-x:auto"{reached}>'
        '<table style="border-collapse:collapse;line-height:1.35;white-space:nowrap">'
        f"{above}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def row(cells: Iterable[str]) -> str:
    """A row of cells."""
    return f"<tr>{''.join(cells)}</tr>\n"


def cell(html: str, style: str = "") -> str:
    """A cell aligned to the left."""
    return f'<td style="text-align:left;padding:0 8px;{style}">{html}</td>'


def number(html: str, style: str = "") -> str:
    """A cell aligned to the right."""
    return f'<td style="text-align:right;padding:0 8px;{style}">{html}</td>'


def code(text: str, style: str = "") -> str:
    """Text in a fixed-width font and the colours of its cell; terminal escapes are shown, not obeyed."""
    return f'<code style="background:none;color:inherit;{style}">{escape(units.harmless(text))}</code>' if text else ""


def instruction(step: BuildStep, columns: int) -> str:
    """A step's Dockerfile instruction as text on one line, cut to so many columns."""
    return units.ellipsis(units.harmless(" ".join(step.instruction.split())), columns)
