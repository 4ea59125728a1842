"""Mount: a folder or file that a container sees at a path, and the flags that say so: `-v`, `--mount`, `--tmpfs`.

A mount is a *bind* (a path of this machine), a *volume* (see `volume`), or a *tmpfs* (empty at each start, gone at the
end). Mistakes have docker's words: those of its client are ValueErrors, those of its daemon LabErrors.

Follows docker/cli (opts/mount.go, 28.2) and moby (volume/mounts/linux_parser.go, 20.10). Left out, and refused by name:
other drivers than `local` and their options, propagation of mounts, subpaths, and images as mounts.
"""

from __future__ import annotations

import csv
import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ..errors import LabError
from ..shown import Displayed

TYPES = ("bind", "volume", "tmpfs")
_MODES = (  # of which a mode has at most one of each row
    ("rw", "ro"), ("z", "Z"), ("nocopy",), ("consistent", "cached", "delegated"),
    ("private", "rprivate", "shared", "rshared", "slave", "rslave"),
)  # fmt: skip
_KEYS = {
    "type": "type", "source": "source", "src": "source", "target": "target", "dst": "target", "destination": "target",
    "readonly": "readonly", "ro": "readonly", "consistency": "consistency", "bind-propagation": "bind-propagation",
    "volume-nocopy": "volume-nocopy", "tmpfs-size": "tmpfs-size", "tmpfs-mode": "tmpfs-mode",
}  # fmt: skip
_REFUSED = ("bind-nonrecursive", "bind-recursive", "bind-create-src", "image-subpath", "volume-driver", "volume-label",
            "volume-opt", "volume-subpath")  # fmt: skip
_SWITCHES = ("readonly", "volume-nocopy")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_TMPFS = re.compile(
    r"(size|mode|uid|gid|nr_inodes|nr_blocks|mpol)=.+|ro|rw|(no)?(exec|suid|dev|atime|diratime)|relatime|strictatime"
)
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}


@dataclass(frozen=True, slots=True)
class Mount(Displayed):
    """What a container sees at `target`; `flag` asked for it: "-v", "--mount", "--tmpfs", "VOLUME" or "from"."""

    type: str
    target: str  # absolute and without `..`
    source: str = ""  # of a bind, its path on this machine; of a volume, its name
    readonly: bool = False
    anonymous: bool = False  # a volume whose name was made up: it goes with its last container
    nocopy: bool = False  # the files that the image has at the target are not copied into an empty volume
    mode: str = ""  # as -v gives it
    options: str = ""  # of a tmpfs, as --tmpfs gives them
    flag: str = "-v"

    @property
    def tmpfs_mode(self) -> int:
        """The mode of the folder of a tmpfs."""
        return int(self._option("mode") or "1777", 8)

    @property
    def tmpfs_size(self) -> int:
        """The size of a tmpfs in bytes, 0 for none given."""
        return _bytes(self._option("size") or "0")

    def _option(self, name: str) -> str:
        values = (option.partition("=") for option in self.options.split(","))
        return next((value for key, _, value in values if key == name), "")


def read_volume(text: str) -> Mount:
    """Read the value of -v; raises LabError with the daemon's words. `./data` is a path, as for Docker since 23."""
    fields = text.split(":", 3)
    mode = fields[2] if len(fields) > 2 else ""
    invalid = LabError(f"invalid volume specification: '{text}'")
    if not fields[0] or not fields[-1] or len(fields) > 3 or (len(fields) == 2 and is_mode(fields[1])):
        raise invalid
    if len(fields) == 1:
        return checked(Mount("volume", fields[0], anonymous=True), "")
    if not is_mode(mode):
        raise LabError(f"invalid mode: {mode}")
    words = mode.split(",")
    source = os.path.abspath(fields[0]) if fields[0].startswith("./") or fields[0] == "." else fields[0]
    kind = "bind" if source.startswith("/") else "volume"
    mount = Mount(kind, fields[1], source, "ro" in words, nocopy="nocopy" in words, mode=mode)
    why = f"{invalid}: "
    if set(words) & set(_MODES[4]) - {"private", "rprivate"}:
        raise LabError(f"{why}mounts are not passed on between containers and this machine: leave {mode} out")
    if kind == "volume" and set(words) & set(_MODES[4]):
        raise LabError(f'{why}invalid mount config for type "volume": field BindOptions must not be specified')
    if kind == "bind" and mount.nocopy:
        raise LabError(f'{why}invalid mount config for type "bind": field VolumeOptions must not be specified')
    return checked(mount, why)


def is_mode(text: str) -> bool:
    """Whether a text is the mode of a -v, such as "ro", "z" or "ro,nocopy"."""
    words = text.split(",") if text else []
    return all(sum(word in row for word in words) <= 1 for row in _MODES) and all(
        any(word in row for row in _MODES) for word in words
    )


def read_mount(text: str) -> Mount:
    """Read the value of --mount; raises ValueError with the client's words: `checked` has the daemon's."""
    values = {"type": "volume"}
    for field in next(csv.reader([text], strict=True), []):
        word, equals, value = field.partition("=")
        key = _KEYS.get(word.lower(), "")
        if word.lower() in _REFUSED:
            raise ValueError(f"{word.lower()} is not supported: volumes are folders of the store, of the driver local")
        if not equals and key not in _SWITCHES:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        if not key:
            raise ValueError(f"unexpected key '{word.lower()}' in '{field}'")
        value = value if equals else "true"
        if not _is_value(key, value):
            raise ValueError(f"invalid value for {word.lower()}: {value}")
        values[key] = value
    if not text:
        raise ValueError("EOF")
    return _mount(values)


