"""`docker volume`: folders of the store that outlive containers.

As in Docker since 23, `prune` removes only volumes without a name of their own, and with -a the others too.

Follows docker/cli (command/volume, formatter/volume.go), version 20.10.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import units
from ..errors import LabError
from ..golang.template import Map, NilPointer, Row, Struct
from . import filters
from .command import Session, explain, fail, flag, option, say, verb
from .filters import labels_pass
from .table import print_rows, try_template
from .tags import agreed
from .unsupported import VOLUME_CREATE

if TYPE_CHECKING:
    from ..volumes.volume import Volume

TITLES = {
    "Name": "VOLUME NAME", "Driver": "DRIVER", "Labels": "LABELS", "Links": "LINKS", "Mountpoint": "MOUNTPOINT",
    "Scope": "SCOPE", "Size": "SIZE",
}  # fmt: skip
FILTERS = ("dangling", "driver", "label", "label!", "name")


@verb("[VOLUME]", takes=(0, 1), instead=VOLUME_CREATE)
@option("-d", "--driver", kind="string", help="Specify volume driver name (only 'local')", default="local")
@option("--label", "labels", kind="list", help="Set metadata for a volume", many=True)
@option("--name", kind="string", help="Specify volume name", default="")
def create(session: Session, args: tuple[str, ...], driver: str, labels: tuple[str, ...], name: str) -> None:
    """Create a volume."""
    if args and name:
        fail("conflicting options: either specify --name or provide positional arg, not both")
    name = args[0] if args else name
    if driver != "local":
        fail(f'Error: create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')
    volume = session.lab.create_volume(name, dict(text.partition("=")[::2] for text in labels))
    say(f"{volume.name}\n")


@verb()
@option("-f", "--filter", "texts", kind="filter", help="Provide filter values (e.g. 'dangling=true')", many=True)
@option("--format", "template", kind="string", help="Pretty-print volumes using a Go template")
@flag("-q", "--quiet", help="Only display volume names")
def ls(session: Session, args: tuple[str, ...], texts: tuple[str, ...], template: str | None, quiet: bool) -> None:
    """List volumes."""
    conditions = filters.parse(texts, FILTERS)
    dangling = filters.dangling(conditions)
    links = session.lab.volume_users() if dangling is not None else {}
    rows = [
        row(one, trunc=False)
        for one in session.lab.volumes()
        if dangling in (None, one.name not in links)
        and all(driver == "local" for driver in conditions["driver"])
        and (not conditions["name"] or any(name in one.name for name in conditions["name"]))
        and labels_pass(one.labels, conditions)
    ]
    if quiet and not template:
        say("".join(f"{one['Name']}\n" for one in rows))
        return
    if template:
        try_template(Row("*formatter.volumeContext", **dict.fromkeys(sorted(TITLES), "")), TITLES, template)
    print_rows(rows, TITLES, ["Driver", "Name"], template)


def row(one: Volume, links: int | None = None, *, trunc: bool = False) -> Row:
    """One line of `docker volume ls`, or with `links`, the number of its containers, of `docker system df -v`."""
    return Row(
        "*formatter.volumeContext", Driver="local",
        Labels=",".join(f"{key}={value}" for key, value in sorted(one.labels.items())),
        Links="N/A" if links is None else str(links), Mountpoint=str(one.mountpoint), Name=one.name, Scope="local",
        Size="N/A" if links is None else units.size(one.size),
    )  # fmt: skip


def described(one: Volume) -> Struct:
    """A volume as docker's API describes it (moby's types.Volume)."""
    return _Volume(
        "types.Volume", CreatedAt=one.created_at, Driver="local", Labels=Map(dict(one.labels)),
        Mountpoint=str(one.mountpoint), Name=one.name, Options=Map({}), Scope="local", Status=Map({}),
        UsageData=NilPointer(),
    )  # fmt: skip


class _Volume(Struct):
    """A Struct whose JSON omits what a volume of the driver local never has."""

    __slots__ = ()

    def json_items(self) -> Iterator[tuple[str, Any]]:
        return ((name, value) for name, value in self.items() if name not in ("Status", "UsageData"))


@verb("VOLUME [VOLUME...]", takes=(1, None))
@flag("-f", "--force", help="Force the removal of one or more volumes")
def rm(session: Session, args: tuple[str, ...], force: bool) -> None:
    """Remove one or more volumes."""
    errors = []
    for name in args:
        try:
            say(f"{session.lab.remove_volume(name, force=force)[0]}\n")
        except LabError as error:
            errors.append(explain(error))
    if errors:
        fail("\n".join(errors))


@verb()
@flag("-a", "--all", help="Remove all unused volumes, not just anonymous ones")
@option("--filter", "texts", kind="filter", help="Provide filter values (e.g. 'label=<label>')", many=True)
@flag("-f", "--force", help="Do not prompt for confirmation")
def prune(session: Session, args: tuple[str, ...], all: bool, texts: tuple[str, ...], force: bool) -> None:
    """Remove unused local volumes."""
    conditions = filters.parse(texts, ("all", "label", "label!"))
    all = all or any(value in ("1", "true") for value in conditions["all"])
    kind = "all" if all else "anonymous"
    warning = (
        f"WARNING! This will remove {kind} local volumes not used by at least one container.\n"
        "Are you sure you want to continue? [y/N] "
    )
    removed: list[str] = []
    freed = 0
    if force or agreed(session, warning):
        removed, freed = session.lab.prune_volumes(all, keep=lambda one: not labels_pass(one.labels, conditions))
    if removed:
        say("Deleted Volumes:\n" + "".join(f"{name}\n" for name in removed) + "\n")
    say(f"Total reclaimed space: {units.size(freed)}\n")
