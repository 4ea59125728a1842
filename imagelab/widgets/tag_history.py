"""The table below a tag board: what one tag has pointed to, move by move."""

from __future__ import annotations

from html import escape

from ..drawings.drawing import count
from ..drawings.tags import TagHistory
from ..lab import Lab
from ..oci.digest import Digest
from ..oci.reference import Reference
from ..units import harmless
from .html_table import cell, number, row, table

MOST_MOVES = 40  # of one tag


def short_id(lab: Lab, digest: str | None, docker: str) -> str:
    """The ID that this Docker, "20-28" or "29", shows of the image with a manifest digest, or what is the matter."""
    if not digest:
        return "<none>"
    image_id = lab.id_of(digest)
    return (Digest(digest) if docker == "29" else image_id).short if image_id else "<removed>"


def history_table(lab: Lab, history: TagHistory, name: str, docker: str) -> str:
    """The last moves of a tag as a table, made without pandas: each click waits for it."""
    tag = Reference.parse(name)
    moves = [(place, move) for place, move in enumerate(history.moves, 1) if move.name == tag]
    rows = []
    for place, move in moves[-MOST_MOVES:]:
        ends = [escape(short_id(lab, end, docker)) for end in (move.old, move.new)]
        moved = [move.time[:19].replace("T", " "), *ends, move.verb]
        rows.append(row([number(f"{place:,}"), *map(cell, moved)]))
    left_out = count(max(0, len(moves) - MOST_MOVES), "earlier move")
    more = f", without {left_out}" if len(moves) > MOST_MOVES else ""
    head = f"<p>What <b>{escape(harmless(name))}</b> has pointed to, oldest first (UTC){more}:</p>"
    return head + table(["MOVE", "WHEN", "FROM", "TO", "BY"], rows, numbers=["MOVE"])
