"""Sizes, times and text as docker's client prints them.

Docker prints 3968819 bytes as `3.97MB`, an hour as `About an hour`, and cuts a long command with `…`. These
are its rules, so that a column here is the column there. And text that came out of an image is somebody
else's: `harmless` shows what a terminal would obey.

Follows docker/go-units (size.go, duration.go) and docker/cli (formatter/displayutils.go); the tests compare
both with the real client.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB")
_CREATED = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What a terminal obeys instead of showing: C0 and C1 controls but for tab and newline, and the marks that
# reorder a line (Unicode's bidirectional controls). Lone surrogates are file name bytes that are not UTF-8.
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

NO_TIME = -62135596800  # 0001-01-01T00:00:00Z, Go's zero time: docker's number where no time was recorded


def size(count: int, digits: int = 4) -> str:
    """Bytes in decimal units, to so many significant digits: docker's columns have 3, its sums 4."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{digits}g}{_UNITS[unit]}"


def percent(part: int, whole: int) -> str:
    """A share such as `51.4%`, rounded down, so that 100.0% is all of it; nothing of nothing is all of it too."""
    return f"{part * 1000 // whole / 10 if whole else 100:.1f}%"


def duration(seconds: float) -> str:
    """A length of time in words, rounded as docker rounds: hours to the nearest, everything else down."""
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


def timestamp(created: object) -> int:
    """An image's `created` (RFC 3339 text) as whole seconds since 1970; NO_TIME where none can be read."""
    found = _CREATED.fullmatch(created) if isinstance(created, str) else None
    if not found:
        return NO_TIME
    zone = "+00:00" if found[2] in "Zz" else found[2]
    try:
        return (datetime.fromisoformat(found[1].upper() + zone) - _EPOCH) // timedelta(seconds=1)
    except (ValueError, OverflowError):  # a 13th month, a 61st second, an offset of a day
        return NO_TIME


def since(created: int, now: float) -> str:
    """How long ago, such as `3 days ago`; empty where no time is known, as docker has it."""
    return "" if created == NO_TIME else f"{duration(now - created)} ago"


def local(created: int) -> datetime:
    """A moment on this machine's clock; before year 1 has no local time, so there it stays UTC."""
    moment = _EPOCH + timedelta(seconds=created)
    try:
        return moment.astimezone()
    except (OverflowError, OSError, ValueError):
        return moment


def date_and_zone(created: int) -> str:
    """A moment as `docker images` writes it: `2026-11-22 01:46:33 +0000 UTC`."""
    moment = local(created)
    return f"{moment.isoformat(' ', 'seconds')[:19]} {moment:%z %Z}"


def rfc3339(created: int) -> str:
    """A moment as `docker history` writes it: `2026-11-22T01:46:33Z`."""
    return local(created).isoformat().replace("+00:00", "Z")


def ellipsis(text: str, columns: int) -> str:
    """Text that fits so many columns, its last one `…` where something was cut."""
    if width(text) <= columns:
        return text
    while width(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def width(text: str) -> int:
    """Terminal columns the text takes: wide East Asian characters take two, all others count as one."""
    if text.isascii():
        return len(text)
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def harmless(text: str) -> str:
    r"""The text with every character a terminal would obey shown as an escape: ESC becomes `\x1b`.

    A byte of a file name that is not UTF-8 is shown as that byte.
    """
    return _OBEYED.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(name: str) -> str:
    """A file name in a listing: a tab or newline in it must not look like the next column or file."""
    return name.replace("\t", "\\x09").replace("\n", "\\x0a")
