"""Where mounts are: their sources on this machine, and their places in the root folder of a container.

A mount's source is looked up once for each start of a container, and what `exec` runs sees the same. Its place in the
root folder is made if it is missing, as runc does; no link on the way to it leads outside. A tmpfs is a folder beside
the root folder, emptied at each start; its size is not limited.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import Conflict, LabError, NotFound
from ..filesystem.entry import Entry
from ..filesystem.tree import Changes, Tree
from ..host.root import Bind, Root
from ..host.snapshot import remove
from ..runtime.program import NO_CONTAINER, CannotStart
from .mount import Mount
from .volume import Volumes

_KERNEL = ("proc", "dev")  # no mount can be there: the kernel's own files are


def make_volumes(volumes: Volumes, tree: Tree, mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Make the volumes of a new container that are missing, and fill the empty ones from its image, a `tree`.

    Returns the mounts; those without a name have one then.
    """
    made = []
    for mount in mounts:
        if mount.type == "volume":
            content = None if mount.nocopy or mount.flag == "from" else _content(tree, mount.target)
            mount = replace(mount, source=volumes.create(mount.source, content=content).name)
        made.append(mount)
    return tuple(made)


def _content(tree: Tree, target: str) -> Tree | None:
    """What an image has at a path, as a tree of its own; None for nothing, and LabError for a file."""
    try:
        real = tree.resolve(target.lstrip("/"))
    except NotFound:
        return None
    if tree[real].kind != "dir":
        raise LabError(f"cannot mount volume over existing file, file exists {target}")
    start = f"{real}/" if real else ""
    below = {path[len(start) :]: entry for path, entry in tree.items() if path and path.startswith(start)}
    return Tree().apply(Changes({"": tree[real], **below}))


def source_of(mount: Mount, home: Path) -> str:
    """The path of this machine that a mount shows, "" of a tmpfs; `home` is the store's folder."""
    return mount.source if mount.type != "volume" else str(Volumes(home).path(mount.source))


def bind_all(home: Path, root: Path, mounts: Iterable[Mount], tmpfs: Path | None = None) -> tuple[Bind, ...]:
    """What to mount in a container's root folder; raises CannotStart for what cannot be mounted.

    Every tmpfs becomes a new folder in `tmpfs`; without one, they are left out. A folder of this machine that -v names
    is made if it is missing, as Docker does.
    """
    binds: list[Bind] = []
    if tmpfs:
        remove(tmpfs)
    try:
        for mount in sorted(mounts, key=lambda mount: mount.target.count("/")):
            path = Path(source_of(mount, home))
            if mount.type == "tmpfs":
                if not tmpfs:
                    continue
                path = tmpfs / str(len(binds))
                path.mkdir(parents=True)
                path.chmod(mount.tmpfs_mode)
            elif mount.flag == "-v" and not os.path.lexists(path):
                path.mkdir(parents=True, exist_ok=True)
            source = _real(path)
            target = _place(Root(root, binds), mount, source)
            binds.append(Bind(target, source, mount.readonly))
    except OSError as error:
        raise CannotStart(f"error while creating mount source path: {error}", NO_CONTAINER) from None
    return tuple(binds)


def _real(path: Path) -> str:
    """A source without links; raises CannotStart for one that is gone."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError:
        why = f'invalid mount config for type "bind": bind source path does not exist: {path}'
        raise CannotStart(why, NO_CONTAINER) from None


def _place(root: Root, mount: Mount, source: str) -> str:
    """The real path of a mount in the root folder, made if it is missing; raises CannotStart."""
    failure = f'error mounting "{source}" to rootfs at "{mount.target}": '
    is_folder = os.path.isdir(source)
    try:
        target = root.place(mount.target)
        above = target.rpartition("/")[0]
        top = target.partition("/")[0]
        if top in (*_KERNEL, ""):
            why = f'"{mount.target}" cannot be mounted because it is inside "/{top}"'
            raise CannotStart(f"{failure}{why}", NO_CONTAINER)
        root.make_folders(f"/{above}")
        kind = root.kind(f"/{target}")
        if kind and (kind == "dir") != is_folder:
            raise CannotStart(
                f"{failure}not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if "
                "the specified host path exists and is the expected type", NO_CONTAINER,
            )  # fmt: skip
        if not kind:
            root.write(f"/{target}", Entry.dir() if is_folder else Entry.file(b"", 0o755), None)
    except Conflict as error:
        raise CannotStart(f"{failure}{error}", NO_CONTAINER) from None
    return target


def still_there(root: Path, binds: Iterable[Bind]) -> tuple[Bind, ...]:
    """The mounts of a running container for another program; raises CannotStart where a link is in the way now."""
    binds = tuple(binds)
    for number, bind in enumerate(binds):
        if Root(root, binds[:number]).place(bind.target) != bind.target:
            raise CannotStart(f"/{bind.target}: the container has moved the directory that this mount is in")
    return binds
