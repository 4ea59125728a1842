"""Trees side by side: what a judge found on a disk or in a tar, described as an image's own tree is."""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from imagelab.filesystem.tree import Tree

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
    stat.S_IFIFO: "fifo",
}
TAR_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "symlink",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}


class Found(NamedTuple):
    """One path as a judge sees it; a symlink's mode means nothing, and is None."""

    kind: str
    mode: int | None
    owner: tuple[int, int]
    mtime: int
    link: str
    device: tuple[int, int]
    content: str  # SHA-256 of a file's bytes
    capability: bytes
    names: tuple[str, ...]  # every path of the same inode


def _names(groups: Mapping[Hashable, list[str]]) -> dict[str, tuple[str, ...]]:
    return {path: tuple(sorted(paths)) for paths in groups.values() for path in paths}


def of_image(tree: Tree) -> dict[str, Found]:
    """What the image says it holds, without the root directory."""
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for path, entry in tree.items():
        groups[path if entry.kind == "dir" else id(entry)].append(path)
    names = _names(groups)
    return {
        path: Found(
            entry.kind,
            None if entry.kind == "symlink" else entry.mode,
            (entry.uid, entry.gid),
            entry.mtime,
            entry.link,
            entry.device,
            _sha(entry.read()) if entry.kind == "file" else "",
            entry.xattrs.get("security.capability", b""),
            names[path],
        )
        for path, entry in tree.items()
        if path
    }


def of_disk(root: Path) -> dict[str, Found]:
    """What lies in a folder (a root file system that a judge unpacked)."""
    seen = {}
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            full = os.path.join(folder, name)
            path = os.path.relpath(full, root)
            seen[path] = os.lstat(full)
            groups[path if stat.S_ISDIR(seen[path].st_mode) else seen[path].st_ino].append(path)
    names = _names(groups)
    return {path: _of_stat(root / path, info, names[path]) for path, info in seen.items()}


def _of_stat(full: Path, info: os.stat_result, names: tuple[str, ...]) -> Found:
    kind = KINDS[stat.S_IFMT(info.st_mode)]
    capability = b""
    if "security.capability" in os.listxattr(full, follow_symlinks=False):
        capability = os.getxattr(full, "security.capability", follow_symlinks=False)
    return Found(
        kind,
        None if kind == "symlink" else stat.S_IMODE(info.st_mode),
        (info.st_uid, info.st_gid),
        int(info.st_mtime // 1),
        os.readlink(full) if kind == "symlink" else "",
        (os.major(info.st_rdev), os.minor(info.st_rdev)) if kind in ("char", "block") else (0, 0),
        _sha(full.read_bytes()) if kind == "file" else "",
        capability,
        names,
    )


def of_tar(path: Path) -> dict[str, Found]:
    """What Python's tarfile reads in an uncompressed tar; a hard link is shown as the file it names."""
    found: dict[str, Found] = {}
    groups: dict[Hashable, list[str]] = defaultdict(list)
    with tarfile.open(path, "r:", errors="surrogateescape") as archive:
        for info in archive:
            name = info.name.removeprefix("./").rstrip("/")
            if info.islnk():
                found[name] = found[info.linkname]
                groups[info.linkname].append(name)
                continue
            groups[name].append(name)
            kind = TAR_KINDS[info.type]
            data = archive.extractfile(info) if info.isreg() else None
            found[name] = Found(
                kind,
                None if kind == "symlink" else info.mode & 0o7777,  # docker export writes the type here too
                (info.uid, info.gid),
                int(info.mtime // 1),
                info.linkname,
                (info.devmajor, info.devminor) if kind in ("char", "block") else (0, 0),
                _sha(data.read()) if data else "",
                _capability(info),
                (),
            )
    names = _names(groups)
    return {name: entry._replace(names=names[name]) for name, entry in found.items() if name not in ("", ".")}


def _capability(info: tarfile.TarInfo) -> bytes:
    return info.pax_headers.get("SCHILY.xattr.security.capability", "").encode("utf-8", "surrogateescape")


def without_directory_times(tree: Mapping[str, Found], also: Iterable[str] = ()) -> dict[str, Found]:
    """For judges that write into a directory after they have set its time."""
    return {
        path: entry._replace(mtime=0) if entry.kind == "dir" or path in also else entry for path, entry in tree.items()
    }


def differences(theirs: Mapping[str, Found], ours: Mapping[str, Found]) -> list[str]:
    """One line for each path that the two do not see alike; a few are enough."""
    return [
        f"{path!r}: theirs {theirs.get(path)}, ours {ours.get(path)}"
        for path in sorted(theirs.keys() | ours.keys())
        if theirs.get(path) != ours.get(path)
    ][:5]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
