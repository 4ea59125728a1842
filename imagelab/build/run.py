"""RUN: run a program in a root folder of the stage; what it changed is the layer.

A `Workspace` unpacks an image once for a stage, and again only when another step has changed the image since.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from ..errors import LabError
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import home_of, user_of
from ..host.beneath import make_private
from ..host.disk import unpack
from ..host.snapshot import Writable, remove
from ..oci.digest import Digest
from ..oci.image import Image
from ..runtime.binfmt import run as run_program
from ..runtime.program import Program


class Workspace:
    """A root folder that lives as long as a `with` block, made when the first program needs it."""

    def __init__(self, folder: Path) -> None:
        self._above = folder / f"imagelab-run-{os.urandom(16).hex()}"
        self._files = Writable(self._above / "root")
        self._holds: tuple[Digest, ...] | None = None
        self._open = ExitStack()  # while the layer of the last program is packed

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def run(
        self, image: Image, argv: Sequence[str], env: Mapping[str, str], cwd: str, user: str, timeout: float | None,
        output: Callable[[str, bytes], object],
    ) -> Changes:  # fmt: skip
        """Run a program in an image's files and return what it changed; raises LabError when it fails."""
        tree = image.tree()
        self._open.close()
        if self._holds != image.diff_ids:
            self._clear()
            make_private(self._above)
            unpack(tree, self._files.folder)
        self._holds = None
        self._files.begin()
        who = user_of(user, tree)
        env = {"HOME": home_of(who[0], tree), **env}
        program = Program(tuple(argv), env, "/" + tree.resolve(cwd), who, timeout=timeout)
        code = run_program(self._files.folder, tree, program, output)
        if code:
            raise LabError(f"process {' '.join(argv)!r} did not complete successfully: exit code: {code}")
        self._open.enter_context(self._files.readable())
        return Tree.diff(tree, self._files.tree(tree, who))

    def stays(self, image: Image) -> None:
        """Note that the folder holds this image's files now, so that the next program needs no new one."""
        self._holds = image.diff_ids

    def _clear(self) -> None:
        self._open.close()
        if self._above.exists():
            remove(self._above)
        self._holds = None
