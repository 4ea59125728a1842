"""`docker images` and `docker history`.

Follows docker/cli (formatter/image.go, image/formatter_history.go), version 20.10: columns, titles, order, truncation;
and with `--as 29` what `docker29` takes from version 29.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from .. import units
from ..golang.template import Row
from . import docker29, filters
from .command import DOCKERS, Session, flag, option, verb
from .table import print_rows

if TYPE_CHECKING:
    from ..oci.digest import Digest
    from ..oci.image import Image, Step
    from ..oci.reference import Reference

NONE = "<none>"
IMAGE_TITLES = {
    "ID": "IMAGE ID", "Repository": "REPOSITORY", "Tag": "TAG", "Digest": "DIGEST", "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT", "Size": "SIZE", "VirtualSize": "SIZE", "Containers": "CONTAINERS",
    "SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE",
}  # fmt: skip
HISTORY_TITLES = {
    "ID": "IMAGE", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "CreatedBy": "CREATED BY", "Size": "SIZE",
    "Comment": "COMMENT",
}  # fmt: skip
FILTERS = ("before", "dangling", "label", "reference", "since")


def image_row(
    image: Image, repository: str, tag: str, now: datetime, *, trunc: bool,
    more: Mapping[str, str] = MappingProxyType({}), docker: str = DOCKERS[0],
) -> Row:  # fmt: skip
    """One line of `docker images`; `more` replaces fields. Fields are in alphabetical order, as in docker's JSON."""
    created = image.moment
    id_, size = (image.id, image.size) if docker == DOCKERS[0] else docker29.id_and_size(image)
    fields = {
        "Containers": "N/A",
        "CreatedAt": units.date_and_zone(created),
        "CreatedSince": units.since(created, now),
        "Digest": NONE,
        "ID": id_.short if trunc else str(id_),
        "Repository": repository,
        "SharedSize": "N/A",
        "Size": units.size(size, 3),
        "Tag": tag,
        "UniqueSize": "N/A",
        "VirtualSize": units.size(size),
    }
    return Row("*formatter.imageContext", **{**fields, **more})


def names_by_id(images: Iterable[Image]) -> dict[Digest, list[Reference]]:
    """The names of each image ID, sorted; several manifests may share one config, and so one ID."""
    names: dict[Digest, list[Reference]] = {}
    for image in images:
        names.setdefault(image.id, []).extend(image.names)
    return {id_: sorted(some, key=lambda name: name.canonical) for id_, some in names.items()}


@verb("[REPOSITORY[:TAG]]", takes=(0, 1))
@flag("-a", "--all", help="Show all images (default hides intermediate images)")
@flag("--digests", help="Show digests")
@option("-f", "--filter", "texts", kind="filter", help="Filter output based on conditions provided", many=True)
@option("--format", "template", kind="string", help="Pretty-print images using a Go template")
@flag("--no-trunc", help="Don't truncate output")
@flag("-q", "--quiet", help="Only show image IDs")
def images(
    session: Session, args: tuple[str, ...], all: bool, digests: bool, texts: tuple[str, ...], template: str | None,
    no_trunc: bool, quiet: bool,
) -> None:  # fmt: skip
    """List images."""
    conditions = filters.parse(texts, FILTERS)
    is_dangling = filters.dangling(conditions)
    patterns = [*conditions["reference"], *args]
    as_29 = session.docker == "29"
    every = session.lab.images(all=True)
    names_of = {image.digest: image.names for image in every} if as_29 else names_by_id(every)
    listed: list[tuple[Image, Reference | None]] = []
    for image in filters.chosen(session.lab.images(all=all), conditions, session.lab):
        names = names_of.pop(image.digest if as_29 else image.id, None)
        if names is None or is_dangling is bool(names):
            continue  # the same ID under another manifest, or excluded by dangling=
        if as_29 and not (names or all or is_dangling):
            continue
        shown = [*names, *(() if as_29 else _digest_only(session.lab.repo_digests(image), names, each=digests))]
        if not shown and not patterns:
            listed.append((image, None))
        listed += [(image, name) for name in shown if not patterns or filters.names_fit(name, patterns)]
    if as_29 and not (template or quiet or no_trunc or digests):
        docker29.print_images(listed, {container.spec.image for container in session.lab.containers()})
        return
    now = datetime.now(UTC)
    rows: list[Row] = []
    wants_digest = digests or (template is not None and ".Digest" in template)  # docker fills it in only on request
    for image, name in listed:
        repository, tag = (name.familiar_name, name.tag or NONE) if name else (NONE, NONE)
        if name and name.digest:
            shown_digests = [name.digest if digests else ""]
        else:
            shown_digests = _digests(session, image, name) if wants_digest and name else [NONE]
        for digest in shown_digests:
            more = {"Digest": digest}
            rows.append(image_row(image, repository, tag, now, trunc=not no_trunc, more=more, docker=session.docker))
    columns = ["Repository", "Tag", *(["Digest"] if digests else []), "ID", "CreatedSince", "Size"]
    if template and template.startswith("table ") and digests and "{{.Digest}}" not in template:
        template += "\t{{.Digest}}"
    print_rows(rows, IMAGE_TITLES, columns, template, quiet=quiet, unknown="N/A")


