"""What a registry says when it refuses, as one sentence: its own words, whatever they are written in.

Implements the distribution-spec v1.1, "Error codes", for bodies that follow it; proxies answer with HTML.
"""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from ..oci.manifest import Json
from .connection.transport import Answer


def words_of(answer: Answer, text: bytes) -> str:
    """What a registry says in an error: the specification's JSON, or the first line of whatever came."""
    words = "; ".join(
        f"{item['code'].lower().replace('_', ' ')}: {item['message']}" if item["message"] else item["code"].lower()
        for item in errors_in(text)
    )
    if words:
        return words[:500]
    line = " ".join(_plain(text).split())[:160]
    host = urlsplit(answer.url).netloc.rpartition("@")[2]
    return f"{host} answered {answer.status}{': ' + line if line else ''}"


def errors_in(text: bytes) -> list[dict[str, str]]:
    """The code and message of each error in a body; none where it is not the specification's JSON."""
    try:
        value: Json = json.loads(text)
        return [
            {"code": str(item.get("code") or "UNKNOWN")[:80], "message": str(item.get("message") or "")[:300]}
            for item in value["errors"]
            if isinstance(item, dict)
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []


def _plain(text: bytes) -> str:
    """The text of an HTML page's title, or the text itself."""
    words = text.decode("utf-8", "replace")
    if title := re.search(r"<title>(.*?)</title>", words, re.DOTALL | re.IGNORECASE):
        return title[1]
    return re.sub(r"<[^>]*>", " ", words)
