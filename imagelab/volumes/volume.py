"""Volumes: folders of a store that containers mount by name, and that outlive them.

    <store>/volumes/
        .lock            held while a volume is made or removed, or a container that mounts one is made
        NAME/
            volume.json  when it was made, and its labels
            _data/       its files: what containers see

A volume is made in a folder with a temporary name, with the files that it begins with, and renamed when it is complete.
Those without a name of their own have a label that says so, as in Docker since 23.

Follows moby (volume/local/local.go, volume/service), 20.10.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import Conflict, LabError, NotFound
from ..filesystem.tree import Tree
from ..golang.quote import go_quoted
from ..host.atomic import write_atomically
from ..host.beneath import files_size, make_private
from ..host.disk import unpack
from ..host.locks import Lock
from ..host.snapshot import remove
from ..shown import Displayed
from ..units import parse_time

ANONYMOUS = "com.docker.volume.anonymous"  # the label of a volume whose name was made up
NAME = re.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]+")
DRIVER = "local"
_NEW = ".new-"  # prefix of the folder of a volume that is being made
Users = Callable[[], Mapping[str, Sequence[str]]]  # the IDs of the containers of each volume; called under the lock


@dataclass(frozen=True, slots=True)
class Volume(Displayed):
    """A volume: its name, labels, and the folder with its files, `mountpoint`."""

    name: str
    mountpoint: Path
    created_at: str
    labels: Mapping[str, str]

    @property
    def created(self) -> datetime:
        """When it was made."""
        return parse_time(self.created_at)

    @property
    def anonymous(self) -> bool:
        """Whether its name was made up."""
        return ANONYMOUS in self.labels

    @property
    def size(self) -> int:
        """Bytes in its files."""
        return files_size(self.mountpoint)


class Volumes:
    """The volumes of a store, whose folder is `home`; `epoch` is the lab's, with which names and times are the same."""

    def __init__(self, home: Path, epoch: int | None = None) -> None:
        self._folder, self._epoch = home / "volumes", epoch
        self._lock = Lock(self._folder / ".lock")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from making and removing volumes inside the block."""
        make_private(self._folder)
        with self._lock:
            yield

    def all(self) -> list[Volume]:
        """The volumes, sorted by name, numbers in it by their value."""
        names = [path.name for path in self._folder.glob("*/") if not path.name.startswith(".")]
        volumes = []
        for name in sorted(names, key=_natural):
            with suppress(NotFound):  # removed meanwhile
                volumes.append(self.find(name))
        return volumes

    def path(self, name: str) -> Path:
        """The folder with the files of a volume."""
        return self._folder / name / "_data"

    def find(self, name: str) -> Volume:
        """The volume of this name; raises NotFound."""
        try:
            if not NAME.fullmatch(name):
                raise FileNotFoundError
            values = json.loads((self._folder / name / "volume.json").read_bytes())
            return Volume(name, self.path(name), values["created"], values["labels"])
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"No such volume: {name}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise LabError(f"the volume {name} is damaged: {self._folder / name / 'volume.json'}: {error}") from None

    def create(self, name: str = "", labels: Mapping[str, str] | None = None, content: Tree | None = None) -> Volume:
        """Make a volume with these files, or find the one of this name; without a name, one is made up.

        The files are put into a volume that is there already if it is empty. Raises LabError for an invalid name.
        """
        if name:
            _check_name(name)
        with self.held():
            self._sweep()
            with suppress(NotFound):
                volume = self.find(name)
                if content is not None and not any(volume.mountpoint.iterdir()):
                    self._fill(volume.mountpoint, content)
                return volume
            labels = {**(labels or {})} if name else {ANONYMOUS: "", **(labels or {})}
            name = name or self.new_name()
            new = self._folder / f"{_NEW}{name}"
            try:
                new.mkdir(0o711)
                if content is None:
                    (new / "_data").mkdir()
                    (new / "_data").chmod(0o755)
                else:
                    unpack(content, new / "_data")
                moment = time.time() if self._epoch is None else self._epoch
                created = datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                write_atomically(new / "volume.json", json.dumps({"created": created, "labels": labels}).encode())
                os.rename(new, self._folder / name)
            except BaseException:
                remove(new)
                raise
            return self.find(name)

    def new_name(self) -> str:
        """64 hexadecimal digits: random, or in a lab with an epoch, computed from the number of the volume."""
        if self._epoch is None:
            return os.urandom(32).hex()
        with self.held():
            count = self._folder / ".count"
            number = int(count.read_text()) + 1 if count.exists() else 1
            write_atomically(count, str(number).encode(), durable=False)
        return hashlib.sha256(f"volume {number} of {self._epoch}".encode()).hexdigest()

    def _fill(self, folder: Path, content: Tree) -> None:
        """Put files into an empty folder, which running containers may see: written elsewhere, and moved in."""
        new = folder.with_name(f"{_NEW}data")
        try:
            unpack(content, new)
            info = new.stat()
            if os.geteuid() == 0:
                os.chown(folder, info.st_uid, info.st_gid)
            folder.chmod(info.st_mode & 0o7777)
            for name in os.listdir(new):
                os.rename(new / name, folder / name)
        finally:
            remove(new)

    def _sweep(self) -> None:
        """Remove what a crash left unfinished."""
        for folder in self._folder.glob(f"{_NEW}*"):
            remove(folder)

    def remove(self, name: str, users: Users) -> Volume:
        """Remove a volume and its files; raises NotFound, and Conflict while a container has it."""
        with self.held():
            volume = self.find(name)
            if ids := users().get(name):
                raise Conflict(f"remove {name}: volume is in use - [{', '.join(ids)}]")
            gone = self._folder / f"{_NEW}gone"
            remove(gone)
            os.rename(self._folder / name, gone)
            remove(gone)
        return volume

    def prune(self, users: Users, keep: Callable[[Volume], bool] = lambda volume: False) -> tuple[list[str], int]:
        """Remove the volumes that no container has and `keep` does not accept; returns their names, and the bytes."""
        removed, freed = [], 0
        for volume in self.all():
            if not keep(volume):
                with suppress(Conflict, NotFound):
                    size = volume.size
                    self.remove(volume.name, users)
                    removed.append(volume.name)
                    freed += size
        return removed, freed


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """A sort key: `v10` comes after `v9`, as in docker."""
    parts = re.findall(r"\d+|\D+", name)
    return [(False, int(part), "") if part.isdigit() else (True, 0, part) for part in parts]


def _check_name(name: str) -> None:
    """Raise LabError, with docker's words, for a name that no volume can have."""
    if len(name) < 2:
        raise LabError(
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not NAME.fullmatch(name):
        raise LabError(
            f"create {name}: {go_quoted(name)} includes invalid characters for a local volume name, only "
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
