"""Sizes, times and text as docker's client prints them.

Docker prints 3968819 bytes as `3.97MB`, an hour as `About an hour`, and truncates a long command with `…`. `harmless`
escapes control characters, since text from an image may contain commands to the terminal.

Follows docker/go-units (size.go, duration.go) and docker/cli (formatter/displayutils.go); the tests compare
both with the real client.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)")

# Characters that control a terminal: C0 and C1 controls except tab and newline, and those that
# reorder a line (Unicode's bidirectional controls). Lone surrogates are file name bytes that are not UTF-8.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

NO_TIME = datetime.min.replace(tzinfo=UTC)  # 0001-01-01T00:00:00Z, Go's zero time: no time was recorded


def size(count: int, digits: int = 4) -> str:
    """A number of bytes in decimal units, with this many significant digits: docker uses 3 in columns, 4 in sums."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{digits}g}{_UNITS[unit]}"


def percent(part: int, whole: int) -> str:
    """A share such as `51.4%`, rounded down, so that 100.0% means all; 0 of 0 is 100.0%."""
    return f"{part * 1000 // whole / 10 if whole else 100:.1f}%"


def duration(seconds: float) -> str:
    """A duration in words, rounded as docker does: hours to the nearest, everything else down."""
    minutes, hours = int(seconds / 60), int(seconds / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if int(seconds) == 1 else f"{int(seconds)} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"


def parse_time(text: object) -> datetime:
    """An RFC 3339 time, as in an image's `created`; NO_TIME for any other text. Keeps microseconds."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        return NO_TIME
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:  # a 13th month, a 61st second, an offset of a day
        return NO_TIME


def since(moment: datetime, now: datetime) -> str:
    """The time passed since a moment, counted from its full second: `3 days ago`; "" for NO_TIME, as docker prints."""
    return "" if moment == NO_TIME else f"{duration((now - moment.replace(microsecond=0)).total_seconds())} ago"


def local(moment: datetime) -> datetime:
    """A moment in this machine's time zone; in its own where that would be before year 1."""
    try:
        return moment.astimezone()
    except (OverflowError, OSError, ValueError):
        return moment


def date_and_zone(moment: datetime) -> str:
    """A moment as `docker images` prints it: `2026-11-22 01:46:33 +0000 UTC`."""
    moment = local(moment)
    return f"{moment.isoformat(' ', 'seconds')[:19]} {moment:%z %Z}"


def rfc3339(moment: datetime) -> str:
    """A moment as `docker history` prints it: `2026-11-22T01:46:33Z`."""
    return local(moment).isoformat(timespec="seconds").replace("+00:00", "Z")


def ellipsis(text: str, columns: int) -> str:
    """Text truncated to a number of terminal columns, with `…` as the last one."""
    if width(text) <= columns:
        return text
    while width(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def width(text: str) -> int:
    """The terminal columns of a text: two for wide East Asian characters, one for all others."""
    if text.isascii():
        return len(text)
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def harmless(text: str) -> str:
    r"""Text with control characters escaped: ESC becomes `\x1b`.

    Bytes of file names that are not UTF-8 are escaped too.
    """
    return _CONTROLS.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(name: str) -> str:
    """A file name with tabs and newlines escaped, so that it stays in its column and line."""
    return name.replace("\t", "\\x09").replace("\n", "\\x0a")
