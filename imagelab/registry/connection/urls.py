"""URLs that a registry sends its clients to, and how long it asks them to wait.

Follows RFC 9110 (Location, Retry-After).
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

from ...errors import LabError


def origin(url: str) -> tuple[str, str, int]:
    """The scheme, host and port of a URL: what credentials are for."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def redirected(url: str, location: str) -> str:
    """Where a Location leads; raises LabError for one that no client should follow."""
    try:
        target = urljoin(url, location)
        scheme, host, _ = origin(target)
    except ValueError:
        raise LabError(f"{url} redirects to {location[:80]!r}, which is not a URL") from None
    if scheme not in ("http", "https") or not host:
        raise LabError(f"{url} redirects to {location[:80]!r}: expected a URL with http or https")
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise LabError(
            f"{url} redirects from https to {location[:80]!r}, which is not encrypted, so it was not followed; "
            "the registry's proxy should set X-Forwarded-Proto: https"
        )
    return target


def retry_after(value: str | None) -> float | None:
    """Seconds that a Retry-After, a number or a date, asks to wait; None for none, and for one that is neither."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:12])
    try:
        when = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
