"""Root: paths of a container, resolved inside its root folder whatever links its programs made.

Each part of a path is opened by its name in the directory before it, and no link is ever followed by the operating
system: what a link says is read, and looked up from the root folder. So a program that swaps a directory for a link
at the worst moment gains nothing, and no path leads outside.

Files and directories of this machine can be mounted in a root: a walk that comes to the path of a `Bind` goes on in
what is mounted there. Its source is opened once, and the same is used as long as the Root is.

POSIX only (openat); Windows has no such calls, and imagelab runs no containers there.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Conflict, Invalid, LabError, NotFound
from ..filesystem.entry import Entry, Gone, ancestors
from ..filesystem.streams import CHUNK
from ..filesystem.tree import MAX_LINKS
from .beneath import chmod_beside, open_regular

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_PLACE = _FOLDER | getattr(os, "O_PATH", 0)  # it may be a folder that cannot be read
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or directory of this machine, `source`, at a path of a root; "" is what the root itself has there.

    `target` is a real path in the root, without a leading '/'.
    """

    target: str
    source: str = ""
    readonly: bool = False


class Root:
    """A root folder on disk; paths are as a program in it would write them.

    `binds` are mounted in it; with `readonly`, only what is mounted can be changed.
    """

    def __init__(self, folder: Path, binds: Sequence[Bind] = (), *, readonly: bool = False) -> None:
        self.folder = folder
        self.binds = {bind.target: bind for bind in binds if bind.source}
        self._own = Bind("", "", readonly)
        self._sources: dict[str, int] = {}  # target → descriptor of the directory, or of the one that holds the file
        self._names: dict[str, str] = {}  # target → the file's name in it, "" for a directory

    @property
    def guarded(self) -> bool:
        """Whether something is mounted in it, or it is read-only."""
        return bool(self.binds) or self._own.readonly

    def __del__(self) -> None:
        while self._sources:
            os.close(self._sources.popitem()[1])

    def mounted_at(self, real: str) -> Bind:
        """What a real path lies on: a bind, or the root itself, whose target is ""."""
        return next((self.binds[path] for path in (real, *ancestors(real)) if path in self.binds), self._own)

    def _check(self, real: str, path: str) -> None:
        """Raise Conflict for a real path that cannot be written."""
        if self.mounted_at(real).readonly:
            raise Conflict(f"{path}: read-only file system")
        if real in self.binds:
            raise Conflict(f"{path}: device or resource busy")

    def _mounted(self, real: str) -> tuple[int, str, os.stat_result] | None:
        """The directory that holds what is mounted at a real path, its name there, and its `lstat` result.

        The directory itself, with the name "", if a directory is mounted.
        """
        if not self.binds or (bind := self.binds.get(real)) is None:
            return None
        try:
            if real not in self._sources:
                is_folder = os.path.isdir(bind.source)
                self._sources[real] = os.open(bind.source if is_folder else os.path.dirname(bind.source), _PLACE)
                self._names[real] = "" if is_folder else os.path.basename(bind.source)
            folder, name = self._sources[real], self._names[real]
            return folder, name, os.stat(name or ".", dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            raise NotFound(f"open {bind.source}: {(error.strerror or str(error)).lower()}") from None

    def resolve(self, path: str) -> str:
        """The real path, without a leading '/', symbolic links followed; raises NotFound."""
        with self._at(path, follow=True) as (_, _, real, info):
            if info is None:
                raise NotFound(f"stat {path}: no such file or directory")
            return real

    def find(self, path: str) -> Entry:
        """What is there, symbolic links followed: its kind, mode, size and content; raises NotFound."""
        with self._at(path, follow=True) as (_, _, real, info):
            if info is None:
                raise NotFound(f"stat {path}: no such file or directory")
            kind = stat.S_IFMT(info.st_mode)
            size = info.st_size if kind == stat.S_IFREG else 0
            return Entry(
                "dir" if kind == stat.S_IFDIR else "file" if kind == stat.S_IFREG else "fifo",
                stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, int(info.st_mtime), size,
                content=lambda: self._pieces(real),
            )  # fmt: skip

    def read(self, path: str, most: int = 1 << 20) -> bytes:
        """A file's bytes, symbolic links followed, and no more than `most` of them; raises NotFound."""
        with self._at(path, follow=True) as (folder, name, _, info):
            if info is None or not stat.S_ISREG(info.st_mode):
                raise NotFound(f"open {path}: no such file")
            try:
                descriptor = open_regular(name, folder)
            except FileNotFoundError:
                raise NotFound(f"open {path}: no such file") from None
            with open(descriptor, "rb") as file:
                return file.read(most)

    def kind(self, path: str, *, follow: bool = True) -> str:
        """ "file", "dir", "symlink" or "other"; "" where there is nothing."""
        with self._at(path, follow=follow) as (_, _, _, info):
            return _KINDS.get(stat.S_IFMT(info.st_mode), "other") if info else ""

    def descriptor(self, path: str) -> int:
        """A descriptor that stands for a file or directory (O_PATH), symbolic links followed; raises NotFound."""
        with self._at(path, follow=True) as (folder, name, _, info):
            if info is None:
                raise NotFound(f"open {path}: no such file or directory")
            return os.open(name or ".", os.O_PATH | os.O_NOFOLLOW, dir_fd=folder)

    def names(self, path: str) -> list[str]:
        """The names in a directory, sorted, symbolic links on the way to it followed; raises NotFound."""
        with self._at(path, follow=True) as (folder, name, _, info):
            if info is None or name:
                raise NotFound(f"open {path}: no such directory")
            return sorted(os.listdir(folder))

    def write(self, path: str, entry: Entry, owner: tuple[int, int] | None) -> None:
        """Put an entry at a path, as `docker cp` does: a directory is merged, anything else is replaced.

        Raises NotFound where the directory it is to lie in is not there, and Conflict where a directory is in a file's
        way or a file in a directory's.
        """
        with self._at(path, follow=False) as (folder, name, real, info):
            if info and stat.S_ISDIR(info.st_mode) != (entry.kind == "dir"):
                raise Conflict(f"cannot copy a {entry.kind} to {path!r}: there is something else of that name")
            if not info or entry.kind != "dir":
                self._check(real, path)
            if entry.kind == "dir":
                if not info and name:
                    os.mkdir(name, 0o700, dir_fd=folder)
                    with _opened(name, folder, os.O_DIRECTORY) as made:
                        _describe(made, entry, owner)
                return
            hidden = f".{os.urandom(16).hex()}"  # until it is whole
            try:
                _make(hidden, folder, entry, owner)
                os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(hidden, dir_fd=folder)
                raise

    def describe(self, path: str, entry: Entry, owner: tuple[int, int] | None) -> None:
        """Give a directory an entry's owner, mode and time, once all that is to be in it is there."""
        with self._at(path, follow=False) as (folder, name, real, info):
            if info and not name and not self.mounted_at(real).readonly:
                _describe(folder, entry, owner)
                os.utime(folder, (entry.mtime, entry.mtime))

    def place(self, path: str) -> str:
        """The real path, without a leading '/', links followed inside the root as far as anything is there.

        Raises LabError for a loop.
        """
        todo = posixpath.normpath(f"/{path}").split("/")[::-1]
        real: list[str] = []
        links = 0
        while todo:
            name = todo.pop()
            if name in ("", "."):
                continue
            if name == "..":
                del real[-1:]
                continue
            link = self._link("/".join([*real, name]))
            if link is None:
                real.append(name)
                continue
            if (links := links + 1) > MAX_LINKS:
                raise LabError(f"{path}: too many levels of symbolic links")
            if link.startswith("/"):
                real.clear()
            todo += link.split("/")[::-1]
        return "/".join(real)

    def _link(self, path: str) -> str | None:
        """What a symbolic link says; None where there is none."""
        with suppress(NotFound), self._at(path, follow=False) as (folder, name, _, info):
            if info and stat.S_ISLNK(info.st_mode):
                return os.readlink(name, dir_fd=folder)
        return None

    def remove(self, path: str) -> None:
        """Remove a file, a link or an empty directory; nothing happens where there is none, or it is not empty."""
        with suppress(NotFound), self._at(path, follow=False) as (folder, name, real, info):
            if info:
                self._check(real, path)
            if info and name and not stat.S_ISDIR(info.st_mode):
                os.unlink(name, dir_fd=folder)
                return
        above, _, last = path.rstrip("/").rpartition("/")
        with suppress(NotFound, OSError), self._at(above, follow=True) as (folder, name, _, _):
            if not name:
                os.rmdir(last, dir_fd=folder)

    def link(self, path: str, to: str) -> None:
        """Make a path another name of the file at `to`, in the place of what is there.

        Raises NotFound where the directory it is to lie in is not there, and Conflict where a directory is in its way.
        """
        with (
            self._at(to, follow=False) as (there, source, _, _),
            self._at(path, follow=False) as (folder, name, real, info),
        ):
            self._check(real, path)
            if info and stat.S_ISDIR(info.st_mode):
                raise Conflict(f"cannot copy a file to {path!r}: there is something else of that name")
            if info:
                os.unlink(name, dir_fd=folder)
            os.link(source, name, src_dir_fd=there, dst_dir_fd=folder, follow_symlinks=False)

    def make_folders(self, path: str) -> None:
        """Make a directory and those above it where they are missing; raises Conflict where a file is in the way."""
        sofar = ""
        for part in filter(None, path.split("/")):
            sofar = f"{sofar}/{part}"
            kind = self.kind(sofar)
            if kind not in ("", "dir"):
                raise Conflict(f"{sofar!r} is a {kind}, not a directory")
            if not kind:
                self.write(sofar, Entry.dir(), None)

    def _pieces(self, path: str) -> Iterator[bytes]:
        with self._at(path, follow=False) as (folder, name, _, _):
            try:
                file = open(open_regular(name, folder), "rb")  # noqa: SIM115
            except FileNotFoundError as error:
                raise Gone(f"{path!r} went away while it was being read") from error
        with file:
            while piece := file.read(CHUNK):
                yield piece

    @contextmanager
    def _at(self, path: str, *, follow: bool) -> Iterator[tuple[int, str, str, os.stat_result | None]]:
        """The directory a path lies in, open; its name there; its real path; and its `lstat` result, or None."""
        if "\0" in path:
            raise Invalid(f"{path!r} holds a NUL: no path can")
        todo = path.split("/")[::-1]
        opened = [os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)]
        names: list[str] = []
        links = 0
        try:
            while True:
                while todo and todo[-1] in ("", "."):
                    todo.pop()
                if not todo:  # it ended at a directory that is open
                    yield opened[-1], "", "/".join(names), os.fstat(opened[-1])
                    return
                name = todo.pop()
                if name == "..":
                    if names:
                        names.pop()
                        os.close(opened.pop())
                    continue
                if self.binds and (mounted := self._mounted("/".join([*names, name]))):
                    if not mounted[1]:
                        opened.append(os.open(".", _FOLDER, dir_fd=mounted[0]))
                        names.append(name)
                        continue
                    if any(part not in ("", ".") for part in todo):
                        raise NotFound(f"stat {path}: not a directory")
                    yield mounted[0], mounted[1], "/".join([*names, name]), mounted[2]
                    return
                try:
                    info = os.stat(name, dir_fd=opened[-1], follow_symlinks=False)
                except FileNotFoundError:
                    if any(part not in ("", ".") for part in todo):
                        raise NotFound(f"stat {path}: no such file or directory") from None
                    yield opened[-1], name, "/".join([*names, name]), None
                    return
                if stat.S_ISLNK(info.st_mode) and (follow or any(part != "" for part in todo)):
                    if (links := links + 1) > MAX_LINKS:
                        raise LabError(f"{path}: too many levels of symbolic links")
                    target = os.readlink(name, dir_fd=opened[-1])
                    if target.startswith("/"):
                        names = []
                        while len(opened) > 1:
                            os.close(opened.pop())
                    todo += target.split("/")[::-1]
                elif stat.S_ISDIR(info.st_mode):
                    opened.append(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
                    names.append(name)
                elif any(part not in ("", ".") for part in todo):
                    raise NotFound(f"stat {path}: not a directory")
                else:
                    yield opened[-1], name, "/".join([*names, name]), info
                    return
        finally:
            for descriptor in opened:
                os.close(descriptor)

    at = _at  # for the shell: its commands use descriptors in ways that Root has no method for

@contextmanager
def _opened(name: str, folder: int, flags: int) -> Iterator[int]:
    descriptor = os.open(name, flags | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(name: str, folder: int, entry: Entry, owner: tuple[int, int] | None) -> None:
    """Make a file, a link, a pipe or a device in an open directory."""
    if entry.kind == "file":
        with _opened(name, folder, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as made:
            with open(made, "wb", closefd=False) as file:
                for piece in entry.chunks():
                    file.write(piece)
            _describe(made, entry, owner)
            os.utime(made, (entry.mtime, entry.mtime))
        return
    if entry.kind == "symlink":
        os.symlink(entry.link, name, dir_fd=folder)
    elif entry.kind == "fifo":
        os.mkfifo(name, 0o600, dir_fd=folder)
    elif hasattr(os, "geteuid") and os.geteuid() == 0:
        kind = stat.S_IFCHR if entry.kind == "char" else stat.S_IFBLK
        os.mknod(name, 0o600 | kind, os.makedev(*entry.device), dir_fd=folder)
    else:
        raise Invalid(f"{entry.kind} devices are not copied: only root can make them")
    if owner:
        os.chown(name, *owner, dir_fd=folder, follow_symlinks=False)
    if entry.kind != "symlink":
        chmod_beside(name, entry.mode, folder)
    os.utime(name, (entry.mtime, entry.mtime), dir_fd=folder, follow_symlinks=False)


def _describe(made: int, entry: Entry, owner: tuple[int, int] | None) -> None:
    """Set owner, mode and capabilities of an open file or directory, in that order: chown clears the others."""
    if owner:
        os.chown(made, *owner)
    os.chmod(made, entry.mode)
    if owner and (value := entry.xattrs.get("security.capability")) and hasattr(os, "setxattr"):
        with suppress(OSError):  # the disk has none
            os.setxattr(made, "security.capability", value)
