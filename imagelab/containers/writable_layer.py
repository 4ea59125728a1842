"""The writable layer of a container: how its root folder differs from the image that it began as.

`docker diff` lists it, and `commit` makes it the top layer of an image. It is found by looking at the disk, and what
may be read depends on the disk's owners and modes: read its files inside `with layer.still()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import LabError
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import user_of
from ..host.root import Root
from ..host.snapshot import Writable
from .pause import paused
from .record import Record


class WritableLayer:
    """The files of one container; `user` is who its programs run as. Raises LabError when its root folder is gone."""

    def __init__(self, record: Record, user: str) -> None:
        self._record, self._user = record, user
        self._folder = Writable(record.root_folder(), record.before())

    @contextmanager
    def still(self) -> Iterator[None]:
        """Stop the container's programs and make its files readable, for as long as the block lasts."""
        with paused(self._record), self._folder.readable():
            yield

    def listing(self) -> list[tuple[str, str]]:
        """What `docker diff` prints: ("A", "C" or "D", path), sorted by path."""
        return self._folder.listing()

    def tree(self, image: Tree) -> Tree:
        """The merged file system as it is now; contents can be read while `still()`."""
        return self._folder.tree(image, self._owner(image))

    def changes(self, image: Tree) -> Changes:
        """What one would have to change in the image's files to get the container's."""
        return Tree.diff(image, self.tree(image))

    def _owner(self, image: Tree) -> tuple[int, int]:
        """UID and GID of its user, from its own /etc/passwd or else the image's; (0, 0) for a user in neither."""
        for files in (Root(self._record.root), image):
            with suppress(LabError, OSError):
                return user_of(self._user, files)
        return 0, 0
