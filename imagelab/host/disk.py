"""Read a tree from a folder and write one to a folder, never outside it.

`walk` lists a folder without following a symbolic link, `scan` makes a Tree of what is there, and `unpack` writes a
Tree into an empty folder. A Tree's paths run through real directories only, so unpacking needs no path to be resolved
on the disk.

Implements the extraction rules of the OCI image-spec, layer.md. Left out: sockets, which no tar can hold, and user
xattrs other than `user.*` and `security.capability`, which belong to the machine and not to the files.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from ..errors import Conflict, Invalid
from ..filesystem.entry import NO_XATTRS, Content, Entry, Gone, Kind, ancestors, order
from ..filesystem.streams import CHUNK
from ..filesystem.tree import Changes, Tree
from .beneath import GONE, Beneath

_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFCHR: "char", stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}  # fmt: skip
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

LeaveOut = Callable[[str], Literal["", "skip", "look inside"]]
Listed = tuple[str, os.stat_result]  # a path below the folder, and what `lstat` says of it
Folder = str | os.PathLike[str] | Beneath


def walk(folder: Folder, *, skipped: list[str] | None = None, leave_out: LeaveOut | None = None) -> Iterator[Listed]:
    """All that a folder holds, each directory before what is in it; no symbolic link is followed, no file read.

    Names of sockets are added to `skipped`; what `leave_out` says to skip is skipped, and the folders above a path
    that is kept are kept. Raises OSError as the disk does, and Invalid for something that is not a folder.
    """
    below = _beneath(folder)
    if not os.path.isdir(below.folder):
        raise Invalid(f"{below.folder!r} is not a folder")
    passed: dict[str, os.stat_result] = {}  # folders that are kept only if something in them is
    todo = [""]
    while todo:
        for path, info in below.list(todo.pop()):
            verdict = leave_out(path) if leave_out else ""
            if verdict == "skip":
                continue
            kind = _KINDS.get(stat.S_IFMT(info.st_mode))
            if kind is None:
                if skipped is not None:
                    skipped.append(path)
                continue
            if kind == "dir":
                todo.append(path)
            if verdict:
                if kind == "dir":
                    passed[path] = info
                continue
            if passed:
                yield from [(above, passed.pop(above)) for above in [*ancestors(path)][::-1] if above in passed]
            yield path, info


def scan(
    folder: Folder, listed: Iterable[Listed] | None = None, *, portable: bool = False, live: bool = False,
    owner: tuple[int, int] | None = None, content: Callable[[str, Content], Content] | None = None,
) -> Changes:  # fmt: skip
    """Read a folder (all of it, or what `walk` has `listed`) into Changes that would create all it holds.

    With `portable`, what differs between laptops is made equal, as git does: modes become 0644 or 0755, the owner
    0:0, xattrs go. `owner` (uid, gid) replaces every owner. Files are read later, when packed; `content` may
    wrap the function that reads one. With `live`, programs may write to the folder meanwhile: a file that has become
    longer or shorter is read as `tar` reads it, to the size it had, and one that has gone raises Gone. Raises as
    `walk`.
    """
    below = _beneath(folder)
    entries: dict[str, Entry] = {}
    inodes: dict[tuple[int, int], Entry] = {}
    for path, info in walk(below) if listed is None else listed:
        kind = _KINDS[stat.S_IFMT(info.st_mode)]
        several = info.st_nlink > 1 and kind != "dir"
        entry = inodes.get((info.st_dev, info.st_ino)) if several else None
        if entry is None:
            read = partial(_pieces, below, path, info, live) if kind == "file" else None
            data = content(path, read) if content and read else read
            try:
                entry = _entry(below, path, info, kind, portable, owner, data)
            except OSError as error:
                if live and error.errno in GONE | {errno.EINVAL}:  # EINVAL: it is not a link any more
                    continue
                raise
            if several:
                inodes[info.st_dev, info.st_ino] = entry
        entries[path] = entry
    below.close()
    return Changes(entries)


def _beneath(folder: Folder) -> Beneath:
    return folder if isinstance(folder, Beneath) else Beneath(folder)


def _entry(
    below: Beneath, path: str, info: os.stat_result, kind: Kind, portable: bool, owner: tuple[int, int] | None,
    content: Content | None,
) -> Entry:  # fmt: skip
    mode = stat.S_IMODE(info.st_mode)
    xattrs = NO_XATTRS
    if portable:
        mode = 0o755 if kind == "dir" or mode & 0o100 else 0o644
    elif kind in ("file", "dir"):
        xattrs = below.xattrs(path, ("security.capability", "user.")) or NO_XATTRS
    if kind == "symlink":
        mode = 0o777
    uid, gid = owner or ((0, 0) if portable else (info.st_uid, info.st_gid))
    return Entry(
        kind, mode, uid, gid, int(info.st_mtime // 1),
        info.st_size if kind == "file" else 0,
        below.readlink(path) if kind == "symlink" else "",
        (os.major(info.st_rdev), os.minor(info.st_rdev)) if kind in ("char", "block") else (0, 0),
        xattrs,
        content,
    )  # fmt: skip


def _pieces(below: Beneath, path: str, before: os.stat_result, live: bool) -> Iterator[bytes]:
    try:
        file = below.open(path)
    except FileNotFoundError as error:
        if not live:
            raise
        raise Gone(f"{path!r} went away while it was being read") from error
    with file:
        opened = os.fstat(file.fileno())
        if live and (opened.st_dev, opened.st_ino) != (before.st_dev, before.st_ino):
            raise Gone(f"{path!r} was replaced while it was being read")
        left = before.st_size
        while left and (piece := file.read(min(left, CHUNK))):
            left -= len(piece)
            yield piece
        if live:
            while left:
                piece = bytes(min(left, CHUNK))
                left -= len(piece)
                yield piece


def unpack(tree: Tree, folder: str | os.PathLike[str], *, warn: Callable[[str], object] = lambda text: None) -> None:
    """Write a tree into a folder, which is made if needed and must be empty.

    Owners are set and devices made only as root (otherwise `warn` is called once for each kind of thing left out);
    modes, times, links and xattrs always. Raises Conflict when the folder is not empty, or when the disk cannot
    tell two of the tree's names apart; what was half written is removed.
    """
    top = Path(folder)
    top.mkdir(parents=True, exist_ok=True)
    if any(top.iterdir()):
        raise Conflict(f"{os.fspath(top)!r} is not empty: unpack into a new folder")
    try:
        lost = _write(tree, top)
    except BaseException:
        _empty(top)
        raise
    for what in sorted(lost):
        warn(what)


def _empty(top: Path) -> None:
    """Remove what was half unpacked."""
    import shutil  # here: it loads four kinds of compression, and few need it

    for made in top.iterdir():
        if made.is_dir() and not made.is_symlink():
            shutil.rmtree(made, ignore_errors=True)
        else:
            made.unlink()


def _write(tree: Tree, top: Path) -> set[str]:
    """Write a tree into an empty folder; returns what was left out, in words."""
    privileged = hasattr(os, "geteuid") and os.geteuid() == 0
    lost: set[str] = set()
    first_path: dict[int, str] = {}
    paths = sorted(tree, key=order)
    for path in paths:
        entry, target = tree[path], os.path.join(top, path)
        if path and (earlier := first_path.get(id(entry))) is not None and entry.kind != "dir":
            os.link(earlier, target, follow_symlinks=False)
            continue
        first_path[id(entry)] = target
        try:
            made = not path or _make(entry, target, privileged, lost)
        except FileExistsError:
            raise Conflict(
                f"this disk cannot hold {path!r}: another name there differs only in case or accents"
            ) from None
        if made and entry.kind != "dir":
            _describe(entry, target, privileged, lost)
    for path in reversed(paths):  # last, since making a file touches its directory, and 0555 would forbid it
        if tree[path].kind == "dir":
            _describe(tree[path], os.path.join(top, path), privileged, lost)
    return lost


def _make(entry: Entry, target: str, privileged: bool, lost: set[str]) -> bool:
    if entry.kind == "dir":
        os.mkdir(target, 0o700)
    elif entry.kind == "symlink":
        os.symlink(entry.link, target)
    elif entry.kind == "fifo":
        os.mkfifo(target)
    elif entry.kind in ("char", "block"):
        if not privileged:
            lost.add("devices are not made: that needs root")
            return False
        os.mknod(target, stat.S_IFCHR if entry.kind == "char" else stat.S_IFBLK, os.makedev(*entry.device))
    else:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o600)
        try:
            for chunk in entry.chunks():
                while chunk:  # a disk that fills up may take a part first
                    chunk = chunk[os.write(descriptor, chunk) :]
        finally:
            os.close(descriptor)
    return True


def _describe(entry: Entry, target: str, privileged: bool, lost: set[str]) -> None:
    """Set owner, mode, xattrs and time, in that order: chown clears setuid bits and capabilities."""
    if privileged:
        os.chown(target, entry.uid, entry.gid, follow_symlinks=False)
    elif (entry.uid, entry.gid) != (0, 0):
        lost.add("owners are not set: that needs root")
    if entry.kind != "symlink":
        os.chmod(target, entry.mode)
    for name, value in entry.xattrs.items():
        try:
            os.setxattr(target, name, value, follow_symlinks=False)
        except (OSError, AttributeError):
            lost.add(f"cannot set the extended attribute {name}: unsupported by this file system, or no permission")
    os.utime(target, (entry.mtime, entry.mtime), follow_symlinks=False)
