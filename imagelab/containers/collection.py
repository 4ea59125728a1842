"""The containers of a store: create, list, find and prune them.

A container is made in a folder with a temporary name, and renamed when it is complete. A lock on the folder of all
containers keeps their names unique.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from ..errors import Conflict, LabError, NotFound
from ..host.beneath import make_private
from ..host.locks import flock
from ..host.root import Root
from ..host.snapshot import Writable
from ..host.snapshot import remove as remove_folder
from ..oci.digest import Digest
from ..oci.image import Image
from ..store.store import Store
from ..volumes.mount import Mount, is_mode
from ..volumes.place import make_volumes
from ..volumes.users import remove_anonymous
from ..volumes.volume import Volumes
from .container import Container
from .names import NAME, NAME_RULE, generated
from .record import Record, Spec, State, now
from .rootfs import clone
from .settings import Settings, mounts_of, spec_of

_NEW = ".new-"  # prefix of the folder of a container that is being made


def _home(store: Store) -> Path:
    """The folder of all containers."""
    return store.home / "containers"


def create(store: Store, image: Image, image_name: str, command: Sequence[str], settings: Settings) -> Container:
    """Make a container of an image, with settings over the image's; it does not run yet.

    Raises Conflict when the name is in use, and LabError for invalid settings.
    """
    spec = spec_of(image, image_name, command, settings)
    spec = replace(spec, **mounts_of(image, settings, _inherited(store, settings.get("volumes_from") or ())))
    home = _home(store)
    make_private(home)
    with ExitStack() as locks:
        with flock(home / ".lock"):
            taken = _names(store)
            if spec.name in taken:
                raise Conflict(_in_use(spec.name, taken[spec.name]))
            id_ = _new_id(store, home)
            spec = replace(
                spec, id=id_, name=spec.name or generated(int(id_[:16], 16), taken), hostname=spec.hostname or id_[:12],
                created=now() if store.epoch is None else store.now(),
            )  # fmt: skip
            record = Record(home / f"{_NEW}{id_}")
            record.folder.mkdir()
            locks.enter_context(flock(record.folder / "lock"))  # a free lock means that its maker was killed
            try:
                if spec.mounts:
                    volumes = Volumes(store.home, store.epoch)
                    with volumes.held():  # none of them is removed before the record says who has it
                        spec = replace(spec, mounts=make_volumes(volumes, image.tree(), spec.mounts))
                        record.write_spec(spec)
                else:
                    record.write_spec(spec)
            except BaseException:
                remove_folder(record.folder)
                raise
        return _fill(store, image, record, spec)


def _fill(store: Store, image: Image, record: Record, spec: Spec) -> Container:
    try:
        clone(store, image, record.root)
        files, root = Writable(record.root), Root(record.root)
        files.begin()
        try:
            root.make_folders(f"/{root.place(spec.workdir)}")  # also the target of a dangling link
        except (Conflict, NotFound):
            raise LabError(f"Cannot mkdir: {spec.workdir} is not a directory") from None
        record.write_before(files.before)
        record.write(State())
        finished = record.folder.rename(record.folder.with_name(spec.id))
    except BaseException:
        remove_folder(record.folder)
        remove_anonymous(store.home, spec.mounts)
        raise
    return Container(store, Record(finished))


def _inherited(store: Store, texts: Sequence[str]) -> list[Mount]:
    """The mounts of other containers, as --volumes-from names them: NAME, or NAME:ro."""
    mounts = []
    for text in texts:
        name, _, mode = text.partition(":")
        if not name:
            raise LabError("volumes-from specification cannot be an empty string")
        if not is_mode(mode):
            raise LabError(f"invalid mode: {mode}")
        for mount in find(store, name).spec.mounts:
            if mount.flag != "--tmpfs":
                readonly = mount.readonly or "ro" in mode.split(",")
                mounts.append(replace(mount, readonly=readonly, mode="", flag="from"))
    return mounts


def _new_id(store: Store, home: Path) -> str:
    """64 hexadecimal digits: random, or in a lab with an epoch, computed from the number of the container."""
    if store.epoch is None:
        return os.urandom(32).hex()
    count = home / ".count"
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    return hashlib.sha256(f"container {number} of {store.epoch}".encode()).hexdigest()


def _names(store: Store) -> dict[str, str]:
    """Every name in use, and the ID of its container; removes containers that a crash left unfinished."""
    taken = {container.name: container.id for container in everything(store)}
    for folder in _home(store).glob(f"{_NEW}*"):
        with suppress(FileNotFoundError, LabError), flock(folder / "lock", wait=False) as lock:
            if lock is None:
                taken[Record(folder).spec().name] = folder.name.removeprefix(_NEW)
            else:
                remove_folder(folder)
    return taken


def everything(store: Store) -> list[Container]:
    """All containers, newest first."""
    home = _home(store)
    containers = []
    for folder in home.iterdir() if home.is_dir() else ():
        if not folder.name.startswith(".") and folder.is_dir():
            with suppress(FileNotFoundError):  # removed meanwhile
                containers.append(Container(store, Record(folder)))
    return sorted(containers, key=_created, reverse=True)


def _created(container: Container) -> tuple[str, int]:
    """The time it was created; for equal times, as in a lab with an epoch, when its config was written."""
    try:
        return container.spec.created, (container._record.folder / "config.json").stat().st_mtime_ns
    except FileNotFoundError:
        return container.spec.created, 0


def find(store: Store, text: str) -> Container:
    """The container of a name, an ID, or the unique start of an ID; raises NotFound, and LabError for several."""
    name, home = text.removeprefix("/"), _home(store)
    if re.fullmatch("[0-9a-f]{64}", name) and (home / name).is_dir():
        return Container(store, Record(home / name))
    containers = everything(store)
    by_name = [container for container in containers if container.name == name]
    by_id = [container for container in containers if name and container.id.startswith(name)]
    if len(by_id) > 1 and not by_name:
        raise LabError(f"Multiple IDs found with provided prefix: {name}")
    for container in by_name + by_id:
        return container
    raise NotFound(f"No such container: {text}")


def rename(store: Store, text: str, name: str) -> Container:
    """Give a container another name; returns it as it is called then.

    Raises NotFound, Conflict when the name is in use, and LabError for an invalid name or its own.
    """
    container, name, why = find(store, text), name.removeprefix("/"), "Error when allocating new name: "
    record, config = container._record, container._record.folder / "config.json"
    if name == container.name:
        raise LabError("Renaming a container with the same name as its current name")
    if not NAME.fullmatch(name):
        raise LabError(f"{why}Invalid container name (/{name}), only {NAME_RULE} are allowed")
    with flock(_home(store) / ".lock"), record.changing():
        if other := _names(store).get(name):
            raise Conflict(f"{why}{_in_use(name, other)}")
        made = os.stat(config).st_mtime_ns  # in a lab with an epoch, containers are listed by it
        record.write_spec(replace(record.spec(), name=name))
        os.utime(config, ns=(made, made))
    return Container(store, record)


def _in_use(name: str, id_: str) -> str:
    """Docker's words for a name that another container has."""
    return (f'Conflict. The container name "/{name}" is already in use by container "{id_}". '
            "You have to remove (or rename) that container to be able to reuse that name.")  # fmt: skip


def image_users(store: Store) -> dict[Digest, list[Container]]:
    """The containers of each image, by image ID."""
    users: dict[Digest, list[Container]] = {}
    for container in everything(store):
        if container.spec.image:
            users.setdefault(container.image_id, []).append(container)
    return users


def prune(store: Store, keep: Callable[[Container], bool] = lambda container: False) -> tuple[list[str], int]:
    """Remove the containers that do not run, except those that `keep` accepts.

    Returns their IDs, and the bytes of their writable layers.
    """
    removed, freed = [], 0
    for container in everything(store):
        if not container.running and not keep(container):
            with suppress(LabError, OSError):
                size = container.layer_size
                container.remove()
                removed.append(container.id)
                freed += size
    return removed, freed
