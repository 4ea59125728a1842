"""Which containers have a volume: what their folders in the store say (see `containers.record`).

A volume is in use by every container that was made with it, whether it runs or not, and by one that is being made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import LabError
from .mount import Mount
from .volume import Volumes

GONE = ".gone-"  # prefix of the folder of a container that is being removed


def volume_users(home: Path) -> dict[str, list[str]]:
    """The IDs of the containers that have each volume of a store."""
    users: dict[str, list[str]] = {}
    for config in sorted((home / "containers").glob("*/config.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(config.read_bytes())
            for name in {mount["source"] for mount in values["mounts"] if mount["type"] == "volume"}:
                if not config.parent.name.startswith(GONE):
                    users.setdefault(name, []).append(values["id"])
    return users


def remove_anonymous(home: Path, mounts: Iterable[Mount]) -> None:
    """Remove the volumes of a removed container that have no name of their own, unless another container has them."""
    for mount in mounts:
        if mount.anonymous:
            with suppress(LabError):
                Volumes(home).remove(mount.source, lambda: volume_users(home))
