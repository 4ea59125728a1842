"""Hosts: names that lead to the registries of this process, as lines of /etc/hosts would.

A registry in a notebook has a free port, another one each time; by a name it is the same in every run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ...errors import Invalid

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_named: dict[Path, tuple[str, str]] = {}  # a registry's folder → its name and address, in the order of opening


def point(name: str, folder: Path, address: str) -> None:
    """Let a name lead to the registry of a folder; raises Invalid where no image's name could begin with it."""
    if not _NAME.fullmatch(name) or len(name) > 63:
        raise Invalid(
            f"a registry cannot be called {name[:80]!r}: expected a host name with a dot, as in registry.test"
        )
    _named[folder] = (name, address)


def forget(folder: Path) -> None:
    """Let the name of this folder's registry lead nowhere. Idempotent."""
    _named.pop(folder, None)


def name_of(folder: Path) -> str:
    """The name of a folder's registry while it runs, or ""."""
    return _named.get(folder, ("", ""))[0]


def seen_from(folder: Path) -> Mapping[str, str]:
    """Name → address (`127.0.0.1:PORT`): of two registries with one name that of this folder, or the newer one."""
    own = [_named[folder]] if folder in _named else []
    return dict([*_named.values(), *own])
