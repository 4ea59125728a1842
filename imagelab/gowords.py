"""One idea: history and config hold words as Go writes them, since docker's builder is written in Go."""

from __future__ import annotations

import re
from collections.abc import Sequence


def go_list(words: Sequence[str]) -> str:
    """A list as Go prints it with %q."""
    return (
        "["
        + " ".join(
            '"' + w.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
            for w in words
        )
        + "]"
    )


def nanoseconds(text: str) -> int:
    """Go's time.ParseDuration, for what people write: 30s, 1m30s, 500ms."""
    units = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration such as 30s or 1m30s")
    return int(sum(float(number) * units[unit] for number, unit in parts))
