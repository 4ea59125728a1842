"""Platforms: which image of an index is for this machine.

An index lists one manifest per operating system and processor. Of them one is taken: for linux on this machine's
processor where there is one.

Implements the OCI image-spec, image-index.md, "platform". Left out: os.version, os.features, variants of a processor.
"""

from __future__ import annotations

import platform

from ..errors import Invalid
from .manifest import Json

_GO_NAMES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}  # Go's names for processors, as GOARCH


def descriptors(index: Json, what: str) -> list[Json]:
    """The descriptors that a parsed index lists; raises Invalid, naming `what` it was to be."""
    items = index.get("manifests") or []  # Go writes an empty list as null
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Invalid(f"{what} is not an OCI index: it has no list of 'manifests'")
    return items


def of_this_machine() -> str:
    """The platform that containers have here: `linux/amd64`."""
    return f"linux/{_GO_NAMES.get(platform.machine(), platform.machine())}"


def fits(descriptor: Json) -> bool:
    """Whether an image is for linux on this machine's processor; raises Invalid for a damaged platform."""
    value = _platform(descriptor)
    return f"{value.get('os', 'linux')}/{value.get('architecture')}" == of_this_machine()


def matches(name: str, requested: str) -> bool:
    """Whether a platform, as `name_of` gives it, is the one that was asked for: linux/arm64 is linux/arm64/v8 too."""
    return name == requested or name.startswith(f"{requested}/") or requested == f"{name}/v8"


def by_preference(items: list[Json]) -> list[Json]:
    """The same descriptors, those that fit this machine first; raises Invalid for a damaged platform."""
    return sorted(items, key=lambda descriptor: not fits(descriptor))


def name_of(descriptor: Json) -> str:
    """A platform as docker writes it: `linux/arm64/v8`; raises Invalid for a damaged one."""
    value = _platform(descriptor)
    parts = [str(value[key])[:40] for key in ("os", "architecture", "variant") if value.get(key)]
    return "/".join(parts) or "no platform"


def is_attestation(descriptor: Json) -> bool:
    """Whether it is BuildKit's attestation (SBOM, provenance), not an image; raises Invalid for a damaged platform."""
    return _platform(descriptor).get("os") == "unknown"


def _platform(descriptor: Json) -> Json:
    value = descriptor.get("platform") or {}
    if not isinstance(value, dict):
        raise Invalid(f"an image in an index has the platform {str(value)[:80]!r}: expected an object")
    return value
