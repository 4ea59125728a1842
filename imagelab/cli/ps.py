"""`docker ps`.

Several filters of one name select what matches any of them, except labels, which must all match; a container must pass
the filters of every name.

Follows docker/cli (formatter/container.go, container/list.go) and moby (daemon/list.go), version 20.10; with `--as 29`,
see `docker29`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .. import units
from ..analysis import docker_stores
from ..errors import LabError, NotFound
from ..golang.quote import go_quoted
from ..golang.template import Row
from . import filters
from .command import DOCKERS, Session, complain, fail, flag, option, verb, whole
from .table import print_rows, try_template

if TYPE_CHECKING:
    from ..containers import Container
    from ..lab import Lab

TITLES = {
    "ID": "CONTAINER ID", "Names": "NAMES", "Image": "IMAGE", "Command": "COMMAND", "CreatedAt": "CREATED AT",
    "RunningFor": "CREATED", "Ports": "PORTS", "State": "STATE", "Status": "STATUS", "Size": "SIZE", "Labels": "LABELS",
    "Mounts": "MOUNTS", "LocalVolumes": "LOCAL VOLUMES", "Networks": "NETWORKS",
}  # fmt: skip
FILTERS = ("ancestor", "before", "exited", "id", "label", "name", "since", "status", "volume")
STATES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")


@verb()
@flag("-a", "--all", help="Show all containers (default shows just running)")
@option("-f", "--filter", "texts", kind="filter", help="Filter output based on conditions provided", many=True)
@option("--format", "template", kind="string", help="Pretty-print containers using a Go template")
@option("-n", "--last", kind="int", help="Show n last created containers (includes all states)", default=-1, read=whole)
@flag("-l", "--latest", help="Show the latest created container (includes all states)")
@flag("--no-trunc", help="Don't truncate output")
@flag("-q", "--quiet", help="Only display container IDs")
@flag("-s", "--size", help="Display total file sizes")
def ps(
    session: Session, args: tuple[str, ...], all: bool, texts: tuple[str, ...], template: str | None, last: int,
    latest: bool, no_trunc: bool, quiet: bool, size: bool,
) -> None:  # fmt: skip
    """List containers."""
    if quiet and template:  # as docker since 24; 20.10 lets the format win
        complain("WARNING: Ignoring custom format, because both --format and --quiet are set.")
    most = 1 if latest and last < 0 else last
    conditions = filters.parse(texts, FILTERS)
    everything = all or most > 0 or bool(conditions["status"])
    containers = chosen(session.lab.containers(all=everything), conditions, session.lab)
    sized = size or (template is not None and re.search(r"\.Size|json *\.\s*}", template) is not None)
    now = datetime.now(UTC)
    shown = containers[: most if most > 0 else None]
    rows = [row(one, now, trunc=not no_trunc, sized=sized, docker=session.docker) for one in shown]
    if template:
        try_template(Row("*formatter.ContainerContext", **dict.fromkeys(sorted(TITLES), "")), TITLES, template)
    columns = ["ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names", *(["Size"] if size else [])]
    print_rows(rows, TITLES, columns, None if quiet else template, quiet=quiet)


def row(one: Container, now: datetime, *, trunc: bool, sized: bool, docker: str = DOCKERS[0]) -> Row:
    """One line of `docker ps`. Fields are in alphabetical order, as in docker's JSON."""
    created = one.created
    command = one.command_text
    return Row(
        "*formatter.ContainerContext",
        Command=go_quoted(units.ellipsis(command, 20) if trunc else command),
        CreatedAt=units.date_and_zone(created),
        ID=one.short if trunc else one.id,
        Image=one.image_called(trunc=trunc, by_digest=docker == "29"),
        Labels=",".join(f"{key}={value}" for key, value in sorted(one.labels.items())),
        LocalVolumes=str(sum(mount.type == "volume" for mount in one.spec.mounts)),
        Mounts=",".join(units.ellipsis(name, 15) if trunc else name for name in _mounts(one)),
        Names=one.name,
        Networks="none",
        Ports="",
        RunningFor=units.since(created, now),
        Size=size_shown(one, docker) if sized else "",
        State=one.status,
        Status=status_shown(one, now),
    )


