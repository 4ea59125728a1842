"""What a RUN's mounts hold, made ready beside its root folder: files of the context or a stage, secrets, caches.

Only `files` decides with the cache whether the RUN is done again: a secret or a cache directory may be another each
time. A secret is written to the disk for as long as its RUN runs, in a folder that only its owner may enter.

Implements BuildKit's rules (dockerfile2llb/convert_runmount.go and convert_secrets.go).
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...errors import LabError, NotFound
from ...filesystem.entry import Entry
from ...filesystem.tree import Changes, Tree
from ...host.disk import unpack
from ...host.snapshot import remove
from ..context import Context
from ..dockerfile.mount import Mount
from .caches import CacheMounts
from .place import Mounted

MAX_SECRET = 500 * 1024  # bytes, as in BuildKit
Secrets = Mapping[str, str | os.PathLike[str] | bytes]  # by id: the path of a file, or the secret itself


@dataclass(frozen=True, slots=True)
class Mounts:
    """The mounts of one RUN; `source` gives the files that a `from` names, "" the context."""

    mounts: Sequence[Mount]
    directory: str  # the WORKDIR, absolute, which relative targets are in
    source: Callable[[str], Context]
    secrets: Secrets
    caches: CacheMounts

    def binds(self) -> bool:
        """Whether files are mounted whose content decides with the cache."""
        return any(mount.type == "bind" for mount in self.mounts)

    def files(self) -> dict[str, str]:
        """The sums of the files that are mounted, by path."""
        sums: dict[str, str] = {}
        for mount in self.mounts:
            if mount.type == "bind":
                context = self.source(mount.origin)
                paths = [path for path, _ in _files(context, mount.source)]
                place = f"{mount.origin}:" if mount.origin else ""
                sums |= {f"{place}{path}": text for path, text in context.sums(paths).items()}
        return sums

    def variables(self) -> dict[str, str]:
        """The secrets that are variables; raises LabError for one that is required and not given."""
        named = {mount.env or mount.secret: self._secret(mount) for mount in self.mounts if mount.env is not None}
        return {name: os.fsdecode(secret) for name, secret in named.items() if secret is not None}

    @contextmanager
    def prepared(self, folder: Path, tree: Tree) -> Iterator[list[Mounted]]:
        """The contents in folders of `folder`, and where they go in a root that holds `tree`.

        Raises LabError for what cannot be mounted. Caches are taken in the order of their ids: no two builds wait for
        each other.
        """
        ids = [_cache_id(mount) for mount in self.mounts if mount.type == "cache"]
        if twice := next((id for id in ids if ids.count(id) > 1), None):
            raise LabError(f"two cache mounts have the id {twice!r}: give one another id")
        with ExitStack() as stack:
            yield [
                Mounted(self._target(mount, tree), content, mount.readonly)
                for number, mount in enumerate(sorted(self.mounts, key=_cache_id))
                if (content := self._content(mount, folder / f"mount{number}", stack)) is not None
            ]

    def _target(self, mount: Mount, tree: Tree) -> str:
        """The real path of a target in the root, without a leading '/'; raises LabError for the root itself."""
        target = mount.target or (f"/run/secrets/{posixpath.basename(mount.secret)}" if mount.type == "secret" else "")
        real = tree.follow(posixpath.normpath(posixpath.join("/", self.directory, target)).lstrip("/"))
        if not real:
            raise LabError(f'invalid mount target "{target or self.directory}": a mount cannot cover the root')
        return real

    def _content(self, mount: Mount, folder: Path, stack: ExitStack) -> Path | None:
        if mount.type == "cache":
            return self._cache(mount, stack)
        folder.mkdir(mode=0o700)
        stack.callback(remove, folder)
        content = folder / "content"
        if mount.type == "tmpfs":
            content.mkdir()
            content.chmod(0o1777)
        elif mount.type == "secret":
            secret = self._secret(mount)
            if secret is None or (mount.env is not None and not mount.target):
                return None
            content.touch(0o600)
            content.write_bytes(secret)
            _describe(content, mount, 0o400)
        else:
            _write(self.source(mount.origin), mount.source, content)
        return content

    def _cache(self, mount: Mount, stack: ExitStack) -> Path:
        content, new = stack.enter_context(self.caches.held(_cache_id(mount)))
        if new and mount.origin:
            content.rmdir()
            _write(self.source(mount.origin), mount.source, content)
        elif new:
            content.chmod(0o755)
            _describe(content, mount, 0o755)
        return content

    def _secret(self, mount: Mount) -> bytes | None:
        """The bytes of a secret; None for one that is not given. Raises LabError for one that cannot be had."""
        if (given := self.secrets.get(mount.secret)) is None:
            if mount.required:
                raise NotFound(f"secret {mount.secret}: not found: give it with --secret id={mount.secret},src=FILE")
            return None
        if not isinstance(given, bytes):
            given = Path(given).read_bytes()
        if len(given) > MAX_SECRET:
            raise LabError(f"secret {mount.secret} too big. max size 500KB: it has {len(given):,} bytes")
        return given


def _cache_id(mount: Mount) -> str:
    return mount.id or posixpath.normpath(mount.target)


def _describe(content: Path, mount: Mount, mode: int) -> None:
    """Set the owner and mode that a mount asks for; only root can set an owner."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        os.chown(content, mount.uid or 0, mount.gid or 0)
    content.chmod(mode if mount.mode is None else mount.mode)


def _files(context: Context, source: str) -> Iterator[tuple[str, Entry]]:
    """A file, or a directory and all below it; raises NotFound."""
    try:
        top = context.tree.resolve(posixpath.normpath(f"/{source}").lstrip("/"))
    except NotFound:
        raise NotFound(f"{source!r} is not in {context.name}: nothing can be mounted") from None
    todo = [top]
    while todo:
        path = todo.pop()
        yield path, context.tree[path]
        todo += context.tree.children(path)


def _write(context: Context, source: str, to: Path) -> None:
    """Write a file or directory of a context to `to`, whose folder may hold other things."""
    entries: dict[str, Entry] = {}
    top: str | None = None
    for path, entry in _files(context, source):
        top = path if top is None else top
        entries[posixpath.join(to.name, path[len(top) :].lstrip("/")).rstrip("/")] = entry
    unpacked = to.with_name(f"{to.name}.unpacked")
    unpack(Tree().apply(Changes(entries)), unpacked)
    os.rename(unpacked / to.name, to)
    unpacked.rmdir()
