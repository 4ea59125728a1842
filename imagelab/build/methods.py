"""What a Lab does with Dockerfiles besides building: the checks, and the directories of cache mounts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..shown import Listing
from ..store.store import Store

if TYPE_CHECKING:
    from .checks.rules import Warning
    from .context import Source
    from .mounts.caches import CacheMount


class BuildMethods:
    """The methods of a Lab that concern builds, but for `build` itself."""

    store: Store

    def check(
        self, context: Source = ".", *, dockerfile: str | os.PathLike[str] | bytes | None = None,
        build_args: Mapping[str, str] | None = None, target: str = "",
    ) -> Listing[Warning]:  # fmt: skip
        """What BuildKit's checks find in a Dockerfile, without building: `docker build --check`; raises as `build`."""
        from .builder import check_all
        from .context import prepare
        from .stage import Options

        return check_all(self.store, *prepare(self.store, context, dockerfile), Options(build_args or {}, target))

    def build_cache(self) -> Listing[CacheMount]:
        """The directories that `RUN --mount=type=cache` keeps between builds."""
        from .mounts.caches import CacheMounts

        return Listing(CacheMounts(self.store.home).all(), "cache mounts")

    def prune_build_cache(self, all: bool = False) -> list[CacheMount]:
        """Remove the directories of `build_cache` that no build is using, and return them: `docker builder prune`.

        With `all`, the steps of past builds are forgotten too, so that the next build has only misses.
        """
        from .cache import forget
        from .mounts.caches import CacheMounts

        if all:
            forget(self.store)
        return CacheMounts(self.store.home).remove()
