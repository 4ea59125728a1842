"""The files of a container: diff, read, commit, export and cp.

What is in that layer is found by looking at the disk: `diff` lists it, `commit` makes it the top layer of an image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..archive.save import whole_file
from ..build.config import applied
from ..cp.copy import copy_in, copy_out
from ..errors import InvalidReference, LabError, NotFound
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import user_of
from ..host.root import Root
from ..host.snapshot import Writable
from ..host.space import names_full_disks
from ..oci.digest import Digest
from ..oci.layer import pack, sum_of_files
from ..oci.reference import Reference
from ..shown import Listing
from .pause import paused
from .record import Record, Spec

if TYPE_CHECKING:
    from ..oci.image import Image
    from ..store.store import Store


@names_full_disks
class Contents:
    """The files of one container, and the image they began as."""

    _store: Store
    _record: Record
    spec: Spec

    @property
    def home(self) -> Path:
        """The folder of its lab."""
        return self._store.home

    @property
    def image(self) -> Image:
        """The image it was made from; raises NotFound if that was removed."""
        if not self.spec.image:
            raise NotFound(f"container {self.spec.name}: the record of its image is damaged")
        return self._store.image(Digest(self.spec.image))

    def image_called(self, *, trunc: bool = True) -> str:
        """Its image as `docker ps` shows it: the name it was asked for, while that leads there, or else its ID.

        With `trunc`, IDs have 12 digits, and names are short and without a digest. Follows docker/cli,
        formatter/container.go (20.10).
        """
        name = self.spec.image_name
        try:
            leads_there = self._store.find(name).id == self.spec.image_id
        except LabError:
            leads_there = False
        if not leads_there:
            name = self.spec.image_id or name
        if not trunc:
            return name
        short = Digest(self.spec.image_id).short
        if short and name.removeprefix("sha256:")[:12] == short:
            return short
        with suppress(InvalidReference):
            return replace(Reference.parse(name), digest=None).familiar
        return name

    @property
    def argv(self) -> tuple[str, ...]:
        """What it runs: entrypoint and command."""
        return self.spec.entrypoint + self.spec.command

    @property
    def gone(self) -> bool:
        """Whether it was removed."""
        return not self._record.folder.is_dir()

    def _here(self) -> None:
        if self.gone:
            raise NotFound(f"No such container: {self.spec.name}")

    @property
    def log_path(self) -> Path:
        """The file that holds what its program printed, one JSON object a line."""
        return self._record.log

    @property
    def root(self) -> Path:
        """Its root folder on this machine's disk."""
        return self._record.root

    @cached_property
    def files(self) -> Writable:
        """Its root folder, and how that looked when it was new."""
        self._here()
        return Writable(self._record.files(self.spec.name), self._record.before())

    @contextmanager
    def _still(self) -> Iterator[None]:
        """Its programs stand still and its files can be read, as long as the block lasts."""
        with paused(self._record), self.files.readable():
            yield

    def diff(self) -> Listing[tuple[str, str]]:
        """What it changed, as `docker diff`: ("A", "C" or "D", path), sorted by path. Does not pause its programs.

        The table has the kind of each path too, and the bytes of files.
        """
        self._here()
        return Listing(self.files.listing(), "container_diff", self)

    def tree(self) -> Tree:
        """Its merged file system as it is now; its contents can be read while `files.readable()`."""
        image = self.image.tree()
        return self.files.tree(image, self._who(image))

    def _who(self, image: Tree) -> tuple[int, int]:
        """UID and GID of its user, from its own /etc/passwd or else the image's; (0, 0) for a user in neither."""
        for files in (Root(self._record.root), image):
            with suppress(LabError, OSError):
                return user_of(self.spec.user, files)
        return 0, 0

    def read(self, path: str) -> bytes:
        """The bytes of a file as it has it now, symlinks followed inside it; raises NotFound."""
        with self._still():
            entry = self.tree().find(path)
            if entry.kind != "file":
                raise NotFound(f"{path!r} is a {entry.kind}, not a file")
            return entry.read()

    def changes(self) -> Changes:
        """Its writable layer: what one would have to change in the image's files to get its own."""
        return Tree.diff(self.image.tree(), self.tree())

    @property
    def layer_size(self) -> int:
        """Bytes of the files in its writable layer: docker's SIZE of a container."""
        return sum_of_files(self.changes())

    def commit(
        self,
        tag: str | None = None,
        *,
        message: str = "",
        author: str = "",
        settings: Mapping[str, Any] | None = None,
        changes: Sequence[str] = (),
    ) -> Image:
        """Make its writable layer the top layer of a new image, whose config is the container's: `docker commit`.

        `changes` are Dockerfile instructions, and `settings` keys that replace those of the config. Raises
        InvalidReference for a tag that is none, and DockerfileError for instructions that cannot be there.
        """
        name = Reference.parse(tag).with_default_tag() if tag else None
        self._here()
        spec = self.spec
        config: dict[str, Any] = {
            "Env": [line for line in spec.env_lines if "=" in line] or None, "Cmd": list(spec.command) or None,
            "WorkingDir": spec.workdir or None, "Entrypoint": list(spec.entrypoint) or None, "User": spec.user or None,
            "Labels": dict(spec.labels) or None,
        }  # fmt: skip
        config |= applied(changes, {**(self.image.config.get("config") or {}), **config}) | dict(settings or {})
        with self._store.blobs.lease(), self._still():
            layer = self._store.pack(self.changes())
            said = " ".join(self.argv)
            image = self.image.stack(layer, said, comment=message, author=author, settings=config)
            if name:
                self._store.point([name], image, "commit")
        return image

    # docker cp and export, see `transfer` -----------------------------------------------------------------------

    def copy_out(self, path: str, to: str | os.PathLike[str] | BinaryIO, *, follow: bool = False) -> None:
        """Copy a file or folder of the container to this machine, or as a tar to a stream: `docker cp web:/x .`

        With `follow`, a link is copied as what it leads to.
        """
        self._here()
        with self._still():
            copy_out(Root(self._record.root), self.tree, path, to, follow=follow)

    def copy_in(
        self, source: str | os.PathLike[str] | BinaryIO, path: str, *, archive: bool = False, follow: bool = False
    ) -> None:
        """Copy a file or folder of this machine, or a stream's tar, into the container: `docker cp x web:/`.

        What comes in keeps its owners; with `archive` it becomes the container's user's, if there is one. With
        `follow`, a link is copied as what it leads to. Raises NotFound for a user that the container does not know.
        """
        self._here()
        root = Root(self._record.root)
        with self._still():
            owner = user_of(self.spec.user, root) if archive and self.spec.user else None
            copy_in(root, source, path, owner=owner, follow=follow)

    def export(self, to: str | os.PathLike[str] | BinaryIO) -> None:
        """Write the merged files as a tar: `docker export`. A file appears whole or not at all."""
        self._here()
        with ExitStack() as opened:
            opened.enter_context(self._still())
            out = opened.enter_context(whole_file(to)) if isinstance(to, str | os.PathLike) else to
            pack(Tree.diff(Tree(), self.tree()), out.write)
