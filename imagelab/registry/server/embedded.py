"""A registry inside this process, for a notebook: it listens on 127.0.0.1 and answers from a thread."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ...errors import Conflict, LabError
from ...shown import Displayed, Listing
from ...store.store import Store
from ..connection import hosts
from .accounts import Accounts, add_user
from .handlers import Request
from .repositories import Registry
from .server import Server

Users = Mapping[str, str] | str | os.PathLike[str]

_open: dict[Path, EmbeddedRegistry] = {}  # by folder
_guard = threading.Lock()


class EmbeddedRegistry(Displayed):
    """A registry that runs until it is closed, this process ends, or the block of `with` does.

    Raises LabError for a port that cannot be had, and Conflict for a folder that another process serves.
    """

    def __init__(self, folder: Path, accounts: Users | None, anonymous_pull: bool, port: int, name: str) -> None:
        self.folder = folder
        self.settings = (accounts, anonymous_pull)
        self._finalizer: weakref.finalize[..., Store] | None = None
        self.images = Registry(folder)
        try:
            users = _users(folder, accounts)
            server = Server(self.images, port=port, accounts=users, anonymous_pull=anonymous_pull)
            if name:
                hosts.point(name, folder, f"127.0.0.1:{server.port}")
        except BaseException as error:
            self.images.close()
            if isinstance(error, OSError):
                raise LabError(
                    f"the port {port} of 127.0.0.1 cannot be had: {str(error.strerror).lower()}; "
                    "leave port out for one that is free"
                ) from None
            raise
        self._server = server
        server.start_thread()
        self.port = server.port
        self.address = f"127.0.0.1:{server.port}"
        self.name = name or self.address

    def __repr__(self) -> str:
        return f"<Registry {self.name}{'' if self.running else ', closed'}>"

    def _repr_html_(self) -> str:
        return f"<p><b>Registry</b> <code>{self.name}</code>{'' if self.running else ', closed'}</p>"

    def __enter__(self) -> EmbeddedRegistry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        """Whether it still answers."""
        return _open.get(self.folder) is self

    @property
    def url(self) -> str:
        """Where it answers: http://127.0.0.1:PORT."""
        return f"http://{self.address}"

    def log(self) -> Listing[Request]:
        """The requests that were answered so far, in order; shows as a table of them."""
        if self.running:
            asyncio.run_coroutine_threadsafe(self._server.quiet(), self._server.loop).result(30)
        return Listing(self._server.log, "requests")

    def tags(self) -> dict[str, dict[str, str]]:
        """Repository → tag → the digest that it points to, all sorted."""
        repositories = {name: self.images.repository(name).tags for name in self.images.names()}
        return {name: dict(sorted(tags.items())) for name, tags in repositories.items()}

    def blobs(self) -> dict[str, int]:
        """Digest → bytes of every blob in its folder, whichever repositories have it, sorted."""
        paths = (path for path in (self.folder / "blobs").glob("sha*/*") if not path.name.startswith("."))
        return dict(sorted((f"{path.parent.name}:{path.name}", path.stat().st_size) for path in paths))

    def close(self) -> None:
        """Stop it; what was pushed stays in its folder. Idempotent."""
        self._end(wait=True)

    def end_with(self, store: Store) -> None:
        """Stop when nothing refers to a store any more, as that of a temporary lab, whose folder then goes."""
        if self._finalizer is None:
            self._finalizer = weakref.finalize(store, partial(self._end, wait=False))

    def _end(self, *, wait: bool) -> None:
        """Stop; without `wait` this never blocks, whichever thread the garbage collector runs in."""
        if self.running and _open.pop(self.folder, None) is not None:
            hosts.forget(self.folder)
            self._server.stop_thread(wait=wait)


def serve(folder: Path, accounts: Users | None, anonymous_pull: bool, port: int, name: str) -> EmbeddedRegistry:
    """The registry of a folder: the one that runs, or a new one.

    Raises Conflict where it runs with other accounts or on another port.
    """
    with _guard:
        running = _open.get(folder)
        if running is None:
            running = _open[folder] = EmbeddedRegistry(folder, accounts, anonymous_pull, port, name)
        elif (
            running.settings != (accounts, anonymous_pull)
            or port not in (0, running.port)
            or name not in ("", running.name)
        ):
            raise Conflict(
                f"the registry of this lab runs already on {running.address}, with other settings: close() it first"
            )
        return running


def _users(folder: Path, accounts: Users | None) -> Accounts | None:
    if accounts is None:
        return None
    if isinstance(accounts, str | os.PathLike):
        return Accounts(accounts)
    file = folder / "htpasswd"
    file.unlink(missing_ok=True)
    for user, password in accounts.items():
        add_user(file, user, password)
    file.touch(0o600)
    return Accounts(file)
