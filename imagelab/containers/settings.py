"""The settings of a container: those given to `create`, over those in the config of its image.

Environment and labels are merged, and an entrypoint takes the image's command away, as in moby's merge of the two
configs (daemon/commit.go, 20.10).
"""

from __future__ import annotations

import inspect
import posixpath
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypedDict, TypeVar, cast

from ..errors import LabError
from ..oci.image import Image
from ..runtime.program import named
from ..volumes.mount import Mount, anonymous_paths, collected, named_mount, read_tmpfs, read_volume
from .names import NAME, NAME_RULE
from .record import Env, Spec, environment

NO_COMMAND = "No command specified: neither the image nor the command line says what to run"
Method = TypeVar("Method", bound=Callable[..., object])


class Settings(TypedDict, total=False):
    """What `Lab.create` and `Lab.run` take besides an image and a command; `Lab.create` says what each means.

    None is the same as leaving a setting out.
    """

    name: str
    env: Env
    workdir: str
    user: str
    entrypoint: str | Sequence[str] | None
    labels: Mapping[str, str] | None
    hostname: str
    interactive: bool
    remove: bool
    runtime: str
    volumes: Sequence[str]
    mounts: Sequence[str | Mount]
    tmpfs: Sequence[str]
    volumes_from: Sequence[str]
    read_only: bool


def shows_settings(method: Method) -> Method:
    """Name each setting in the signature of a method that takes `**settings`: a notebook completes and shows them."""
    signature = inspect.signature(method)
    own = [parameter for parameter in signature.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    hints = {name: getattr(hint, "__forward_arg__", hint) for name, hint in Settings.__annotations__.items()}
    each = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint)
        for name, hint in hints.items()
    ]
    method.__signature__ = signature.replace(parameters=own + each)  # type: ignore[attr-defined]
    return method


def spec_of(image: Image, image_name: str, command: Sequence[str], settings: Settings) -> Spec:
    """What a container of an image is created with; `collection.create` adds its ID, its date and a missing name.

    Raises LabError for invalid settings, and TypeError for an unknown one.
    """
    if unknown := settings.keys() - Settings.__annotations__.keys():
        names = ", ".join(Settings.__annotations__)
        raise TypeError(f"{min(unknown)!r} is not a setting of a container: there are {names}")
    settings = cast(Settings, {name: value for name, value in settings.items() if value is not None})
    config: dict[str, Any] = image.config.get("config") or {}
    name, runtime, workdir = settings.get("name", ""), settings.get("runtime", ""), settings.get("workdir", "")
    if name and not NAME.fullmatch(name):
        raise LabError(f"Invalid container name ({name}), only {NAME_RULE} are allowed")
    if runtime:
        named(runtime)
    entrypoint = settings.get("entrypoint")
    if entrypoint is None:
        entrypoint, command = config.get("Entrypoint") or (), command or config.get("Cmd") or ()
    elif isinstance(entrypoint, str):
        entrypoint = [entrypoint] if entrypoint else ()
    if not [*entrypoint, *command]:
        raise LabError(NO_COMMAND)
    env = environment(settings.get("env", ()))
    spec = Spec(
        "", name.lstrip("/"), image.digest, image.id, image_name or image.id.short, "", tuple(entrypoint),
        tuple(command), env, workdir, settings.get("user", ""), settings.get("hostname", ""),
        {**(config.get("Labels") or {}), **(settings.get("labels") or {})},
        settings.get("interactive", False), settings.get("remove", False), runtime,
        config.get("StopSignal") or "SIGTERM",
    )  # fmt: skip
    checked(*entrypoint, *command, *spec.env_lines, workdir, spec.user, spec.hostname)
    if workdir and not workdir.startswith("/"):
        raise LabError(f"the working directory '{workdir}' is invalid, it needs to be an absolute path")
    signal_number(spec.stop_signal)
    of_image = environment(config.get("Env") or ())
    workdir = workdir or config.get("WorkingDir") or ""
    return replace(
        spec, env=env | {name: value for name, value in of_image.items() if name not in env},  # in docker's order
        workdir=posixpath.normpath(workdir).replace("//", "/") if workdir else "",
        user=spec.user or config.get("User") or "",
    )  # fmt: skip


def mounts_of(image: Image, settings: Settings, inherited: Iterable[Mount]) -> dict[str, Any]:
    """What a Spec says of mounts: those given, those `inherited` from other containers, and the image's VOLUMEs."""
    volumes = [(text, read_volume(text)) for text in settings.get("volumes") or ()]
    given = [mount for _, mount in volumes]
    given += [named_mount(one) for one in settings.get("mounts") or ()]
    given += [read_tmpfs(text) for text in settings.get("tmpfs") or ()]
    declared = (image.config.get("config") or {}).get("Volumes") or ()
    return {
        "mounts": collected(inherited, given, declared), "read_only": settings.get("read_only") or False,
        "binds": tuple(f"{one.source}:{text.partition(':')[2]}" for text, one in volumes if not one.anonymous),
        "volumes_from": tuple(settings.get("volumes_from") or ()),
    }  # fmt: skip


def config_of(spec: Spec, of_image: Mapping[str, Any]) -> dict[str, Any]:
    """The config that `commit` gives the image of a container: what the container was created with.

    The paths of its anonymous volumes are added to the VOLUMEs `of_image`, the config of its own image.
    """
    volumes = {**(of_image.get("Volumes") or {}), **{path: {} for path in anonymous_paths(spec.mounts)}}
    return {
        "Env": [line for line in spec.env_lines if "=" in line] or None, "Cmd": list(spec.command) or None,
        "WorkingDir": spec.workdir or None, "Entrypoint": list(spec.entrypoint) or None, "User": spec.user or None,
        "Labels": dict(spec.labels) or None, "Volumes": volumes or None,
    }  # fmt: skip


def checked(*words: str) -> None:
    """Raise LabError for an argument or variable with a NUL byte, which the kernel cannot pass on."""
    for word in words:
        if "\0" in word:
            raise LabError(f"{word!r} holds a NUL, which no argument and no variable can")


def signal_number(name: str | int) -> int:
    """The number of a signal: 9, "9", "KILL" or "SIGKILL"; raises LabError for anything else."""
    text = str(name).upper()
    if text.isdigit() and 0 < int(text) < signal.NSIG:
        return int(text)
    number = getattr(signal, text if text.startswith("SIG") else f"SIG{text}", None)
    if not isinstance(number, signal.Signals):
        raise LabError(f"Invalid signal: {name}")
    return int(number)
