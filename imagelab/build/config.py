"""Instructions that write only the config of an image: ENV, LABEL, CMD, EXPOSE, ….

For each there is a function that returns what to write: the history's line, in BuildKit's words, and config keys. A
stage of a build applies it to its image; `applied` applies the instructions of `commit --change` to a config. WORKDIR
is among them, though in a build it also makes the directory.

Implements the Dockerfile reference, and moby's BuildFromConfig (builder/dockerfile/builder.go) for --change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ..golang.duration import format_duration, parse_duration
from ..golang.quote import go_list, go_rune
from .dockerfile import Instruction, parse_instructions

Config = Mapping[str, Any]  # the `config` object of an image's config: Env, Cmd, Labels, …
SHELL = ("/bin/sh", "-c")
# The instructions that `--change` accepts (moby's validCommitCommands).
CHANGES = ("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "USER", "VOLUME", "WORKDIR")
_SIGNAL = re.compile(
    "(?:SIG)?(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS"
    r"|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTM(?:IN(?:\+(?:[1-9]|1[0-5]))?|AX(?:-(?:[1-9]|1[0-4]))?))"
)


class ConfigChange(NamedTuple):
    """What an instruction writes: the history's `created_by` (None for no line) and config keys (None removes one)."""

    created_by: str | None
    settings: dict[str, Any]


def write(
    instruction: Instruction, config: Config, values: Mapping[str, str], *, cmd_set: bool = False
) -> ConfigChange:
    """What an instruction of WRITES writes; raises DockerfileError.

    `values` are the variables that its words may refer to. An ENTRYPOINT removes the Cmd of the base image, which was
    meant for another entrypoint, but not one set in the same stage (`cmd_set`).
    """
    change = WRITES[instruction.name](instruction, config, values)
    if instruction.name == "ENTRYPOINT" and not cmd_set:
        change.settings["Cmd"] = None
    return change


def variables(config: Config) -> dict[str, str]:
    """The Env of a config by name."""
    return dict(line.partition("=")[::2] for line in config.get("Env") or [])


def pairs(instruction: Instruction, values: Mapping[str, str]) -> dict[str, str]:
    """The names and values of an ENV or LABEL, all expanded with the variables before it."""
    return {instruction.word(n, values): instruction.word(v, values) for n, v in instruction.pairs()}


def argv(instruction: Instruction, config: Config) -> list[str]:
    """The command of a CMD, ENTRYPOINT or RUN: as it is in exec form, an argument of the shell otherwise."""
    if instruction.exec_form:
        return list(instruction.args)
    return [*(config.get("Shell") or SHELL), *(instruction.args[:1] or [""])]


