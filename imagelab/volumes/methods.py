"""What a Lab does with volumes: make, list, remove and prune them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import NotFound
from ..shown import Listing
from ..store.store import Store

if TYPE_CHECKING:
    from .volume import Volume, Volumes


class VolumeMethods:
    """The methods of a Lab that concern volumes."""

    store: Store

    def volume_users(self) -> Mapping[str, Sequence[str]]:
        """The IDs of the containers that have each volume: Lab knows."""
        raise NotImplementedError

    @property
    def _volumes(self) -> Volumes:
        from .volume import Volumes

        return Volumes(self.store.home, self.store.epoch)

    def volumes(self) -> Listing[Volume]:
        """The volumes, sorted by name: `docker volume ls`. `table(sizes=True)` has their containers and bytes too."""
        return Listing(self._volumes.all(), "volumes", self.volume_users)

    def volume(self, name: str) -> Volume:
        """The volume of this name; raises NotFound."""
        return self._volumes.find(name)

    def create_volume(self, name: str = "", labels: Mapping[str, str] | None = None) -> Volume:
        """Make a volume, or find the one of this name: `docker volume create`; without a name, one is made up.

        Raises LabError for a name that no volume can have.
        """
        return self._volumes.create(name, labels)

    def remove_volume(self, *names: str, force: bool = False) -> list[str]:
        """Remove volumes and their files, and return their names: `docker volume rm`.

        Raises Conflict for one that a container has, and NotFound, unless `force`.
        """
        for name in names:
            with suppress(*([NotFound] if force else [])):
                self._volumes.remove(name, self.volume_users)
        return list(names)

    def prune_volumes(
        self, all: bool = False, keep: Callable[[Volume], bool] = lambda volume: False
    ) -> tuple[list[str], int]:
        """Remove the anonymous volumes that no container has, with `all` the named ones too: `docker volume prune`.

        Volumes that `keep` accepts stay. Returns the names of those removed, and the bytes freed.
        """
        return self._volumes.prune(
            self.volume_users, lambda volume: keep(volume) or not (all or volume.anonymous)
        )
