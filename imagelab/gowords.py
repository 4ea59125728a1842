"""One idea: history and config hold words as Go writes them, since docker's builder is written in Go."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

_ESCAPES = {7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 92: "\\"}


def go_list(words: Sequence[str]) -> str:
    """A list of strings as Go prints it with %q."""
    return "[" + " ".join(go_quoted(word) for word in words) + "]"


def go_quoted(text: str) -> str:
    """A string as Go prints it with %q."""
    return f'"{_quoted(text, chr(34))}"'


def go_rune(number: int) -> str:
    """A number as Go prints it with %q: as the character of that code."""
    return f"'{_quoted(chr(number), chr(39))}'"


def _quoted(text: str, quote: str) -> str:
    out = ""
    for c in text:
        if c == quote or ord(c) in _ESCAPES:
            out += "\\" + _ESCAPES.get(ord(c), c)
        elif c.isprintable():
            out += c
        else:
            out += (
                f"\\x{ord(c):02x}" if ord(c) < 0x80 else f"\\u{ord(c):04x}" if ord(c) < 1 << 16 else f"\\U{ord(c):08x}"
            )
    return out


def duration(nanoseconds: int) -> str:
    """Go's Duration.String: 0s, 500ms, 3s, 1m30s, 1h0m0s."""
    for unit, size in (("ns", 1_000), ("µs", 1_000_000), ("ms", 1_000_000_000)):
        if 0 < nanoseconds < size:
            return f"{Decimal(nanoseconds) / (size // 1000):f}{unit}"
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    text = f"{seconds % 60}" + (f".{rest:09d}".rstrip("0") if rest else "") + "s"
    if seconds >= 60:
        text = f"{seconds // 60 % 60}m{text}"
    return f"{seconds // 3600}h{text}" if seconds >= 3600 else text


def nanoseconds(text: str) -> int:
    """Go's time.ParseDuration, for what people write: 30s, 1m30s, 500ms."""
    units = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is not a duration such as 30s or 1m30s")
    return int(sum(float(number) * units[unit] for number, unit in parts))
