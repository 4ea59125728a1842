"""`docker system prune`: what `container`, `volume`, `image` and `builder prune` remove, in this order.

Follows docker/cli (system/prune.go), version 20.10. Left out: networks, which are not there. Volumes
with a name of their own stay, as since 23.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import units
from . import filters
from .command import Session, fail, flag, option, say, verb
from .tags import agreed, prune_images


@verb()
@flag("-a", "--all", help="Remove all unused images not just dangling ones")
@option("--filter", "texts", kind="filter", help="Provide filter values (e.g. 'label=<key>=<value>')", many=True)
@flag("-f", "--force", help="Do not prompt for confirmation")
@flag("--volumes", help="Prune volumes")
def system_prune(
    session: Session, args: tuple[str, ...], all: bool, texts: tuple[str, ...], force: bool, volumes: bool
) -> None:
    """Remove unused data."""
    conditions = filters.parse(texts, filters.PRUNE)
    passes = filters.prune_condition(conditions)
    if volumes and conditions["until"]:
        fail('ERROR: The "until" filter is not supported with "--volumes"')
    if not force and not agreed(session, _warning(all, volumes, texts)):
        return
    lab = session.lab
    freed = _deleted("Containers", *lab.prune_containers(keep=lambda one: not passes(one.labels, one.created)))
    if volumes:
        removed = lab.prune_volumes(keep=lambda one: not filters.labels_pass(one.labels, conditions))
        freed += _deleted("Volumes", *removed)
    freed += _deleted("Images", *prune_images(session, all, passes))
    caches = [] if texts else lab.prune_build_cache(all)
    freed += _deleted("build cache objects", [one.key for one in caches], sum(one.size for one in caches))
    say(f"Total reclaimed space: {units.size(freed)}\n")


def _warning(all: bool, volumes: bool, texts: tuple[str, ...]) -> str:
    kinds = [
        "all stopped containers", *["all anonymous volumes not used by at least one container"] * volumes,
        "all images without at least one container associated to them" if all else "all dangling images",
        "all build cache" if all else "all dangling build cache",
    ]  # fmt: skip
    lines = ["WARNING! This will remove:", *(f"  - {kind}" for kind in kinds), ""]
    if texts:
        lines += ["  Items to be pruned will be filtered with:", *(f"  - {text}" for text in texts), ""]
    return "\n".join([*lines, "Are you sure you want to continue? [y/N] "])


def _deleted(kind: str, lines: Iterable[str], freed: int) -> int:
    """Print what was removed, if anything was; returns the bytes freed."""
    if text := "".join(f"{line}\n" for line in lines):
        say(f"Deleted {kind}:\n{text}\n")
    return freed
