"""Lengths of time as Go prints and parses them: `1m30s`.

Follows Go's time.Duration.String and time.ParseDuration.
"""

from __future__ import annotations

import re
from decimal import Decimal

_NANOSECONDS = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}  # fmt: skip
_PART = r"(?=\.?\d)(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)"
_DURATION = re.compile(rf"[-+]?(?:0|(?:{_PART})+)", re.ASCII)


def format_duration(nanoseconds: int) -> str:
    """A duration of 0 or more as Go prints it: 0s, 500ms, 3s, 1m30s, 1h0m0s."""
    for unit, size in (("ns", 1_000), ("µs", 1_000_000), ("ms", 1_000_000_000)):
        if 0 < nanoseconds < size:
            return f"{Decimal(nanoseconds) / (size // 1000):f}{unit}"
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = f"{seconds % 60}" + (f".{rest:09d}".rstrip("0") if rest else "") + "s"
    if seconds >= 60:
        text = f"{seconds // 60 % 60}m{text}"
    return f"{seconds // 3600}h{text}" if seconds >= 3600 else text


def parse_duration(text: str) -> int:
    """A duration such as 30s, 1m30s, 1.5h or -500ms in nanoseconds; raises ValueError for any other text."""
    size = 0
    for whole, fraction, unit in re.findall(_PART, text, re.ASCII):
        nanoseconds = _NANOSECONDS[unit]
        size += int(whole or 0) * nanoseconds + int(int(fraction or 0) * (nanoseconds / 10 ** len(fraction)))
    if not _DURATION.fullmatch(text) or size >= 2**63:
        raise ValueError(f"{text!r} is not a duration such as 30s or 1m30s")
    return -size if text.startswith("-") else size
