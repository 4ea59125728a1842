"""Strings, runes and lists as Go's `%q` prints them.

Follows Go's strconv.Quote.
"""

from __future__ import annotations

from collections.abc import Sequence

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
