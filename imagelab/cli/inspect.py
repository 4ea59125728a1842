"""`docker inspect` of images, containers and volumes.

As in docker, a template is executed on the typed value, where an unset list is `[]` and fields have their Go names
(`ID`), and if that fails, on the plain JSON, where fields have the printed names (`Id`).

Follows docker/cli (inspect/inspector.go), version 20.10.
"""

from __future__ import annotations

import json

from ..errors import NotFound
from ..golang.template import Struct, Template, to_json
from ..golang.template_syntax import TemplateError
from .command import Session, complain, fail, flag, option, say, verb
from .images import names_by_id
from .inspect_fields import container_described, image_described
from .table import SYNTAX, parse_template
from .volume import described as volume_described

_TYPES = ("config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume")


@verb("NAME|ID [NAME|ID...]", takes=(1, None))
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
@flag("-s", "--size", help="Display total file sizes if the type is container")
@option("--type", "kind", kind="string", help="Return JSON for specified type")
def inspect(session: Session, args: tuple[str, ...], template: str | None, size: bool, kind: str | None) -> None:
    """Return low-level information on Docker objects."""
    if kind and kind not in _TYPES:
        fail(f'"{kind}" is not a valid value for --type')
    _inspect(session, args, template, kind or "object", size)


@verb("IMAGE [IMAGE...]", takes=(1, None))
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
def inspect_image(session: Session, args: tuple[str, ...], template: str | None) -> None:
    """Display detailed information on one or more images."""
    _inspect(session, args, template, "image")


@verb("CONTAINER [CONTAINER...]", takes=(1, None))
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
@flag("-s", "--size", help="Display total file sizes")
def inspect_container(session: Session, args: tuple[str, ...], template: str | None, size: bool) -> None:
    """Display detailed information on one or more containers."""
    _inspect(session, args, template, "container", size)


@verb("VOLUME [VOLUME...]", takes=(1, None))
@option("-f", "--format", "template", kind="string", help="Format the output using the given Go template")
def inspect_volume(session: Session, args: tuple[str, ...], template: str | None) -> None:
    """Display detailed information on one or more volumes."""
    _inspect(session, args, template, "volume")


def _inspect(session: Session, refs: tuple[str, ...], template: str | None, what: str, sized: bool = False) -> None:
    """Print the objects that exist, then the errors for the others, as docker does."""
    parsed = parse_template(template, syntax_code=SYNTAX) if template and template != "json" else None
    objects: list[Struct] = []
    printed: list[str] = []
    errors: list[str] = []
    for ref in refs:
        try:
            objects.append(_object(session, ref, what, sized))
            if parsed:
                printed.append(render(parsed, objects[-1]) + "\n")
        except NotFound:
            errors.append(f"Error: No such {what}: {ref}")
        except TemplateError as error:
            errors.append(f"template parsing error: {error}")
    if parsed:
        say("".join(printed) or "\n")
    else:
        say(to_json(list(objects), indent=None if template else 4) + "\n")
    if errors:
        fail("\n".join(errors))


def _object(session: Session, ref: str, what: str, sized: bool) -> Struct:
    """The container of this name or ID, or else the image or the volume; raises NotFound."""
    as_29 = session.docker == "29"
    if what in ("container", "object"):
        try:
            return container_described(session.lab.container(ref), sized, as_29=as_29)
        except NotFound:
            if what == "container":
                raise
    if what not in ("image", "object", "volume"):
        raise NotFound(ref)  # imagelab has none of docker's other objects
    if what == "volume":
        return volume_described(session.lab.volume(ref))
    try:
        image = session.lab.image(ref)
    except NotFound:
        if what == "image":
            raise
        return volume_described(session.lab.volume(ref))
    if sized:
        complain("WARNING: --size ignored for image")
    names = image.names if as_29 else names_by_id(session.lab.images(all=True))[image.id]
    return image_described(image, [name.familiar for name in names], session.lab, as_29=as_29)


def render(template: Template, value: Struct) -> str:
    """Execute a template on a value; raises TemplateError with the message for the plain JSON, as docker does."""
    try:
        return template.render(value)
    except TemplateError:
        return template.render(json.loads(to_json(value)), strict=True)
