"""One idea: `inspect` shows an image's own JSON, in docker's shape.

A template is tried twice, as docker tries it: on the value with docker's types, where an unset list is `[]` and a field
has its Go name (`ID`), and then on the plain JSON, where a field has the name that is printed (`Id`).

Follows docker/cli (inspect/inspector.go) and moby's types.ImageInspect, 20.10. Left out: Container, ContainerConfig and
GraphDriver, which tell of Docker's own machinery.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import NotFound
from ..gosyntax import TemplateError
from ..gotemplate import Map, NilList, Struct, Template, to_json
from .listing import names_by_id
from .table import parse_template
from .verbs import Desk, complain, fail, flag, option, say, verb

if TYPE_CHECKING:
    from ..digest import Digest
    from ..image import Image
    from ..lab import Lab
    from ..reference import Reference

SYNTAX = 64  # docker inspect's exit code for a template that cannot be read
_ZERO_TIME = "0001-01-01T00:00:00Z"
_TYPES = ("config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume")


class _Loose(Struct):
    """A Struct whose JSON leaves some fields out where they are unset, and may name them otherwise (`ID`: `Id`)."""

    __slots__ = ()
    optional = (
        "ExposedPorts", "Healthcheck", "ArgsEscaped", "NetworkDisabled", "MacAddress", "StopSignal", "StopTimeout",
        "Shell", "Variant", "OsVersion", "BaseLayer", "Layers",
    )  # fmt: skip

    def json_items(self) -> Iterator[tuple[str, Any]]:
        for name, value in self.items():
            if name not in self.optional or value:
                yield "Id" if name == "ID" else name, value


def described(image: Image, names: Sequence[str], lab: Lab) -> Struct:
    """An image with these names as docker's API describes it; a template sees exactly these fields."""
    config = image.config
    comment = config.get("comment") or (image.steps[-1].comment if image.steps else "")
    return _Loose(
        "types.ImageInspect",
        ID=str(image.id),
        RepoTags=list(names),
        RepoDigests=[f"{name}@{image.digest}" for name in dict.fromkeys(n.rpartition(":")[0] for n in names)],
        Parent=str(image.parent.id) if image.parent else "",
        Comment=comment,
        Created=image.created or _ZERO_TIME,
        DockerVersion=config.get("docker_version") or "",
        Author=config.get("author") or "",
        Config=_config(config.get("config") or {}),
        Architecture=image.architecture,
        Variant=config.get("variant") or "",
        Os=image.os,
        OsVersion=config.get("os.version") or "",
        Size=image.size,
        VirtualSize=image.size,
        RootFS=_Loose("types.RootFS", Type="layers", Layers=[str(d) for d in image.diff_ids], BaseLayer=""),
        Metadata=Struct("image.Metadata", LastTagTime=_last_tagged(names, lab)),
    )


def _config(given: dict[str, Any]) -> Struct:
    """The settings for containers, every one that docker knows of, in docker's order."""

    def a_list(name: str) -> list[Any]:
        value = given.get(name)
        return NilList() if value is None else value

    def a_set(name: str) -> Map:
        value = given.get(name)
        return Map(None if value is None else {key: Struct() for key in value}, Struct())

    return _Loose(
        "container.Config",
        Hostname=given.get("Hostname") or "",
        Domainname=given.get("Domainname") or "",
        User=given.get("User") or "",
        AttachStdin=bool(given.get("AttachStdin")),
        AttachStdout=bool(given.get("AttachStdout")),
        AttachStderr=bool(given.get("AttachStderr")),
        ExposedPorts=a_set("ExposedPorts"),
        Tty=bool(given.get("Tty")),
        OpenStdin=bool(given.get("OpenStdin")),
        StdinOnce=bool(given.get("StdinOnce")),
        Env=a_list("Env"),
        Cmd=a_list("Cmd"),
        Healthcheck=given.get("Healthcheck"),
        ArgsEscaped=bool(given.get("ArgsEscaped")),
        Image=given.get("Image") or "",
        Volumes=a_set("Volumes"),
        WorkingDir=given.get("WorkingDir") or "",
        Entrypoint=a_list("Entrypoint"),
        NetworkDisabled=bool(given.get("NetworkDisabled")),
        MacAddress=given.get("MacAddress") or "",
        OnBuild=a_list("OnBuild"),
        Labels=Map(given.get("Labels")),
        StopSignal=given.get("StopSignal") or "",
        StopTimeout=given.get("StopTimeout"),
        Shell=a_list("Shell"),
    )


def _last_tagged(names: Sequence[str], lab: Lab) -> str:
    """When a name was last made to point here, as far as the tag log knows."""
    times = [move.time for name in names for move in lab.tag_log(name)[-1:]]
    return max(times, default="") or _ZERO_TIME


@verb("NAME|ID [NAME|ID...]", wants=(1, None))
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
@flag("-s", "--size", help="Display total file sizes if the type is container")
@option("--type", "kind", kind="string", help="Return JSON for specified type")
def inspect(desk: Desk, args: tuple[str, ...], template: str | None, size: bool, kind: str | None) -> None:
    """Return low-level information on Docker objects."""
    if kind and kind not in _TYPES:
        fail(f'"{kind}" is not a valid value for --type')
    if size:
        complain("WARNING: --size ignored for image")
    _inspect(desk, args, template, kind or "object")


@verb("IMAGE [IMAGE...]", wants=(1, None))
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
def inspect_image(desk: Desk, args: tuple[str, ...], template: str | None) -> None:
    """Display detailed information on one or more images."""
    _inspect(desk, args, template, "image")


def _inspect(desk: Desk, refs: tuple[str, ...], template: str | None, what: str) -> None:
    """Show all that can be found, then say what could not, as docker does."""
    parsed = parse_template(template, syntax_code=SYNTAX) if template and template != "json" else None
    found: list[Struct] = []
    printed: list[str] = []
    errors: list[str] = []
    names: dict[Digest, list[Reference]] = {}
    for ref in refs:
        try:
            if what not in ("image", "object"):
                raise NotFound(ref)  # there are only images yet
            image = desk.lab.image(ref)
            names = names or names_by_id(desk.lab.all_images(all=True))
            found.append(described(image, [name.familiar for name in names[image.id]], desk.lab))
            if parsed:
                printed.append(render(parsed, found[-1]) + "\n")
        except NotFound:
            errors.append(f"Error: No such {what}: {ref}")
        except TemplateError as error:
            errors.append(f"template parsing error: {error}")
    if parsed:
        say("".join(printed) or "\n")
    else:
        say(to_json(list(found), indent=None if template else 4) + "\n")
    if errors:
        fail("\n".join(errors))


def render(template: Template, value: Struct) -> str:
    """What a template prints for a value; raises TemplateError, about the plain JSON as docker does."""
    try:
        return template.render(value)
    except TemplateError:
        return template.render(json.loads(to_json(value)), strict=True)
