"""How Go quotes text, prints durations and matches file names, since docker is written in Go."""

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


def go_match(pattern: str) -> re.Pattern[str]:
    """Go's path.Match for one path element, as a regular expression for `fullmatch`; raises ValueError.

    `*` is any text, `?` any character, `[a-z]` and `[^a-z]` one of a class, and a backslash makes the next character an
    ordinary one, in a class too.
    """
    chunks, at = [""], 0  # what stands between the asterisks
    while at < len(pattern):
        c, at = pattern[at], at + 1
        if c == "*":
            chunks.append("")
        elif c == "?":
            chunks[-1] += "[^/]"
        elif c == "[":
            inside, at = _class(pattern, at)
            chunks[-1] += inside
        else:
            if c == "\\":
                c, at = _character(pattern, at - 1)
            chunks[-1] += re.escape(c)
    first, *middle, last = [chunks[0], *filter(None, chunks[1:-1]), chunks[-1]] if len(chunks) > 1 else ["", chunks[0]]
    # The leftmost place of each chunk is as good as any later one, so nothing need be tried again.
    between = "".join(f"(?>[^/]*?{chunk})" for chunk in middle)
    return re.compile(f"{first}{between}{'[^/]*' if len(chunks) > 1 else ''}{last}", re.DOTALL)


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A class from behind its bracket on, as a regular expression's, and where it ends; [b-a] matches nothing."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", at)):
        first, at = _member(pattern, at)
        last = first
        if pattern.startswith("-", at):
            last, at = _member(pattern, at + 1)
        ranges.append(f"{re.escape(first)}-{re.escape(last)}" if first <= last else "")
    if not any(ranges):
        return "[^/]" if negated else "(?!)", at + 1
    return f"[{'^/' if negated else ''}{''.join(ranges)}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    """One character of a class."""
    if pattern[at : at + 1] in ("", "-", "]"):
        raise ValueError(f"syntax error in pattern {pattern!r}: '[' without ']', or without a character before it")
    return _character(pattern, at)


def _character(pattern: str, at: int) -> tuple[str, int]:
    """The character at a place, or behind the backslash there, and where the next one is."""
    at += pattern[at] == "\\"
    if at == len(pattern):
        raise ValueError(f"syntax error in pattern {pattern!r}: nothing after the backslash")
    return pattern[at], at + 1
