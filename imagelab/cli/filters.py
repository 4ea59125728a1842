"""`--filter`: conditions on images and containers, as docker reads them.

`--filter dangling=true`, `reference=my*:1.?`, `before=…`, `since=…`, `label=key` or `label=key=value`, `until=24h`.
Filters of one kind widen a choice (either reference will do), except labels, which must all be there.

Follows moby (daemon/images/images.go, image_prune.go) and Go's path.Match for patterns.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..oci.reference import Reference
from ..units import timestamp
from .command import BAD_FLAG, fail

if TYPE_CHECKING:
    from ..lab import Lab
    from ..oci.image import Image

Filters = dict[str, list[str]]

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|ns))+")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
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
    before = [_moment(lab.image(ref)) for ref in filters.get("before", [])]
    since = [_moment(lab.image(ref)) for ref in filters.get("since", [])]
    until = [(moment(text), "") for text in filters.get("until", [])]
    return [
        image
        for image in images
        if all(_moment(image) < limit for limit in [*before, *until])
        and all(_moment(image) > limit for limit in since)
        and all(_has_label(image, label) for label in filters.get("label", []))
    ]


def names_fit(reference: Reference, patterns: Iterable[str]) -> bool:
    """Whether a name, with its tag or without, fits one of the patterns."""
    found = [_glob(pattern) for pattern in patterns]
    return any(glob.fullmatch(reference.familiar) or glob.fullmatch(reference.familiar_name) for glob in found)


def _moment(image: Image) -> tuple[int, str]:
    """When an image was created, to the last digit its config gives."""
    fraction = re.search(r"\.(\d+)", image.created or "")
    return timestamp(image.created), fraction[1].rstrip("0") if fraction else ""


def _has_label(image: Image, wanted: str) -> bool:
    labels = (image.config.get("config") or {}).get("Labels") or {}
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def moment(text: str, flag: str = "") -> int:
    """A moment: seconds since 1970, a date, a date and time, or how long ago (`1h30m`); ends the command otherwise."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return int(float(text))
    if _DURATION.fullmatch(text):
        parts = re.findall(r"([\d.]+)([a-z]+)", text)
        return int(time.time() - sum(float(number) * _SECONDS[unit] for number, unit in parts))
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError:
        fail(f'{flag or "Error"}: failed to parse value as time or duration: "{text}"')


def _glob(pattern: str) -> re.Pattern[str]:
    r"""Go's path.Match: `*` and `?` stop at '/', `[a-z]` and `[^a-z]` are classes, `\` takes the next as it is."""
    written, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            written += "[^/]*"
        elif char == "?":
            written += "[^/]"
        elif char == "[":
            found = re.compile(r"(\^?)((?:\\.|[^\]\\])+)\]", re.DOTALL).match(pattern, at)
            if not found:
                fail(f"Error: syntax error in pattern {pattern!r}: '[' without ']'")
            at = found.end()
            written += f"[{found[1]}{_class(found[2])}]"
        else:
            if char == "\\":
                char, at = pattern[at : at + 1], at + 1
            written += re.escape(char)
    try:
        return re.compile(written, re.DOTALL)
    except re.error:
        fail(f"Error: syntax error in pattern {pattern!r}")


def _class(inside: str) -> str:
    """The inside of a `[…]`, written for Python: ranges stay, everything else stands for itself."""
    parts = re.findall(r"\\(.)|(.)", inside, re.DOTALL)
    chars = [escaped or plain for escaped, plain in parts]
    return "".join("-" if char == "-" and 0 < n < len(chars) - 1 else re.escape(char) for n, char in enumerate(chars))
