"""One idea: a Dockerfile instruction that runs nothing only sets a key of the image's config.

`import --change 'CMD ["/app"]'` is Config.Cmd. Implements the instructions that docker allows there, by the Dockerfile
reference. Left out: HEALTHCHECK, and variables inside values, which belong to builds.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from .verbs import fail

Config = dict[str, Any]

_PORT = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp|sctp))?")
KNOWN = ("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")


def config_from(changes: Iterable[str], before: Mapping[str, Any] = MappingProxyType({})) -> Config:
    """The config keys that some instructions set, one after the other, in a config that was `before`.

    Ends the command for an instruction that is wrong.
    """
    config: Config = dict(before)
    for change in changes:
        word, _, rest = change.strip().partition(" ")
        word, rest = word.upper(), rest.strip()
        if word not in KNOWN:
            fail(f"Error: {word.lower() or repr(change)} is not a valid change command (these are: {', '.join(KNOWN)})")
        if not rest:
            fail(f"Error: {word} requires at least one argument")
        _apply(config, word, rest)
    return {key: value for key, value in config.items() if value is not before.get(key)}


def _apply(config: Config, word: str, rest: str) -> None:
    if word == "CMD":
        config["Cmd"] = _command(rest)
    elif word == "ENTRYPOINT":
        config["Entrypoint"] = _command(rest)
    elif word == "ENV":
        pairs = dict(item.split("=", 1) for item in config.get("Env") or []) | _pairs(word, rest)
        config["Env"] = [f"{name}={value}" for name, value in pairs.items()]
    elif word == "LABEL":
        config["Labels"] = (config.get("Labels") or {}) | _pairs(word, rest)
    elif word == "EXPOSE":
        config["ExposedPorts"] = (config.get("ExposedPorts") or {}) | {port: {} for port in _ports(rest)}
    elif word == "VOLUME":
        paths = _exec_form(rest) or _words(word, rest)
        config["Volumes"] = (config.get("Volumes") or {}) | {path: {} for path in paths}
    elif word == "ONBUILD":
        config["OnBuild"] = [*(config.get("OnBuild") or []), rest]
    elif word == "WORKDIR":
        config["WorkingDir"] = posixpath.normpath(posixpath.join("/", config.get("WorkingDir") or "", rest))
    else:
        config[{"USER": "User", "STOPSIGNAL": "StopSignal"}[word]] = rest


def _exec_form(rest: str) -> list[str] | None:
    try:
        value = json.loads(rest)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) and all(isinstance(each, str) for each in value) else None


def _command(rest: str) -> list[str]:
    """The exec form `["/app", "-v"]`, or the shell form, which a shell runs."""
    found = _exec_form(rest)
    return ["/bin/sh", "-c", rest] if found is None else found


def _words(word: str, rest: str) -> list[str]:
    try:
        return shlex.split(rest)
    except ValueError as error:
        fail(f"Error: {word} {rest}: {str(error).lower()}")


def _pairs(word: str, rest: str) -> dict[str, str]:
    """`A=b C="d e"`, or the old form `A the rest`."""
    first = rest.split()[0]
    if "=" not in first:
        name, _, value = rest.partition(" ")
        if not value.strip():
            fail(f"Error: {word} must have two arguments")
        return {name: value.strip()}
    found = {}
    for item in _words(word, rest):
        name, equals, value = item.partition("=")
        if not equals or not name:
            fail(f"Error: {word}: {item!r} must be of the form name=value")
        found[name] = value
    return found


def _ports(rest: str) -> list[str]:
    ports = []
    for item in rest.split():
        found = _PORT.fullmatch(item.lower())
        first = int(found[1]) if found else 0
        last = int(found[2] or found[1]) if found else 0
        if not found or not 0 < first <= last <= 65535:
            fail(f"Error: invalid containerPort: {item}")
        ports += [f"{port}/{found[3] or 'tcp'}" for port in range(first, last + 1)]
    return ports
