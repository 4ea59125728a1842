"""JSON objects as Go's encoding/json reads them: keys in any case.

Go accepts `config` and `CONFIG` for the field `Config`, and some builders write images and archives in such spellings
(jib 1.x, for example). A key that matches a field exactly is that field; otherwise case is ignored. Of two keys for one
field the later one counts, and two objects are merged.

Implements the decoder's rules of Go's encoding/json, "Unmarshal". Left out: two keys spelled exactly alike, of which
the last counts here even where Go would merge them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Fields:
    """The field names of an object, and the Fields of those that hold objects or lists of objects."""

    def __init__(self, names: str, **inside: Fields) -> None:
        self.inside: Mapping[str, Fields] = inside
        self.exact = {*names.split(), *self.inside}
        self.folded = {name.casefold(): name for name in sorted(self.exact)}

    def read(self, value: Any) -> Any:
        """A JSON value with the keys of these fields in their canonical spelling, and other keys unchanged."""
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
    """The value of a field after a second key for it."""
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
