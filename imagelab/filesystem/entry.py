"""Entry: a file, folder, link or device without its path, like an inode.

An `Entry` is the inode: kind, permission bits, owner, time, and where its bytes can be read. It does not know its
own name; a directory does. The few functions on paths that the rest of the engine needs stand here too.

Implements the attributes of the OCI image-spec, layer.md "File Attributes". Left out: atime, ctime, user and group
names, which layers do not carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ..errors import Invalid
from ..shown import Displayed

Kind = Literal["file", "dir", "symlink", "char", "block", "fifo"]
Content = Callable[[], Iterator[bytes]]  # called for each reading; yields the bytes in order, in pieces

NO_XATTRS: Mapping[str, bytes] = MappingProxyType({})


class Gone(Invalid):
    """A file of a running container that was deleted or replaced after it was listed and before it was read."""


@dataclass(frozen=True, slots=True)
class Entry(Displayed):
    """One inode: its kind, permission bits (octal 07777), owner, mtime (whole seconds), size (bytes) and content.

    `link` is a symlink's target, `device` a device's (major, minor). Entries compare by everything but content;
    `same_content` reads that.
    """

    kind: Kind
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    size: int = 0
    link: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=lambda: NO_XATTRS)
    content: Content | None = field(default=None, compare=False, repr=False)

    @classmethod
    def file(cls, data: bytes, mode: int = 0o644, *, uid: int = 0, gid: int = 0, mtime: int = 0) -> Entry:
        """A regular file holding these bytes."""
        return cls("file", mode, uid, gid, mtime, len(data), content=lambda: iter((data,)))

    @classmethod
    def dir(cls, mode: int = 0o755, *, uid: int = 0, gid: int = 0, mtime: int = 0) -> Entry:
        """A directory."""
        return cls("dir", mode, uid, gid, mtime)

    @classmethod
    def symlink(cls, target: str, *, uid: int = 0, gid: int = 0, mtime: int = 0) -> Entry:
        """A symbolic link to `target`, which is kept as written and need not exist."""
        return cls("symlink", 0o777, uid, gid, mtime, link=target)

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes in pieces; raises Invalid if there are more or fewer than `size`."""
        left = self.size
        for chunk in self.content() if self.content else ():
            left -= len(chunk)
            yield chunk
        if left:
            raise Invalid(
                f"a file of {self.size} bytes turned out to have {self.size - left}: it changed while being read"
            )

    def read(self) -> bytes:
        """The file's bytes, whole."""
        return b"".join(self.chunks())

    def same_content(self, other: Entry) -> bool:
        """Whether both hold the same bytes; reads them only where it must. A file that has gone equals no other."""
        if self.content is other.content or not self.size == other.size > 0:
            return self.size == other.size
        try:
            return self.read() == other.read() if self.size < 1 << 20 else _same_bytes(self.chunks(), other.chunks())
        except Gone:
            return False


ROOT = Entry.dir()  # what a directory that nobody described looks like: 0755, owner 0:0, 1970-01-01


def clean(path: str, *, what: str = "path") -> str:
    """Normalise a relative path; raises Invalid for a path that could mean something outside the root.

    `./a//b/` is `a/b`, and `.` is "" (the root). Absolute paths, `..` and NUL are refused, never guessed at.
    """
    if path.startswith("/"):
        raise Invalid(f"{what} {path!r} is absolute: names in a layer are relative to the root")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in path:
        raise Invalid(f"{what} {path!r} holds '..' or NUL, and could leave the root: refused")
    return "/".join(parts)


def from_root(name: str, *, what: str = "path") -> str:
    """The path that a name in a tar means when the tar is unpacked at the root; raises Invalid for NUL.

    `/a`, `b/../a` and `../a` are all `a`, as they are for docker, which unpacks a layer with its root as the process's
    own: nothing lies above. `..` is resolved in the text; a symbolic link is not followed for it (Go's filepath.Clean).
    """
    if "\0" in name:
        raise Invalid(f"{what} {name!r} contains a NUL byte: no file name can")
    parts: list[str] = []
    for part in name.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def climbs(name: str) -> bool:
    """Whether a name or a link's target leads, at some `..`, above the place where it starts."""
    depth = 0
    for part in name.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


def parent_of(path: str) -> str:
    """The directory a path lies in; the root's own parent is the root."""
    return path.rpartition("/")[0]


def ancestors(path: str) -> Iterator[str]:
    """The directories above a path, nearest first, without the root."""
    while path := parent_of(path):
        yield path


def order(path: str) -> str:
    """A sort key: each directory before its children, siblings together, by code point."""
    return path.replace("/", "\0")


def _same_bytes(a: Iterable[bytes], b: Iterable[bytes]) -> bool:
    """Compare two streams that may be cut into pieces differently, holding one piece of each."""
    left, right = iter(a), iter(b)
    x = y = b""
    while True:
        x, y = x or next(left, b""), y or next(right, b"")
        n = min(len(x), len(y))
        if x[:n] != y[:n]:
            return False
        if n == 0:
            return x == y
        x, y = x[n:], y[n:]
