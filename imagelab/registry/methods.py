"""What a Lab does with registries: push, pull, login, and a registry of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import Interrupted
from ..oci.image import Image
from ..oci.reference import Reference
from ..store.store import Store

if TYPE_CHECKING:
    from .client import Access
    from .connection.credentials import Credentials
    from .server.embedded import EmbeddedRegistry, Users
    from .transfer import Report, Transfer


class RegistryMethods:
    """The methods of a Lab that concern registries."""

    store: Store

    def registry(
        self, accounts: Users | None = None, *, anonymous_pull: bool = False, port: int = 0, name: str = ""
    ) -> EmbeddedRegistry:
        """A registry on 127.0.0.1 that runs in this process: the one of this lab, if it runs already.

        It ends with `close()`, with a block of `with`, or with the process; what was pushed stays in `home`/registry.
        `accounts` is a mapping of users to passwords, or a file as htpasswd -B writes it; without, all may do all.
        By a `name` with a dot (`registry.test`), the labs of this process reach it, whatever its port is.
        """
        from .server.embedded import serve

        registry = serve(self.store.home / "registry", accounts, anonymous_pull, port, name)
        registry.end_with(self.store)
        return registry

    def push(
        self, name: str, *, all_tags: bool = False, compression: str = "gzip", report: Report | None = None,
        access: Access | None = None,
    ) -> Transfer:  # fmt: skip
        """Push the image of a tag to the registry in its name, or with `all_tags` those of all tags of a repository.

        Layers are compressed with `compression`: gzip, zstd or none; those that came compressed travel as they are.
        `report` is called with each `Progress`; by default a notebook shows a row for each layer. `access` says how
        registries are reached. Raises NotFound, Denied and Unreachable, with docker's words.
        """
        from . import verbs

        access = self.reached(access)
        try:
            with _followed(report, f"push {name}") as report:
                return verbs.push(self.store, name, access, report, all_tags=all_tags, compression=compression)
        except KeyboardInterrupt:
            raise Interrupted("the push was interrupted: no tag has moved; layers that arrived stay there") from None

    def pull(
        self, name: str, *, platform: str | None = None, all_tags: bool = False, report: Report | None = None,
        access: Access | None = None,
    ) -> Transfer:  # fmt: skip
        """Pull an image by tag or digest from the registry in its name; of an index, the one for this machine.

        `platform` (linux/arm64) takes another one. `report` and `access` as for `push`. Raises as `push`, and Invalid
        for bytes that are not what they should be; then no image and no tag has changed.
        """
        from . import verbs

        access = self.reached(access)
        try:
            with _followed(report, f"pull {name}") as report:
                return verbs.pull(self.store, name, access, report, all_tags=all_tags, platform=platform or "")
        except KeyboardInterrupt:
            raise Interrupted("the pull was interrupted: no tag has moved; what came is used the next time") from None

    def login(self, host: str, user: str, password: str, *, access: Access | None = None) -> None:
        """Check a user and password with a registry, and keep them in `home`/config.json, not in docker's file.

        Raises Denied, and then nothing is kept; and Unreachable.
        """
        from . import verbs
        from .connection.credentials import Account

        verbs.login(host, Account(user, password), self.reached(access))

    def logout(self, host: str) -> bool:
        """Forget the user and password for a registry; returns whether there were any."""
        return self.credentials.erase(host)

    def repo_digests(self, ref: str | Image) -> list[Reference]:
        """The name@digest that registries have an image under, known from pushes and pulls: docker's RepoDigests.

        Sorted, and empty for an image that was only built or loaded.
        """
        return self.store.digests_of(ref if isinstance(ref, Image) else self.store.find(ref))

    @property
    def credentials(self) -> Credentials:
        """The accounts that this lab uses with registries: `home`/config.json. Docker's own are not looked at."""
        from .connection.credentials import Credentials

        return Credentials(self.store.home / "config.json")

    def reached(self, access: Access | None) -> Access:
        """How registries are reached, with this lab's accounts where no others are given."""
        from .client import Access
        from .connection import hosts

        access = replace(access or Access(), hosts=hosts.seen_from(self.store.home / "registry"))
        return access if access.credentials else replace(access, credentials=self.credentials)


@contextmanager
def _followed(report: Report | None, title: str) -> Iterator[Report]:
    """The report, or where there is none and someone is looking at the notebook, rows for its layers."""
    from .transfer import silent

    if report is None and "ipykernel" in sys.modules:
        from ..widgets.build_progress import is_watched

        if is_watched():
            from ..widgets.transfer_progress import TransferProgress

            progress = TransferProgress(title)
            try:
                yield progress
            except BaseException:
                progress.end("failed")
                raise
            progress.end("done")
            return
    yield report or silent
