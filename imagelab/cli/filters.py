"""`--filter`: conditions on images and containers, as docker reads them.

`--filter dangling=true`, `reference=my*:1.?`, `before=…`, `since=…`, `label=key` or `label=key=value`, `until=24h`.
Filters of one kind widen a choice (either reference will do), except labels, which must all be there.

Follows moby (daemon/images/images.go, image_prune.go; api/types/time/timestamp.go).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ..golang.duration import parse_duration
from ..golang.match import go_match
from ..oci.reference import Reference
from .command import BAD_FLAG, fail

if TYPE_CHECKING:
    from ..lab import Lab
    from ..oci.image import Image

Filters = dict[str, list[str]]

_TRUE, _FALSE = ("true", "1"), ("false", "0")


def parse(texts: Iterable[str], known: tuple[str, ...]) -> Filters:
    """Read `name=value` filters; ends the command for one that is none, or that the command does not have."""
    filters: Filters = defaultdict(list)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            fail(
                f'invalid argument "{text}" for "-f, --filter" flag: bad format of filter (expected name=value)',
                BAD_FLAG,
            )
        name = name.strip().lower()
        if name not in known:
            fail(f"Error: Invalid filter '{name}': the filters here are {', '.join(known)}")
        filters[name].append(value.strip())
    return filters


def dangling(filters: Filters) -> bool | None:
    """What `dangling=` asks for, None where it was not given."""
    given = filters.get("dangling", [])
    if any(value not in _TRUE + _FALSE for value in given) or len(set(given)) > 1:
        fail(f"Error: Invalid filter 'dangling=[{' '.join(given)}]': it is true or false")
    return given[0] in _TRUE if given else None


def chosen(images: Iterable[Image], filters: Filters, lab: Lab) -> list[Image]:
    """The images that pass `before`, `since`, `until` and `label`; references choose names, not images."""
    before = [lab.image(ref).moment for ref in filters.get("before", [])]
    since = [lab.image(ref).moment for ref in filters.get("since", [])]
    until = [moment(text) for text in filters.get("until", [])]
    return [
        image
        for image in images
        if all(image.moment < limit for limit in before)
        and all(image.moment <= limit for limit in until)
        and all(image.moment > limit for limit in since)
        and all(_has_label(image, label) for label in filters.get("label", []))
    ]


def names_fit(reference: Reference, patterns: Iterable[str]) -> bool:
    """Whether a name, with its tag or without, fits one of the patterns."""
    try:
        rules = [go_match(pattern) for pattern in patterns]
    except ValueError as error:
        fail(f"Error: {error}")
    return any(rule.fullmatch(reference.familiar) or rule.fullmatch(reference.familiar_name) for rule in rules)


def _has_label(image: Image, wanted: str) -> bool:
    labels = (image.config.get("config") or {}).get("Labels") or {}
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def moment(text: str, flag: str = "") -> datetime:
    """A moment: seconds since 1970, a date, a date and time, or how long ago (`1h30m`); ends the command otherwise."""
    with suppress(ValueError):
        if text != "0":
            return datetime.now(UTC) - timedelta(microseconds=parse_duration(text) // 1000)
    with suppress(ValueError, OverflowError):
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC)
        return datetime.fromisoformat(text).astimezone()
    fail(f'{flag or "Error"}: failed to parse value as time or duration: "{text}"')