def _mounts(one: Container) -> list[str]:
    """The names of its volumes, and the paths of this machine that it mounts."""
    return [mount.source for mount in one.spec.mounts if mount.flag != "--tmpfs"]


def own_size(one: Container, docker: str) -> int:
    """Bytes in the writable layer as that Docker counts them; 0 where they cannot be read."""
    with suppress(LabError):
        return docker_stores.blocks(one.changes()) if docker == "29" else one.layer_size
    return 0


def size_shown(one: Container, docker: str) -> str:
    """The size of the writable layer, and in brackets with the image's: `12B (virtual 1.2MB)`."""
    own = virtual = own_size(one, docker)
    with suppress(LabError):
        virtual += docker_stores.unpacked_size(one.image) if docker == "29" else one.image.size
    return f"{units.size(own, 3)} (virtual {units.size(virtual, 3)})"


def status_shown(one: Container, now: datetime) -> str:
    """The state as docker prints it: `Up 2 seconds`, `Exited (0) 3 minutes ago`."""
    state = one.state
    if state.status == "running":
        return f"Up {units.duration((now - units.parse_time(state.started)).total_seconds())}"
    if state.status == "exited":
        return f"Exited ({state.exit_code}) {units.since(units.parse_time(state.finished), now)}".rstrip()
    return state.status.capitalize()


def chosen(containers: Iterable[Container], conditions: filters.Filters, lab: Lab) -> list[Container]:
    """The containers that pass the filters; ends the command for an invalid value."""
    for status in conditions["status"]:
        if status not in STATES:
            fail(f"Error: Invalid filter 'status={status}': the states are {', '.join(STATES)}")
    codes = {_integer(text) for text in conditions["exited"]}
    names = [_pattern(text) for text in conditions["name"]]
    before = [lab.container(ref) for ref in conditions["before"]]
    since = [lab.container(ref) for ref in conditions["since"]]
    ancestors = _with_this_base(conditions["ancestor"], lab)
    order = {one.id: number for number, one in enumerate(lab.containers(all=True))}  # newest first
    return [
        one
        for one in containers
        if (not conditions["status"] or one.status in conditions["status"])
        and (not codes or (one.status == "exited" and one.exit_code in codes))
        and (not names or any(name.search(one.name) or name.search(f"/{one.name}") for name in names))
        and (not conditions["id"] or any(one.id.startswith(text) for text in conditions["id"]))
        and filters.labels_pass(one.labels, conditions)
        and (not conditions["volume"] or any(text in _places(one) for text in conditions["volume"]))
        and all(order.get(one.id, -1) > order[other.id] for other in before)
        and all(order.get(one.id, -1) < order[other.id] for other in since)
        and (not conditions["ancestor"] or one.image_id in ancestors)
    ]


def _places(one: Container) -> set[str]:
    """What `--filter volume=` knows the mounts of a container by: volume names, and paths in the container."""
    return {text for mount in one.spec.mounts for text in (mount.source, mount.target)}


def _with_this_base(refs: Iterable[str], lab: Lab) -> set[str]:
    """The IDs of these images and of all images built on them."""
    ids: set[str] = set()
    images = lab.images(all=True)
    for ref in refs:
        try:
            base = lab.image(ref)
        except NotFound:
            continue  # as in docker, a missing image selects no container
        same = {base.id}
        same |= {image.id for image in images if base.chain_ids and base.chain_ids[-1] in image.chain_ids}
        ids |= same
    return ids


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        return re.compile(re.escape(text))


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        fail(f"Error: Invalid filter 'exited={text}': expected a number")
