"""JSON objects as Go's encoding/json reads them: keys in any case.

Docker is written in Go. Where it expects the key `Config`, Go takes `config` and `CONFIG` too, and so do all images and
archives that other builders wrote in that spelling (jib 1.x, for one). A key that is written exactly like a field is
that field; any other key is the field it equals but for case. Two keys for one field: the later one counts, and two
objects are merged.

Implements the decoder's rules of Go's encoding/json, "Unmarshal". Left out: two keys spelled exactly alike, of which
the last counts here even where Go would merge them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Fields:
    """The names of an object's fields, and the fields inside those that hold objects, or lists of them."""

    def __init__(self, names: str, **inside: Fields) -> None:
        self.inside: Mapping[str, Fields] = inside
        self.exact = {*names.split(), *self.inside}
        self.folded = {name.casefold(): name for name in sorted(self.exact)}

    def read(self, value: Any) -> Any:
        """The value with every known key in its own spelling, and unknown keys as they are."""
        if isinstance(value, list):
            return [self.read(item) for item in value]
        if not isinstance(value, dict):
            return value
        read: dict[str, Any] = {}
        key: str
        for key, item in value.items():
            name: str = key if key in self.exact else self.folded.get(key.casefold(), key)
            if name in self.inside:
                item = self.inside[name].read(item)
            read[name] = _second(read[name], item) if name in read else item
        return read


def _second(first: Any, second: Any) -> Any:
    """What a field holds after a second key for it."""
    if isinstance(first, dict) and isinstance(second, dict):
        return {**first, **second}
    return first if second is None and isinstance(first, str | bool | int) else second


PLATFORM = Fields("architecture os os.version os.features variant")
DESCRIPTOR = Fields("mediaType digest size urls annotations data artifactType", platform=PLATFORM)
MANIFEST = Fields(
    "schemaVersion mediaType artifactType annotations",
    config=DESCRIPTOR, layers=DESCRIPTOR, manifests=DESCRIPTOR, subject=DESCRIPTOR,
)  # fmt: skip
LAYOUT = Fields("imageLayoutVersion")
ARCHIVED = Fields("Config RepoTags Layers Parent LayerSources")  # an item of docker save's manifest.json
_HEALTH = Fields("Test Interval Timeout StartPeriod StartInterval Retries")
_SETTINGS = Fields(
    "Hostname Domainname User AttachStdin AttachStdout AttachStderr ExposedPorts Tty OpenStdin StdinOnce Env Cmd "
    "ArgsEscaped Image Volumes WorkingDir Entrypoint NetworkDisabled MacAddress OnBuild Labels StopSignal StopTimeout "
    "Shell",
    Healthcheck=_HEALTH,
)
CONFIG = Fields(
    "id parent comment created container docker_version author architecture variant os os.version os.features Size",
    config=_SETTINGS, container_config=_SETTINGS, rootfs=Fields("type diff_ids"),
    history=Fields("created created_by comment author empty_layer"),
)  # fmt: skip
