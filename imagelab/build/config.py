"""Instructions that add no file: each writes keys of the config, and a line of the history.

A function here takes an instruction and the stage it stands in, and returns what to write: the history's line, in
BuildKit's words (None for ONBUILD, which has none), and the keys of the config. A build applies them to an image;
`applied` applies those of `commit --change` and `import --change` to a config.

Implements the Dockerfile reference, and moby's BuildFromConfig (builder/dockerfile/builder.go) for --change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ..golang.duration import format_duration, parse_duration
from ..golang.quote import go_list, go_rune
from .dockerfile import Dockerfile, Instruction, parse_instructions

SHELL = ("/bin/sh", "-c")


# The instructions that `--change` may have (validCommitCommands).
CHANGES = ("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "ONBUILD", "USER", "VOLUME", "WORKDIR")
_SIGNAL = re.compile(
    "(?:SIG)?(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP|SYS"
    r"|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR1|USR2|VTALRM|WINCH|XCPU|XFSZ|RTM(?:IN(?:\+(?:[1-9]|1[0-5]))?|AX(?:-(?:[1-9]|1[0-4]))?))"
)


class Said(NamedTuple):
    """What one instruction writes: a line of history, and keys of the config (None removes one)."""

    text: str | None
    settings: dict[str, Any]


class Stage(Protocol):
    """What these instructions may know of their stage."""

    cmd_given: bool

    @property
    def config(self) -> dict[str, Any]: ...
    def word(self, it: Instruction, word: str) -> str: ...
    def several(self, it: Instruction) -> list[str]: ...


def pairs(it: Instruction, stage: Stage) -> dict[str, str]:
    """The names and values of an ENV or LABEL, variables replaced by what they were before it."""
    return {stage.word(it, name): stage.word(it, value) for name, value in it.pairs()}


def shelled(it: Instruction, stage: Stage) -> list[str]:
    """The command of a CMD, ENTRYPOINT or RUN: as it is in exec form, an argument of the shell otherwise."""
    return list(it.args) if it.exec_form else [*(stage.config.get("Shell") or SHELL), it.args[0] if it.args else ""]


def _env(it: Instruction, stage: Stage) -> Said:
    given = pairs(it, stage)
    lines = list(stage.config.get("Env") or [])
    for name, value in given.items():
        at = next((i for i, line in enumerate(lines) if line.partition("=")[0] == name), len(lines))
        lines[at : at + 1] = [f"{name}={value}"]
    return Said("ENV " + " ".join(f"{n}={v}" for n, v in given.items()), {"Env": lines})


def _label(it: Instruction, stage: Stage) -> Said:
    given = pairs(it, stage)
    said = "LABEL " + " ".join(f"{name}={value}" for name, value in given.items())
    return Said(said, {"Labels": {**(stage.config.get("Labels") or {}), **given}})


def _maintainer(it: Instruction, stage: Stage) -> Said:
    return Said(f"MAINTAINER {it.args[0]}", {"author": it.args[0]})


def _user(it: Instruction, stage: Stage) -> Said:
    user = stage.word(it, it.args[0])
    return Said(f"USER {user}", {"User": user})


def _stopsignal(it: Instruction, stage: Stage) -> Said:
    signal = stage.word(it, it.args[0])
    if not (signal.lstrip("+-").isdecimal() and int(signal)) and not _SIGNAL.fullmatch(signal.upper()):
        raise it.wrong(f"invalid signal: {signal!r}: expected a name such as SIGTERM, or a number")
    return Said(f"STOPSIGNAL {signal}", {"StopSignal": signal})


def _shell(it: Instruction, stage: Stage) -> Said:
    return Said(f"SHELL [{' '.join(it.args)}]", {"Shell": list(it.args)})


def _cmd(it: Instruction, stage: Stage) -> Said:
    command = shelled(it, stage)
    return Said(f"CMD {go_list(command)}", {"Cmd": command})


def _entrypoint(it: Instruction, stage: Stage) -> Said:
    command = shelled(it, stage)
    reset = {} if stage.cmd_given else {"Cmd": None}  # an inherited CMD was meant for another entrypoint
    return Said(f"ENTRYPOINT {go_list(command)}", {"Entrypoint": command, **reset})


def _expose(it: Instruction, stage: Stage) -> Said:
    ports: dict[str, Any] = {}
    for word in stage.several(it):
        number, _, protocol = word.partition("/")
        first, _, last = number.rpartition(":")[2].partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and protocol.lower() in ("", "tcp", "udp", "sctp")):
            raise it.wrong(f"invalid containerPort: {word}")
        if not int(first) <= int(last or first) < 65536:
            raise it.wrong(f"invalid containerPort: {word}: ports are 0 to 65535, the lower one first")
        for port in range(int(first), int(last or first) + 1):
            ports[f"{port}/{protocol.lower() or 'tcp'}"] = {}
    said = f"EXPOSE map[{' '.join(f'{port}:{{}}' for port in sorted(ports))}]"
    return Said(said, {"ExposedPorts": {**(stage.config.get("ExposedPorts") or {}), **ports}})


def _volume(it: Instruction, stage: Stage) -> Said:
    paths = [stage.word(it, word) for word in it.args]
    if "" in paths:
        raise it.wrong("a volume needs a path")
    volumes = {**(stage.config.get("Volumes") or {}), **{path: {} for path in paths}}
    return Said(f"VOLUME [{' '.join(paths)}]", {"Volumes": volumes})


def _onbuild(it: Instruction, stage: Stage) -> Said:
    trigger = it.text.split(None, 1)[1]
    return Said(None, {"OnBuild": [*(stage.config.get("OnBuild") or []), trigger]})


def _healthcheck(it: Instruction, stage: Stage) -> Said:
    check: dict[str, Any] = {"Test": ["NONE"]}
    if it.args[0].upper() == "CMD":
        check["Test"] = ["CMD", *it.args[1:]] if it.exec_form else ["CMD-SHELL", *it.args[1:]]
    for flag, key in _TIMES.items():
        if value := it.flag(flag):
            try:
                check[key] = parse_duration(value)
            except ValueError as error:
                raise it.wrong(f"--{flag}: {error}") from None
            if check[key] < _SHORTEST:
                raise it.wrong(f'Interval "{flag}" cannot be less than {format_duration(_SHORTEST)}')
    if retries := it.flag("retries"):
        if not retries.isdecimal() or not int(retries):
            raise it.wrong(f"--retries={retries}: it must be a whole number, at least 1")
        check["Retries"] = int(retries)
    times = " ".join(f'"{format_duration(check.get(key, 0))}"' for key in _TIMES.values())
    return Said(
        f"HEALTHCHECK &{{{go_list(check['Test'])} {times} {go_rune(check.get('Retries', 0))}}}", {"Healthcheck": check}
    )


def workdir(it: Instruction, stage: Stage) -> str:
    """The folder that a WORKDIR means: absolute, or relative to the one before it."""
    return directory(stage.word(it, it.args[0]), stage.config).rstrip("/") or "/"


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
WRITES: dict[str, Callable[[Instruction, Stage], Said]] = {
    "ENV": _env, "LABEL": _label, "MAINTAINER": _maintainer, "USER": _user, "STOPSIGNAL": _stopsignal,
    "SHELL": _shell, "CMD": _cmd, "ENTRYPOINT": _entrypoint, "EXPOSE": _expose, "VOLUME": _volume,
    "ONBUILD": _onbuild, "HEALTHCHECK": _healthcheck,
}  # fmt: skip


class _Config:
    """The stage that the instructions of --change stand in: a config, whose Env their variables come from."""

    def __init__(self, file: Dockerfile, config: Mapping[str, Any]) -> None:
        self._file = file
        self.config = dict(config)
        self.cmd_given = False

    @property
    def _values(self) -> dict[str, str]:
        return dict(line.partition("=")[::2] for line in self.config.get("Env") or [])

    def word(self, it: Instruction, word: str) -> str:
        return self._file.word(it, word, self._values)

    def several(self, it: Instruction) -> list[str]:
        return self._file.expand_all(it, self._values)


def applied(changes: Sequence[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that the instructions of --change set in a config; None removes one.

    Raises DockerfileError for an instruction that is not allowed there, or wrong.
    As docker merges the two, an Entrypoint or User that is empty then is `config`'s again, and so is Cmd where neither
    Cmd nor Entrypoint is left.
    """
    if not changes:
        return {}
    file, instructions = parse_instructions(changes, "--change", CHANGES)
    stage = _Config(file, config)
    for it in instructions:
        if it.name == "WORKDIR":
            if not stage.word(it, it.args[0]):
                raise it.wrong("cannot normalize nothing: the path is empty")
            stage.config["WorkingDir"] = workdir(it, stage)
        else:
            stage.config |= WRITES[it.name](it, stage).settings
            stage.cmd_given |= it.name == "CMD"
    result = stage.config
    if not result.get("Entrypoint"):
        result["Cmd"] = result.get("Cmd") or config.get("Cmd")
        result["Entrypoint"] = config.get("Entrypoint")
    result["User"] = result.get("User") or config.get("User")
    return {key: value for key, value in result.items() if value != config.get(key)}