def _is_value(key: str, value: str) -> bool:
    if key in _SWITCHES:
        return value in _TRUE + _FALSE
    if key == "tmpfs-size":
        return bool(re.fullmatch(r"\d+(\.\d+)? ?([kmgtp]i?)?b?", value, re.IGNORECASE))
    return key != "tmpfs-mode" or bool(re.fullmatch("[0-7]{1,10}", value))


def _mount(values: Mapping[str, str]) -> Mount:
    kind = values["type"].lower()
    if not kind:
        raise ValueError("type is required")
    if not values.get("target"):
        raise ValueError("target is required")
    for other in ("volume", "bind", "tmpfs"):
        if kind != other and any(key.startswith(f"{other}-") for key in values):
            raise ValueError(f"cannot mix '{other}-*' options with mount type '{kind}'")
    if values.get("bind-propagation", "rprivate") not in ("private", "rprivate"):
        raise ValueError("bind-propagation must be rprivate: mounts are not passed on")
    source = values.get("source", "")
    if kind == "bind" and (source == "." or source.startswith("./")):
        source = os.path.abspath(source)
    options = [f"{key[6:]}={values[key]}" for key in ("tmpfs-size", "tmpfs-mode") if key in values]
    return Mount(
        kind, values["target"], source, values.get("readonly") in _TRUE, kind == "volume" and not source,
        values.get("volume-nocopy") in _TRUE, options=",".join(options), flag="--mount",
    )  # fmt: skip


def named_mount(mount: str | Mount) -> Mount:
    """A mount, or the text of --mount, that the daemon takes; raises LabError."""
    try:
        return checked(read_mount(mount) if isinstance(mount, str) else mount)
    except ValueError as error:
        raise LabError(f'invalid argument "{mount}" for "--mount" flag: {error}') from None


def read_tmpfs(text: str) -> Mount:
    """Read the value of --tmpfs, PATH or PATH:OPTIONS; raises LabError with the daemon's words."""
    target, _, options = text.partition(":")
    unknown = [option for option in filter(None, options.split(",")) if not _TMPFS.fullmatch(option)]
    if unknown:
        raise LabError(f'invalid tmpfs option ["{unknown[0]}"]')
    mount = Mount("tmpfs", target, readonly="ro" in options.split(","), options=options, flag="--tmpfs")
    for key, word in (("tmpfs-size", "size"), ("tmpfs-mode", "mode")):
        if (value := mount._option(word)) and not _is_value(key, value):
            raise LabError(f'invalid tmpfs option ["{word}={value}"]')
    _check_target(target)
    return checked(mount, "")


def _bytes(text: str) -> int:
    match = re.fullmatch(r"([\d.]+) ?([kmgtp]?)i?b?", text.lower())
    return int(float(match[1]) * _UNITS[match[2]]) if match else 0


def checked(mount: Mount, why: str = "") -> Mount:
    """The mount with a cleaned path; raises LabError, begun with `why`, for what the daemon takes no mount from."""
    why += f'invalid mount config for type "{mount.type}": '
    if mount.type not in TYPES:
        raise LabError(f"{why}mount type unknown")
    _check_target(mount.target, why)
    if mount.type == "bind":
        if not mount.source:
            raise LabError(f"{why}field Source must not be empty")
        if not mount.source.startswith("/"):
            raise LabError(f"{why}invalid mount path: '{mount.source}' mount path must be absolute")
        if mount.flag == "--mount" and not os.path.exists(mount.source):
            raise LabError(f"{why}bind source path does not exist: {mount.source}")
    if mount.type == "tmpfs" and mount.source:
        raise LabError(f"{why}field Source must not be specified")
    if mount.type == "volume" and mount.anonymous and mount.readonly:
        raise LabError(f"{why}must not set ReadOnly mode when using anonymous volumes")
    return replace(mount, target=_clean(mount.target))


def _check_target(target: str, why: str = "") -> None:
    if target.startswith("/") and _clean(target) == "/":
        raise LabError(f"{why}invalid specification: destination can't be '/'")
    if not target.startswith("/"):
        raise LabError(f"{why}invalid mount path: '{target}' mount path must be absolute")


def _clean(path: str) -> str:
    return posixpath.normpath(path).replace("//", "/")


def anonymous_paths(mounts: Iterable[Mount]) -> list[str]:
    """The targets that -v or an image's VOLUME declares: docker's Config.Volumes."""
    return sorted(mount.target for mount in mounts if mount.anonymous and mount.flag in ("-v", "VOLUME"))


def collected(inherited: Iterable[Mount], given: Iterable[Mount], declared: Iterable[str]) -> tuple[Mount, ...]:
    """The mounts of a container, one for each target; raises LabError for two that are `given` for the same target.

    What is given replaces what is `inherited` by --volumes-from, and the VOLUMEs that an image declares become
    anonymous volumes where nothing else is mounted; so does a path that is given alone.
    """
    mounts = {mount.target: mount for mount in inherited}
    paths = [mount for mount in given if mount.anonymous and mount.flag == "-v"]
    targets: set[str] = set()
    for mount in given:
        if mount in paths:
            continue
        if mount.target in targets:
            raise LabError(f"Duplicate mount point: {mount.target}")
        targets.add(mount.target)
        mounts[mount.target] = mount
    images = [checked(Mount("volume", path, anonymous=True, flag="VOLUME")) for path in declared]
    for mount in (*paths, *images):
        mounts.setdefault(mount.target, mount)
    return tuple(mounts.values())
