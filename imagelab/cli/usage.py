"""One idea: layers are shared, so what images take is not the sum of their sizes.

Docker's `system df`. The containers, volumes and build cache that it counts are not here yet, so there are none.

Follows docker/cli (formatter/disk_usage.go), version 20.10.
"""

from __future__ import annotations

import time

from .. import human
from ..gotemplate import Row, Struct
from .listing import IMAGE_TITLES, NONE, image_row, names_by_id
from .table import aligned, print_rows, print_value
from .verbs import Desk, flag, option, say, verb

DF_TITLES = {"Type": "TYPE", "TotalCount": "TOTAL", "Active": "ACTIVE", "Size": "SIZE", "Reclaimable": "RECLAIMABLE"}
DF_IMAGE = ("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers")


@verb()
@option("--format", "template", kind="string", help="Pretty-print images using a Go template")
@flag("-v", "--verbose", help="Show detailed information on space usage")
def df(desk: Desk, args: tuple[str, ...], template: str | None, verbose: bool) -> None:
    """Show docker disk usage."""
    if verbose:
        _verbose(desk, template)
        return
    usage = desk.lab.df()
    percent = f" ({usage.reclaimable * 100 // usage.size}%)" if usage.size else ""
    images = (len(usage.images), usage.active, usage.size, f"{human.size(usage.reclaimable)}{percent}")
    nothing = (0, 0, 0, human.size(0))
    kinds = {"Images": images, "Containers": nothing, "Local Volumes": nothing, "Build Cache": nothing}
    rows = [
        Row(
            "*formatter.diskUsageContext", Active=str(active), Reclaimable=reclaimable, Size=human.size(size),
            TotalCount=str(total), Type=kind,
        )
        for kind, (total, active, size, reclaimable) in kinds.items()
    ]  # fmt: skip
    print_rows(rows, DF_TITLES, list(DF_TITLES), template)


def _verbose(desk: Desk, template: str | None) -> None:
    rows = []
    names = names_by_id(desk.lab.all_images(all=True))
    for used in desk.lab.df().images:
        name = next(iter(names[used.image.id]), None)
        more = {"SharedSize": human.size(used.shared), "UniqueSize": human.size(used.unique), "Containers": "0"}
        if not template:
            more["Size"] = human.size(used.size)
        repository, tag = (name.familiar_name, name.tag or NONE) if name else (NONE, NONE)
        rows.append(image_row(used.image, repository, tag, time.time(), trunc=not template, more=more))
    if template and template != "table":
        whole = Struct("*formatter.diskUsageContext", Images=rows, Containers=[], Volumes=[], BuildCache=[])
        print_value(whole, template)
        return
    say("Images space usage:\n\n")
    print_rows(rows, IMAGE_TITLES, DF_IMAGE, None)
    containers = "CONTAINER ID\tIMAGE\tCOMMAND\tLOCAL VOLUMES\tSIZE\tCREATED\tSTATUS\tNAMES\n"
    volumes = "VOLUME NAME\tLINKS\tSIZE\n"
    cache = "CACHE ID\tCACHE TYPE\tSIZE\tCREATED\tLAST USED\tUSAGE\tSHARED\n"
    say(f"\nContainers space usage:\n\n{aligned(containers)}")
    say(f"\nLocal Volumes space usage:\n\n{aligned(volumes)}")
    say(f"\nBuild cache usage: 0B\n\n{aligned(cache)}")
