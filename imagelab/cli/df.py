"""`docker system df`: what images and containers take, with shared layers counted once.

Of the build cache the directories of `RUN --mount=type=cache` take space; its steps are images.

Follows docker/cli (formatter/disk_usage.go), version 20.10; with `--as 29`, see `docker29`.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from .. import units
from ..analysis import docker_stores
from ..analysis.usage import DiskUsage
from ..golang.template import Row, Struct
from .command import Session, flag, option, say, verb
from .images import IMAGE_TITLES, NONE, image_row, names_by_id
from .ps import TITLES as CONTAINER_TITLES
from .ps import own_size, row
from .table import print_rows, print_value
from .volume import TITLES as VOLUME_TITLES
from .volume import row as volume_row

DF_TITLES = {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
CACHE_TITLES = {
    "ID": "CACHE ID", "CacheType": "CACHE TYPE", "Size": "SIZE", "CreatedSince": "CREATED",
    "LastUsedSince": "LAST USED", "UsageCount": "USAGE", "Shared": "SHARED",
}  # fmt: skip
DF_IMAGE = ("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers")
DF_CONTAINER = ("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")


@verb()
@option("--format", "template", kind="string", help="Pretty-print images using a Go template")
@flag("-v", "--verbose", help="Show detailed information on space usage")
def df(session: Session, args: tuple[str, ...], template: str | None, verbose: bool) -> None:
    """Show docker disk usage."""
    if verbose:
        _verbose(session, template)
        return
    usage = _of_images(session)
    images = (len(usage.images), usage.active, usage.size, usage.reclaimable)
    containers = _of_containers(session)
    kinds = {"Images": images, "Containers": containers, "Local Volumes": _of_volumes(session)}
    cached = [one.size for one in session.lab.build_cache()]
    kinds["Build Cache"] = (len(cached), 0, sum(cached), sum(cached))
    rows = [
        Row(
            "*formatter.diskUsageContext", Active=str(active), Reclaimable=_of(reclaimable, size),
            Size=units.size(size), TotalCount=str(total), Type=kind,
        )
        for kind, (total, active, size, reclaimable) in kinds.items()
    ]  # fmt: skip
    print_rows(rows, DF_TITLES, list(DF_TITLES), template)


def _of_images(session: Session) -> DiskUsage:
    if session.docker == "29":
        used = frozenset(one.image_digest for one in session.lab.containers())
        return docker_stores.containerd_usage(session.lab.images(), used)
    return session.lab.df()


def _of(part: int, whole: int) -> str:
    return units.size(part) + (f" ({part * 100 // whole}%)" if whole else "")


def _of_containers(session: Session) -> tuple[int, int, int, int]:
    """Containers, running ones, bytes of all writable layers, and bytes of those of stopped containers."""
    containers = [(one.running, own_size(one, session.docker)) for one in session.lab.containers()]
    sizes = (sum(size for _, size in containers), sum(size for running, size in containers if not running))
    return len(containers), sum(running for running, _ in containers), *sizes


def _of_volumes(session: Session) -> tuple[int, int, int, int]:
    """Volumes, those that a container has, bytes of all files in them, and of those that no container has."""
    links = session.lab.volume_users()
    sizes = [(one.name in links, one.size) for one in session.lab.volumes()]
    used = sum(active for active, _ in sizes)
    return len(sizes), used, sum(size for _, size in sizes), sum(size for active, size in sizes if not active)


def _verbose(session: Session, template: str | None) -> None:
    rows, now, as_29 = [], datetime.now(UTC), session.docker == "29"
    names = names_by_id(session.lab.images(all=True))
    containers = session.lab.containers()
    users = Counter(one.image_digest if as_29 else one.image_id for one in containers)
    for used in _of_images(session).images:
        id_ = docker_stores.shown_id(used.image, session.docker)
        name = next(iter(used.image.names if as_29 else names[id_]), None)
        more = {"SharedSize": units.size(used.shared), "UniqueSize": units.size(used.unique)}
        more["Containers"] = str(users[id_])
        if not template:
            more["Size"] = units.size(used.size)
        repository, tag = (name.familiar_name, name.tag or NONE) if name else (NONE, NONE)
        rows.append(image_row(used.image, repository, tag, now, trunc=not template, more=more, docker=session.docker))
    kept = []
    for one in containers:
        fields = dict(row(one, now, trunc=not template, sized=False, docker=session.docker))
        fields["Size"] = units.size(own_size(one, session.docker), 3)
        kept.append(Row("*formatter.ContainerContext", **fields))
    links = session.lab.volume_users()
    volumes = [volume_row(one, len(links.get(one.name, ()))) for one in session.lab.volumes()]
    if template and template != "table":
        caches = _cached(session)
        whole = Struct("*formatter.diskUsageContext", Images=rows, Containers=kept, Volumes=volumes, BuildCache=caches)
        print_value(whole, template)
        return
    say("Images space usage:\n\n")
    print_rows(rows, IMAGE_TITLES, DF_IMAGE, None)
    say("\nContainers space usage:\n\n")
    print_rows(kept, CONTAINER_TITLES, DF_CONTAINER, None)
    say("\nLocal Volumes space usage:\n\n")
    print_rows(volumes, VOLUME_TITLES, ["Name", "Links", "Size"], None)
    say(f"\nBuild cache usage: {units.size(sum(one.size for one in session.lab.build_cache()))}\n\n")
    print_rows(_cached(session), CACHE_TITLES, list(CACHE_TITLES), None)


def _cached(session: Session) -> list[Row]:
    """The rows of the build cache: the directories of cache mounts."""
    now = datetime.now(UTC)
    return [
        Row(
            "*formatter.buildCacheContext", ID=one.key[:12], CacheType="exec.cachemount", Size=units.size(one.size),
            CreatedSince=units.since(datetime.fromtimestamp(one.created, UTC), now),
            LastUsedSince=units.since(datetime.fromtimestamp(one.used, UTC), now), UsageCount="1", Shared="false",
        )
        for one in session.lab.build_cache()
    ]  # fmt: skip
