"""`--filter`: conditions on images and containers, as docker reads them.

`--filter dangling=true`, `reference=my*:1.?`, `before=…`, `since=…`, `label=key` or `label=key=value`; in the prune
commands also `until=24h` and `label!=key`. Several filters of one name select what matches any of them, except labels:
all `label=` must match, and not all `label!=`.

Follows moby (daemon/images/images.go, image_prune.go; daemon/prune.go; api/types/time/timestamp.go).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
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

Passes = Callable[[Mapping[str, str], datetime], bool]  # whether a prune may remove what has these labels and time
PRUNE = ("label", "label!", "until")  # the names that `prune_condition` reads
_TRUE, _FALSE = ("true", "1"), ("false", "0")


def parse(texts: Iterable[str], names: tuple[str, ...]) -> Filters:
    """Read `name=value` filters; ends the command for other text, and for a name that the command does not have.

    `label!=value` is the filter named `label!`. As in docker, an empty text is no filter.
    """
    filters: Filters = defaultdict(list)
    for text in filter(None, texts):
        name, equals, value = text.partition("=")
        if not equals:
            fail(
                f'invalid argument "{text}" for "-f, --filter" flag: bad format of filter (expected name=value)',
                BAD_FLAG,
            )
        name = name.strip().lower()
        if name not in names:
            fail(f"Error: Invalid filter '{name}': the filters here are {', '.join(names)}")
        filters[name].append(value.strip())
    return filters


def dangling(filters: Filters) -> bool | None:
    """The value of `dangling=`, None without that filter; ends the command for anything but true and false."""
    values = filters.get("dangling", [])
    if any(value not in _TRUE + _FALSE for value in values) or len(set(values)) > 1:
        fail(f"Error: Invalid filter 'dangling=[{' '.join(values)}]': expected true or false")
    return values[0] in _TRUE if values else None


def chosen(images: Iterable[Image], filters: Filters, lab: Lab) -> list[Image]:
    """The images that pass `before`, `since` and `label`; `reference` selects names (see `names_fit`), not images."""
    before = [lab.image(ref).moment for ref in filters.get("before", [])]
    since = [lab.image(ref).moment for ref in filters.get("since", [])]
    return [
        image
        for image in images
        if all(image.moment < limit for limit in before)
        and all(image.moment > limit for limit in since)
        and labels_pass(image_labels(image), filters)
    ]


def prune_condition(filters: Filters) -> Passes:
    """Whether a prune may remove what has these labels and was created then: `label`, `label!` and `until`.

    Ends the command for a time that cannot be read, and for several.
    """
    times = set(filters.get("until", []))
    if len(times) > 1:
        fail("Error: more than one until filter specified")
    limits = [moment(text) for text in times]

    def passes(labels: Mapping[str, str], created: datetime) -> bool:
        return all(created <= limit for limit in limits) and labels_pass(labels, filters)

    return passes


def labels_pass(labels: Mapping[str, str], filters: Filters) -> bool:
    """Whether labels include all that `label=` names, and not all that `label!=` names."""
    unwanted = filters.get("label!", [])
    return _include(labels, filters.get("label", [])) and not (unwanted and _include(labels, unwanted))


def _include(labels: Mapping[str, str], texts: Iterable[str]) -> bool:
    pairs = (text.partition("=") for text in texts)
    return all(key in labels and (not equals or labels[key] == value) for key, equals, value in pairs)


def image_labels(image: Image) -> Mapping[str, str]:
    """The labels in an image's config."""
    labels: Mapping[str, str] = (image.config.get("config") or {}).get("Labels") or {}
    return labels


def names_fit(reference: Reference, patterns: Iterable[str]) -> bool:
    """Whether a name, with its tag or without, matches one of the patterns; ends the command for a malformed one."""
    try:
        rules = [go_match(pattern) for pattern in patterns]
    except ValueError as error:
        fail(f"Error: {error}")
    return any(rule.fullmatch(reference.familiar) or rule.fullmatch(reference.familiar_name) for rule in rules)


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
