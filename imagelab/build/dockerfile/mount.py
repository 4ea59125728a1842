"""`RUN --mount=type=…`: what one flag says.

Implements the Dockerfile reference, RUN --mount, with BuildKit's messages (instructions/commands_runmount.go). `ssh` is
refused, since no ssh agent is forwarded to a build.
"""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches

TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_KEYS = {
    "src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite",
    **{name: name for name in ("type", "from", "source", "target", "readonly", "readwrite", "id", "sharing")},
    **{name: name for name in ("required", "size", "mode", "uid", "gid", "env")},
}  # fmt: skip
_ONLY = {  # what only some types have
    "required": ("secret", "ssh"), "size": ("tmpfs",), "sharing": ("cache",), "env": ("secret",),
    "mode": ("secret", "ssh", "cache"), "uid": ("secret", "ssh", "cache"), "gid": ("secret", "ssh", "cache"),
}  # fmt: skip
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")


@dataclass(frozen=True, slots=True)
class Mount:
    """Files that a RUN sees and its layer does not have. Numbers are None where the flag gives none."""

    type: str
    source: str = ""
    target: str = ""
    origin: str = ""  # `from`: a stage or an image
    id: str = ""
    readonly: bool = False
    required: bool = False
    env: str | None = None  # of a secret: the variable that holds it
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None

    @property
    def secret(self) -> str:
        """The id of a secret: given as id or source, or else the last name of its target."""
        return self.source or self.id or posixpath.basename(self.target)


def parse_mount(text: str, expand: Callable[[str], str] = str) -> Mount:
    """Read the value of --mount, its words replaced by `expand`; raises ValueError with BuildKit's message."""
    values: dict[str, str] = {"type": "bind"}
    switches: dict[str, bool] = {}
    for field in next(csv.reader([text], strict=True), []):
        word, equals, value = field.partition("=")
        word = word.lower()
        if (key := _KEYS.get(word)) is None:
            if not equals:
                raise ValueError(f"invalid field '{field}' must be a key=value pair")
            raise ValueError(f"unexpected key '{word}' in '{field}'{_meant(word, _KEYS)}")
        value = _expanded(key, value, expand)
        if key in ("readonly", "readwrite", "required"):
            if equals and value not in _TRUE + _FALSE:
                raise ValueError(f"invalid value for {word}: {value}")
            switches[key] = not equals or value in _TRUE
        elif not equals:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        values[key] = value
    return _checked(values, switches)


def _expanded(key: str, value: str, expand: Callable[[str], str]) -> str:
    if key != "from":
        return expand(value)
    if re.search(r"\$.", value):
        raise ValueError("'from' doesn't support variable expansion, define alias stage instead")
    return value


def _checked(values: dict[str, str], switches: dict[str, bool]) -> Mount:
    kind = values["type"].lower()
    if kind not in TYPES:
        raise ValueError(f'unsupported mount type "{kind}"{_meant(kind, TYPES)}')
    if kind == "ssh":
        raise ValueError("ssh mounts are not supported, no ssh agent is forwarded to a build: use a secret, or COPY")
    for key in values:
        if kind not in _ONLY.get(key, (kind,)):
            raise ValueError(f"{key} not allowed for \"{kind}\" type mounts")
    if values.get("sharing", "shared").lower() not in ("shared", "private", "locked"):
        raise ValueError(f'unsupported sharing value "{values["sharing"]}": expected shared, private or locked')
    numbers = {key: _number(key, values[key]) for key in ("mode", "uid", "gid") if key in values}
    if kind == "secret":
        _check_secret(values)
    readonly = kind in ("bind", "secret")
    if "readwrite" in switches:
        readonly = not switches["readwrite"]
    return Mount(
        kind, values.get("source", ""), values.get("target", ""), values.get("from", ""), values.get("id", ""),
        switches.get("readonly", readonly), switches.get("required", False), values.get("env"), **numbers,
    )  # fmt: skip


def _meant(word: str, names: Iterable[str]) -> str:
    """BuildKit's suggestion for a mistyped word."""
    close = get_close_matches(word, names, 1)
    return f" (did you mean {close[0]}?)" if close else ""


def _check_secret(values: dict[str, str]) -> None:
    if values.get("from"):
        raise ValueError("secret mount should not have a from")
    if not any(values.get(key) for key in ("source", "target", "id")):
        raise ValueError("invalid secret mount. one of source, target required")
    if values.get("source") and values.get("id"):
        raise ValueError("both source and id can't be set")


def _number(key: str, value: str) -> int:
    if not re.fullmatch("[0-7]+" if key == "mode" else "[0-9]+", value) or len(value) > 9:
        raise ValueError(f"invalid value {value} for {key}")
    return int(value, 8 if key == "mode" else 10)
