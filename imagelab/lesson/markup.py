"""HTML for questions and exercises, readable without a kernel and in dark mode.

Texts may hold `code` and **bold**; everything else is escaped. Styles are inline: a notebook on a web page has no style
sheet of ours.
"""

from __future__ import annotations

import re
from html import escape

BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"  # Okabe and Ito's


def html(text: str) -> str:
    """Text with `code` and **bold** as HTML; a blank line starts a new paragraph."""
    shown = escape(text.strip(), quote=False)
    shown = re.sub(r"`([^`]+)`", r"<code>\1</code>", shown)
    shown = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", shown)
    return re.sub(r"\s*\n\s*\n\s*", "<br><br>", shown)


def plain(text: str) -> str:
    """Text with `code` and **bold** for a terminal: without the marks."""
    return re.sub(r"\*\*(.+?)\*\*", r"\1", text.strip()).replace("`", "")


def card(title: str, *parts: str, colour: str = BLUE) -> str:
    """A block with a coloured edge: a title, and below it `parts`, which are HTML."""
    return (
        f'<div style="border-left:5px solid {colour};padding:2px 14px;margin:4px 0;max-width:60em;line-height:1.5">'
        f"<p><b>{html(title)}</b></p>{''.join(parts)}</div>"
    )


def paragraph(text: str) -> str:
    """One paragraph of marked-up text."""
    return f"<p>{html(text)}</p>"


def folded(summary: str, text: str) -> str:
    """A summary that opens to show the text, by click or by Enter."""
    return details(summary, paragraph(text))


def details(summary: str, body: str, *, opened: bool = False) -> str:
    """A summary that opens to show `body`, which is HTML."""
    return f"<details{' open' * opened}><summary>{html(summary)}</summary>{body}</details>"


def code(text: str) -> str:
    """Text as it is, in a fixed-width font."""
    return f'<pre style="white-space:pre-wrap;margin:4px 0"><code>{escape(text, quote=False)}</code></pre>'


def bullets(items: list[str]) -> str:
    """A list whose items are marked-up text."""
    return "<ul>" + "".join(f"<li>{html(item)}</li>" for item in items) + "</ul>"


class Message:
    """A message to the learner, as HTML and as plain text."""

    def __init__(self, html: str, plain: str) -> None:
        self._html, self._plain = html, plain

    def __repr__(self) -> str:
        return self._plain

    def _repr_html_(self) -> str:
        return self._html
