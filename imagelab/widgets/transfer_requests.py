"""The HTTP requests of a transfer: which of them were made for which blob, and what each asked and was answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from ..units import harmless
from .html_table import WRAPPED, cell, code, number, row, table

if TYPE_CHECKING:
    from ..registry.connection.transport import Request
    from ..registry.transfer import Moved, Transfer

_WHOLE_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:([0-9a-f]{12})[0-9a-f]{52}")
_UPLOAD = re.compile(r"(/blobs/uploads/)[^/?]+")
TITLES = ["METHOD", "PATH", "STATUS", "SENT", "RECEIVED", "WHAT IT ASKS, AND THE ANSWER"]


def by_blob(transfer: Transfer) -> tuple[list[Request], list[list[Request]]]:
    """The requests that are of no blob (is this a registry, who are you), and those of each blob, in its order.

    A request is a blob's if it names the digest; one that begins an upload names none, so each blob that was sent gets
    one: they are all alike.
    """
    of: list[list[Request]] = [[] for _ in transfer.blobs]
    beginnings, others = [], []
    digests = {}  # of uploads, by their numbers: the last request of each names the digest
    for request in transfer.requests:
        upload, digest = _UPLOAD.search(request.path), _WHOLE_DIGEST.search(unquote(request.path))
        if upload and digest:
            digests[upload[0]] = digest[0]
    for request in transfer.requests:
        upload = _UPLOAD.search(request.path)
        owner = _owner(request, digests.get(upload[0], "") if upload else "", transfer.blobs)
        if owner is not None:
            of[owner].append(request)
        elif request.method == "POST":
            beginnings.append(request)
        else:
            others.append(request)
    for own in of:
        begun = any(one.method == "POST" for one in own)
        first = next((n for n, one in enumerate(own) if _UPLOAD.search(one.path)), None)
        if beginnings and not begun and first is not None:
            own.insert(first, beginnings.pop(0))
    return [*others, *beginnings], of


def _owner(request: Request, uploaded: str, blobs: Sequence[Moved]) -> int | None:
    """The number of the blob that a request is about, or None; `uploaded` is the digest of the upload it belongs to."""
    path = f"{unquote(request.path)} {uploaded}"
    for at, blob in enumerate(blobs):
        if blob.digest in path:
            return at
    if "/manifests/" in path:  # by tag: the top of what is pushed or pulled
        tops = [at for at, blob in enumerate(blobs) if blob.kind in ("manifest", "index")]
        kinds = [blobs[at].kind for at in tops]
        return tops[kinds.index("index")] if "index" in kinds else tops[-1] if tops else None
    return None


def caption(request: Request) -> str:
    """What a request asks, and what the answer was, in a sentence."""
    parts = urlsplit(unquote(request.path))
    query = parse_qs(parts.query)
    good = request.status < 400
    if parts.path.rstrip("/") == "/v2":
        return "Is this a registry?" if request.status != 401 else "Is this a registry? Yes; it asks who you are."
    if "/blobs/uploads/" in parts.path:
        if "mount" in query:
            source = query.get("from", ["another repository"])[0]
            done = request.status == 201
            return f"Take the blob over from {source}. " + ("Done." if done else "No: send it.")
        if request.method == "POST":
            return "May I send a blob? Yes, to this address." if good else "May I send a blob? No."
        if request.method == "PATCH":
            return "Bytes of the blob."
        return "That was the blob, and this is its digest." if not request.sent else "The blob, and its digest."
    if "/blobs/" in parts.path:
        if request.method == "HEAD":
            return f"Is this blob there? {'Yes' if good else 'No'}."
        return "Send me this blob." if good else "Send me this blob. It is not there."
    if "/manifests/" in parts.path:
        reference = parts.path.rpartition("/")[2]
        what = f"manifest {reference[7:19]}" if ":" in reference else f"tag {reference}"
        if request.method == "HEAD":
            return f"Which digest has the {what}?"
        if request.method == "PUT":
            return f"Here is the manifest of the {what}." if good else f"Here is the {what}. It is refused."
        return f"Send me the {what}." if good else f"Send me the {what}. It is not there."
    return ""


def shown_path(request: Request) -> str:
    """The path with digests cut to 12 digits, and without an upload's number, which is another each time."""
    return harmless(_DIGEST.sub(r"sha256:\1…", _UPLOAD.sub(r"\1…", unquote(request.path))))


def requests_table(requests: Iterable[Request], title: str) -> str:
    """The requests as an HTML table."""
    rows = [
        row([
            cell(code(one.method)), cell(code(shown_path(one))), number(str(one.status)), number(f"{one.sent:,}"),
            number(f"{one.received:,}"), cell(escape(caption(one)), WRAPPED),
        ])
        for one in requests
    ]  # fmt: skip
    return table(TITLES, rows, numbers=("STATUS", "SENT", "RECEIVED"), caption=f"<b>{escape(title)}</b>", label=title)
