"""The containers of a store: create, list, find and prune them.

A container is made in a folder that has another name until it is whole; a name belongs to one container, which a lock
on the whole shelf sees to.
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
from .container import Container
from .names import generated
from .record import Record, Spec, State, now
from .rootfs import clone
from .settings import Settings, spec_of

_NEW = ".new-"  # a container that is being made


def _shelf(store: Store) -> Path:
    return store.home / "containers"


def create(store: Store, image: Image, image_name: str, command: Sequence[str], settings: Settings) -> Container:
    """Make a container of an image, with settings over the image's; it does not run yet.

    Raises Conflict when the name is taken, and LabError for settings that no container can have.
    """
    spec = spec_of(image, image_name, command, settings)
    shelf = _shelf(store)
    make_private(shelf)
    with ExitStack() as ours:
        with flock(shelf / ".lock"):
            taken = _names(store)
            if spec.name in taken:
                raise Conflict(
                    f'Conflict. The container name "/{spec.name}" is already in use by container "{taken[spec.name]}". '
                    "You have to remove (or rename) that container to be able to reuse that name."
                )
            id_ = _new_id(store, shelf)
            spec = replace(
                spec, id=id_, name=spec.name or generated(int(id_[:16], 16), taken), hostname=spec.hostname or id_[:12],
                created=now() if store.epoch is None else store.now(),
            )  # fmt: skip
            record = Record(shelf / f"{_NEW}{id_}")
            record.folder.mkdir()
            ours.enter_context(flock(record.folder / "lock"))  # says that somebody is still at it
            try:
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
            root.make_folders(f"/{root.place(spec.workdir)}")  # what a link that leads to nothing leads to, too
        except (Conflict, NotFound):
            raise LabError(f"Cannot mkdir: {spec.workdir} is not a directory") from None
        record.write_before(files.before)
        record.write(State())
        finished = record.folder.rename(record.folder.with_name(spec.id))
    except BaseException:
        remove_folder(record.folder)
        raise
    return Container(store, Record(finished))


def _new_id(store: Store, shelf: Path) -> str:
    """64 hexadecimal digits: random ones, or in a lab with an epoch those of its first, second, third container."""
    if store.epoch is None:
        return os.urandom(32).hex()
    count = shelf / ".count"
    number = int(count.read_text()) + 1 if count.exists() else 1
    count.write_text(str(number))
    return hashlib.sha256(f"container {number} of {store.epoch}".encode()).hexdigest()


def _names(store: Store) -> dict[str, str]:
    """Every name that is taken, and by which ID; what a crash left half made is removed."""
    taken = {one.name: one.id for one in everything(store)}
    for folder in _shelf(store).glob(f"{_NEW}*"):
        with suppress(FileNotFoundError, LabError), flock(folder / "lock", wait=False) as ours:
            if ours is None:
                taken[Record(folder).spec().name] = folder.name.removeprefix(_NEW)
            else:
                remove_folder(folder)
    return taken


def everything(store: Store) -> list[Container]:
    """All containers, newest first."""
    shelf = _shelf(store)
    found = []
    for folder in shelf.iterdir() if shelf.is_dir() else ():
        if not folder.name.startswith(".") and folder.is_dir():
            with suppress(FileNotFoundError):  # removed while we looked
                found.append(Container(store, Record(folder)))
    return sorted(found, key=_age, reverse=True)


def _age(one: Container) -> tuple[str, int]:
    """When it was made; among those of one epoch, when its config was written, which never changes."""
    try:
        return one.spec.created, (one._record.folder / "config.json").stat().st_mtime_ns
    except FileNotFoundError:
        return one.spec.created, 0


def find(store: Store, text: str) -> Container:
    """The container of a name, an ID, or the unique start of an ID; raises NotFound, and LabError for several."""
    name, shelf = text.removeprefix("/"), _shelf(store)
    if re.fullmatch("[0-9a-f]{64}", name) and (shelf / name).is_dir():
        return Container(store, Record(shelf / name))
    containers = everything(store)
    named_so = [one for one in containers if one.name == name]
    starting = [one for one in containers if name and one.id.startswith(name)]
    if len(starting) > 1 and not named_so:
        raise LabError(f"Multiple IDs found with provided prefix: {name}")
    for one in named_so + starting:
        return one
    raise NotFound(f"No such container: {text}")


def image_users(store: Store) -> dict[Digest, list[Container]]:
    """The containers that were made from each image, by image ID."""
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
    for one in everything(store):
        if not one.running and not keep(one):
            with suppress(LabError, OSError):
                size = one.layer_size
                one.remove()
                removed.append(one.id)
                freed += size
    return removed, freed
