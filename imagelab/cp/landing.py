"""Where a copy lands: the paths of `docker cp`, whose last part may be a link or missing, and may end in `/` or `/.`.

Of a source's path, all links are followed except in the last part; of a destination's, all, also a dangling last one.
`A/.` means the contents of the folder A, and `A/` that A must be a folder.

Follows moby's pkg/archive/copy.go (ResolveHostSourcePath, CopyInfoDestinationPath, PrepareArchiveCopy), 20.10.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from dataclasses import dataclass

from ..errors import Conflict, LabError, NotFound

MAX_LINKS = 10  # in a destination on this machine, as in moby


class NoSuchPath(NotFound):
    """A path of a container that does not exist; `path` is as the caller wrote it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no such file or directory in the container: {path!r}")
        self.path = path


class NotAFolder(NotFound):
    """A path of a container to unpack a tar in, which is not a folder."""

    def __init__(self, path: str) -> None:
        super().__init__(f"no such directory in the container: {path!r}")


class NoOutput(NotFound):
    """A path of this machine that cannot be copied to."""


@dataclass(frozen=True, slots=True)
class Place:
    """One end of a copy: its path, whether something is there, and whether that is a folder (moby's CopyInfo).

    `name` is what a source was called when that is another name than its path's last part.
    """

    path: str
    exists: bool = True
    is_folder: bool = False
    name: str = ""


def landing(source: Place, target: Place) -> tuple[str, str | None]:
    """The folder that a source is written to, and the name it gets there; None for the one that it has.

    The name "." is the folder itself. Raises Conflict for a folder that would replace a file, and NotFound for a file
    that is to go into a folder where none is.
    """
    if target.exists and target.is_folder:
        return target.path, None
    if target.exists and source.is_folder:
        raise Conflict(f"cannot copy a directory to {target.path!r}, which is a file")
    if not target.exists and not source.is_folder and says_folder(target.path):
        raise NotFound(f"no such directory: {target.path!r}")
    return split(target.path)


def local_source(path: str, follow: bool) -> Place:
    """A file or folder of this machine; with `follow`, what it leads to. Raises NotFound."""
    path = absolute(path)
    try:
        if follow:
            real, name = renamed(path, os.path.realpath(path, strict=True))
            _check_folder(path)
        else:
            above, _, last = path.rpartition("/")
            real, name = posixpath.join(os.path.realpath(above or "/", strict=True), last), ""
            if path.endswith("/") and base(path) != base(real):
                name = base(path)
        return Place(real, is_folder=stat.S_ISDIR(os.lstat(real).st_mode), name=name)
    except OSError as error:
        raise NotFound(f"lstat {path}: {_why(error)}") from None


def local_target(path: str) -> Place:
    """Where on this machine something is to go, links followed; raises NotFound where no folder is for it to lie in."""
    original = path = absolute(path)
    if not os.path.exists(above := posixpath.dirname(posixpath.normpath(path))):
        raise NoOutput(f"invalid output path: directory {_quoted(above)} does not exist")
    for _ in range(MAX_LINKS + 2):
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            try:
                if not stat.S_ISDIR(os.stat(split(path)[0]).st_mode):
                    raise NotFound(f"not a directory: {split(path)[0]!r}") from None
            except OSError as error:
                raise NotFound(f"stat {split(path)[0]}: {_why(error)}") from None
            return Place(path, exists=False)
        except OSError as error:
            raise NotFound(f"stat {path}: {_why(error)}") from None
        if not stat.S_ISLNK(mode):
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                raise NoOutput(
                    f"invalid output path: {_quoted(original)} must be a directory or a regular file: got a device"
                )
            return Place(path, is_folder=stat.S_ISDIR(mode))
        path = posixpath.normpath(posixpath.join(split(path)[0], os.readlink(path)))
    raise LabError(f"too many symlinks in {original}")


def renamed(path: str, real: str) -> tuple[str, str]:
    """What a link leads to, with the ending that the link's path had, and the link's name if that is another."""
    real = keep_ending(real, path)
    return real, base(path) if base(path) != base(real) else ""


def absolute(path: str, above: str | None = None) -> str:
    """A path from `/` on, without `..`, that ends in `/` or `/.` if it did; `above` is this process's folder."""
    above = os.getcwd() if above is None else above
    return keep_ending(_clean(posixpath.join(above, path)), path)


def keep_ending(path: str, original: str) -> str:
    """A cleaned path with the `/` or `/.` in which the original ended."""
    if base(path) != "." and base(original) == ".":
        path += "." if path.endswith("/") else "/."
    return path if path.endswith("/") or not original.endswith("/") else path + "/"


def says_folder(path: str) -> bool:
    """Whether a path ends in `/` or `/.`, and so must be a folder."""
    return path.endswith("/") or base(path) == "."


def base(path: str) -> str:
    """The last part of a path, "." of one that ends in it and of none at all, "/" of the root (Go's path.Base)."""
    return posixpath.basename(path.rstrip("/")) or path[:1] or "."


def split(path: str) -> tuple[str, str]:
    """The folder that a path lies in, and its name there; of `A/.`, A and "."."""
    clean = _clean(path)
    return (clean, ".") if base(path) == "." else (posixpath.dirname(clean) or ".", base(clean))


def _clean(path: str) -> str:
    clean = posixpath.normpath(path)
    return clean[1:] if clean.startswith("//") else clean


def _check_folder(path: str) -> None:
    """Raise as the disk does for `file/`, which `realpath` takes for the file."""
    if says_folder(path) and not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _quoted(path: str) -> str:
    from ..golang.quote import go_quoted

    return go_quoted(path)
