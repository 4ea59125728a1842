"""RUN: run a program in the files of an image; what it changes is the layer.

A `Workspace` unpacks an image once for a stage, and again only when another step has changed the image since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..errors import LabError
from ..filesystem.entry import ancestors
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import home_of, user_of
from ..host.beneath import make_private
from ..host.disk import unpack
from ..host.root import Bind, Root
from ..host.snapshot import Writable, remove
from ..oci.digest import Digest
from ..oci.image import Image
from ..runtime.binfmt import run as run_program
from ..runtime.program import Program
from .mounts.place import placed
from .mounts.prepare import Mounts


class Workspace:
    """A root directory on the disk for the programs of one stage, made when the first of them needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"imagelab-run-{os.urandom(16).hex()}"
        self._root = Writable(self._folder / "root")
        self._contents: tuple[Digest, ...] | None = None  # the diffIDs of the image that the root holds
        self._readable = ExitStack()  # open while the layer of the last program is packed

    def run(
        self, image: Image, argv: Sequence[str], env: Mapping[str, str], cwd: str, user: str, timeout: float | None,
        output: Callable[[str, bytes], object], mounts: Mounts,
    ) -> Changes:  # fmt: skip
        """Run a program in an image's files and return what it changed; raises LabError when it fails.

        The contents of the changes are read from the disk, and stay there until the next `run` or `close`.
        """
        tree = image.tree()
        self._readable.close()
        if self._contents != image.diff_ids:
            self.close()
            make_private(self._folder)
            unpack(tree, self._root.folder)
        self._contents = None
        self._root.begin()
        ids = user_of(user, tree)
        env = {"HOME": home_of(ids[0], tree), **env, **mounts.variables()}
        with mounts.prepared(self._folder, tree) as contents, placed(self._root.folder, contents):
            files = Root(self._root.folder) if contents else tree
            targets = sorted((one.target, one.readonly) for one in contents)
            mounted = tuple(Bind(target, readonly=readonly) for target, readonly in targets)
            program = Program(tuple(argv), env, "/" + tree.resolve(cwd), ids, timeout=timeout, mounts=mounted)
            code = run_program(self._root.folder, files, program, output)
        self._root.moved_back(path for target, _ in targets for path in (target, *ancestors(target)))
        if code:
            raise LabError(f"process {' '.join(argv)!r} did not complete successfully: exit code: {code}")
        self._readable.enter_context(self._root.readable())
        return Tree.diff(tree, self._root.tree(tree, ids))

    def holds(self, image: Image) -> None:
        """Note that the root holds this image's files now, so that the next program needs no new one."""
        self._contents = image.diff_ids

    def close(self) -> None:
        """Remove the root directory."""
        self._readable.close()
        if self._folder.exists():
            remove(self._folder)
        self._contents = None