def _digest_only(digests: Iterable[Reference], tags: Iterable[Reference], *, each: bool) -> list[Reference]:
    """The repositories that an image has a digest in and no tag: docker lists them as untagged, or `each` digest."""
    tagged = {name.name for name in tags}
    alone = [name for name in digests if name.name not in tagged]
    return alone if each else list({name.name: name for name in alone}.values())


def _digests(session: Session, image: Image, name: Reference) -> list[str]:
    """The digests in a tag's rows: those that its repository is known to have the image under."""
    known = [str(one.digest) for one in session.lab.repo_digests(image) if one.name == name.name]
    return known or ([str(image.digest)] if session.docker == "29" else [NONE])


@verb("IMAGE", takes=(1, 1))
@option("--format", "template", kind="string", help="Pretty-print images using a Go template")
@flag("-H", "--human", "words", help="Print sizes and dates in human readable format (default true)", default=None)
@flag("--no-trunc", help="Don't truncate output")
@flag("-q", "--quiet", help="Only show image IDs")
def history(
    session: Session, args: tuple[str, ...], template: str | None, words: bool | None, no_trunc: bool, quiet: bool
) -> None:
    """Show the history of an image."""
    words, now = words is not False, datetime.now(UTC)
    image = session.lab.image(args[0])
    steps = image.steps[: len(image.config.get("history") or [])]  # layers without a record have no line
    shown = [(step.image_id, step.size) for step in steps]
    if session.docker == "29":
        shown = docker29.ids_and_sizes(image, steps)
    lines = zip(reversed(steps), reversed(shown), strict=True)
    rows = [_step_row(step, *id_and_size, now, words, not no_trunc) for step, id_and_size in lines]
    columns = ["ID", "CreatedSince" if words else "CreatedAt", "CreatedBy", "Size", "Comment"]
    print_rows(rows, HISTORY_TITLES, columns, template, quiet=quiet)


def _step_row(step: Step, id_: Digest | None, size: int, now: datetime, words: bool, trunc: bool) -> Row:
    created = units.parse_time(step.created)
    by = step.created_by.replace("\t", " ")
    at = units.rfc3339(created)
    return Row(
        "*image.historyContext",
        Comment=step.comment,
        CreatedAt=at,
        CreatedBy=units.ellipsis(by, 45) if trunc else by,
        CreatedSince=units.since(created, now) or "N/A" if words else at,
        ID=(id_.short if trunc else str(id_)) if id_ else "<missing>",
        Size=units.size(size, 3) if words else str(size),
    )
