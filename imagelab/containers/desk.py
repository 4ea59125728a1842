"""One idea: at the desk of a Lab, a container is one call away.

The part of `Lab` that is about containers: it looks images up and hands on to `shelf` and `Container`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..space import names_full_disks

if TYPE_CHECKING:
    from ..image import Image
    from ..runtime import Output
    from ..store import Store
    from .container import Container


@names_full_disks
class ContainerDesk:
    """docker's `create`, `run` and `ps`, on a store."""

    store: Store

    def create(
        self, image: str | Image, *command: str, name: str = "", env: Sequence[str] | Mapping[str, str] = (),
        workdir: str = "", user: str = "", entrypoint: str | Sequence[str] | None = None,
        labels: Mapping[str, str] | None = None, hostname: str = "", interactive: bool = False, remove: bool = False,
        runtime: str = "",
    ) -> Container:  # fmt: skip
        """Make a container, which does not run yet: `docker create`. See `shelf.create` for settings and errors.

        A base image that imagelab makes is made, if no other image of that name is here.
        """
        from ..bases import find
        from ..image import Image as Made
        from . import shelf

        base = image if isinstance(image, Made) else find(self.store, image)
        asked = image if isinstance(image, str) else next((name.familiar for name in image.names), "")
        return shelf.create(
            self.store, base, command, image_name=asked, name=name, env=env, workdir=workdir, user=user,
            entrypoint=entrypoint, labels=labels, hostname=hostname, interactive=interactive, remove=remove,
            runtime=runtime,
        )  # fmt: skip

    def run(
        self, image: str | Image, *command: str, detach: bool = False, input: int | bytes | None = None,
        output: Output | None = None, **settings: Any,
    ) -> Container:  # fmt: skip
        """Make a container and start it: `docker run`. Unless `detach`, return when its program has ended.

        `output` is given what it prints as it comes; `input` (bytes, or a file descriptor) is its standard input.
        Raises `runtime.CannotStart`, with docker's exit code, when there is no such program.
        """
        if input is not None:
            settings["interactive"] = True
        return self.create(image, *command, **settings).start(input=input, output=output, wait=not detach)

    def containers(self, all: bool = True) -> list[Container]:
        """The containers, newest first; without `all`, only those that run."""
        from . import shelf

        return [one for one in shelf.everything(self.store) if all or one.running]

    def container(self, ref: str) -> Container:
        """The container of a name, an ID, or the unique start of an ID; raises NotFound."""
        from . import shelf

        return shelf.find(self.store, ref)

    def prune_containers(self) -> tuple[list[str], int]:
        """Remove every container that does not run: `docker container prune`; returns IDs, and bytes freed."""
        from . import shelf

        return shelf.prune(self.store)