def _env(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    new = pairs(instruction, values)
    lines = list(config.get("Env") or [])
    for name, value in new.items():
        at = next((i for i, line in enumerate(lines) if line.partition("=")[0] == name), len(lines))
        lines[at : at + 1] = [f"{name}={value}"]
    return ConfigChange("ENV " + " ".join(f"{n}={v}" for n, v in new.items()), {"Env": lines})


def _label(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    new = pairs(instruction, values)
    text = "LABEL " + " ".join(f"{name}={value}" for name, value in new.items())
    return ConfigChange(text, {"Labels": {**(config.get("Labels") or {}), **new}})


def _maintainer(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    return ConfigChange(f"MAINTAINER {instruction.args[0]}", {"author": instruction.args[0]})


def _user(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    user = instruction.word(instruction.args[0], values)
    return ConfigChange(f"USER {user}", {"User": user})


def _stopsignal(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    signal = instruction.word(instruction.args[0], values)
    if not (signal.lstrip("+-").isdecimal() and int(signal)) and not _SIGNAL.fullmatch(signal.upper()):
        raise instruction.error(f"invalid signal: {signal!r}: expected a name such as SIGTERM, or a number")
    return ConfigChange(f"STOPSIGNAL {signal}", {"StopSignal": signal})


def _shell(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    return ConfigChange(f"SHELL [{' '.join(instruction.args)}]", {"Shell": list(instruction.args)})


def _cmd(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    command = argv(instruction, config)
    return ConfigChange(f"CMD {go_list(command)}", {"Cmd": command})


def _entrypoint(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    command = argv(instruction, config)
    return ConfigChange(f"ENTRYPOINT {go_list(command)}", {"Entrypoint": command})


def _expose(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    ports: dict[str, Any] = {}
    for word in instruction.words(values):
        number, _, protocol = word.partition("/")
        first, _, last = number.rpartition(":")[2].partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and protocol.lower() in ("", "tcp", "udp", "sctp")):
            raise instruction.error(f"invalid containerPort: {word}")
        if not int(first) <= int(last or first) < 65536:
            raise instruction.error(f"invalid containerPort: {word}: ports are 0 to 65535, the lower one first")
        for port in range(int(first), int(last or first) + 1):
            ports[f"{port}/{protocol.lower() or 'tcp'}"] = {}
    text = f"EXPOSE map[{' '.join(f'{port}:{{}}' for port in sorted(ports))}]"
    return ConfigChange(text, {"ExposedPorts": {**(config.get("ExposedPorts") or {}), **ports}})


def _volume(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    paths = [instruction.word(word, values) for word in instruction.args]
    if "" in paths:
        raise instruction.error("a volume needs a path")
    volumes = {**(config.get("Volumes") or {}), **{path: {} for path in paths}}
    return ConfigChange(f"VOLUME [{' '.join(paths)}]", {"Volumes": volumes})


def _onbuild(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    return ConfigChange(None, {"OnBuild": [*(config.get("OnBuild") or []), instruction.trigger]})


def _healthcheck(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    check: dict[str, Any] = {"Test": ["NONE"]}
    kind, *command = instruction.args
    if kind.upper() == "CMD":
        check["Test"] = ["CMD" if instruction.exec_form else "CMD-SHELL", *command]
    for flag, key in _TIMES.items():
        if value := instruction.flag(flag):
            try:
                check[key] = parse_duration(value)
            except ValueError as error:
                raise instruction.error(f"--{flag}: {error}") from None
            if check[key] < _SHORTEST:
                raise instruction.error(f'Interval "{flag}" cannot be less than {format_duration(_SHORTEST)}')
    if retries := instruction.flag("retries"):
        if not retries.isdecimal() or not int(retries):
            raise instruction.error(f"--retries={retries}: it must be a whole number, at least 1")
        check["Retries"] = int(retries)
    times = " ".join(f'"{format_duration(check.get(key, 0))}"' for key in _TIMES.values())
    text = f"HEALTHCHECK &{{{go_list(check['Test'])} {times} {go_rune(check.get('Retries', 0))}}}"
    return ConfigChange(text, {"Healthcheck": check})


def _workdir(instruction: Instruction, config: Config, values: Mapping[str, str]) -> ConfigChange:
    path = directory(instruction.word(instruction.args[0], values), config)
    return ConfigChange(f"WORKDIR {path}", {"WorkingDir": path})


def directory(path: str, config: Mapping[str, Any]) -> str:
    """A path in an image of this config, made absolute by its WorkingDir."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{config.get('WorkingDir') or '/'}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


_SHORTEST = 1_000_000  # nanoseconds: docker's MinimumDuration
_TIMES = {
    "interval": "Interval", "timeout": "Timeout", "start-period": "StartPeriod", "start-interval": "StartInterval",
}  # fmt: skip
WRITES: dict[str, Callable[[Instruction, Config, Mapping[str, str]], ConfigChange]] = {
    "ENV": _env, "LABEL": _label, "MAINTAINER": _maintainer, "USER": _user, "WORKDIR": _workdir,
    "STOPSIGNAL": _stopsignal, "SHELL": _shell, "CMD": _cmd, "ENTRYPOINT": _entrypoint, "EXPOSE": _expose,
    "VOLUME": _volume, "ONBUILD": _onbuild, "HEALTHCHECK": _healthcheck,
}  # fmt: skip


def applied(changes: Sequence[str], config: Config) -> dict[str, Any]:
    """The keys that the instructions of --change set in a config; None removes one.

    Raises DockerfileError for an instruction that is wrong or not allowed there. As in docker, an Entrypoint or User
    that they leave empty is `config`'s again, and so is Cmd where they leave neither Cmd nor Entrypoint.
    """
    if not changes:
        return {}
    result, cmd_set = dict(config), False
    for instruction in parse_instructions(changes, "--change", CHANGES):
        values = variables(result)
        if instruction.name == "WORKDIR" and not instruction.word(instruction.args[0], values):
            raise instruction.error("cannot normalize nothing: the path is empty")
        result |= write(instruction, result, values, cmd_set=cmd_set).settings
        cmd_set |= instruction.name == "CMD"
    if not result.get("Entrypoint"):
        result["Cmd"] = result.get("Cmd") or config.get("Cmd")
        result["Entrypoint"] = config.get("Entrypoint")
    result["User"] = result.get("User") or config.get("User")
    return {key: value for key, value in result.items() if value != config.get(key)}
