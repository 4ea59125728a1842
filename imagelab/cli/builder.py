"""`docker builder prune`: the directories that RUN --mount=type=cache keeps, and with -a the cache's steps too.

Follows docker/cli (builder/prune.go), version 20.10.
"""

from __future__ import annotations

from .. import units
from .command import Session, flag, say, verb
from .tags import agreed
from .unsupported import BUILDER_PRUNE


@verb(instead=BUILDER_PRUNE)
@flag("-a", "--all", help="Remove all unused build cache, not just dangling ones")
@flag("-f", "--force", help="Do not prompt for confirmation")
def prune(session: Session, args: tuple[str, ...], all: bool, force: bool) -> None:
    """Remove build cache."""
    what = "all build cache" if all else "all dangling build cache"
    warning = f"WARNING! This will remove {what}. Are you sure you want to continue? [y/N] "
    removed = session.lab.prune_build_cache(all) if force or agreed(session, warning) else []
    if removed:
        say("Deleted build cache objects:\n" + "".join(f"{one.key}\n" for one in removed) + "\n")
    say(f"Total reclaimed space: {units.size(sum(one.size for one in removed))}\n")
