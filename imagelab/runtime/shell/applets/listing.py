"""ls and stat."""

from __future__ import annotations

import os
import posixpath
import re
import stat
import time
from dataclasses import dataclass
from functools import partial

from ..commands import Call, UsageError
from ..files import device_of
from .owners import Names

_KINDS = {
    stat.S_IFREG: "regular file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character special file", stat.S_IFBLK: "block special file", stat.S_IFSOCK: "socket",
}  # fmt: skip
_SUFFIXES = {stat.S_IFDIR: "/", stat.S_IFLNK: "@", stat.S_IFIFO: "|", stat.S_IFSOCK: "="}
_HALF_YEAR = 365 * 86400 // 2
_MINORS = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    path: str
    info: os.stat_result


async def ls(call: Call) -> int:
    """ls [-1AaCdFhiLlnpRrSsTtuc] [FILE]...; a link on the command line is followed unless -l, -i, -s or -F is there."""
    words = "all=a almost-all=A directory=d recursive=R human-readable=h inode=i reverse=r size=s classify=F"
    call.words = [word for word in call.words if not word.startswith("--color") and word != "--full-time"]
    options = set(call.options("1AaCdFHhiLlnpRrSsTtucgovx", "w", f"{words} numeric-uid-gid=n dereference=L"))
    if options & set("ngo"):
        options.add("l")
    listing = _Listing(call, options)
    rows = []
    for word in call.words or ["."]:
        try:
            rows.append(listing.row(word, call.path(word), top=True))
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")
    folders = [] if "d" in options else [row for row in rows if stat.S_ISDIR(row.info.st_mode)]
    files = [row for row in listing.ordered(rows) if row not in folders]
    for row in files:
        await call.write(listing.line(row))
    titled, apart = len(call.words) > 1 or "R" in options, bool(files)
    todo = listing.ordered(folders)[::-1]
    while todo:
        folder = todo.pop()
        await call.write(("\n" if apart else "") + (f"{folder.name}:\n" if titled else ""))
        apart = True
        try:
            inside = listing.inside(folder)
        except OSError as error:
            await call.complain(f"can't open '{folder.name}': {error.strerror}")
            continue
        if options & set("ls"):
            await call.write(f"total {sum(row.info.st_blocks for row in inside) // 2}\n")
        await call.write("".join(map(listing.line, inside)))
        if "R" in options:
            below = [row for row in inside if stat.S_ISDIR(row.info.st_mode) and row.name not in (".", "..")]
            todo += [_Row(f"{folder.name.rstrip('/')}/{row.name}", row.path, row.info) for row in reversed(below)]
    return 0


class _Listing:
    """One ls: how it formats and sorts its rows."""

    def __init__(self, call: Call, options: set[str]) -> None:
        self.call, self.files, self.options = call, call.files, options
        self.names = Names(call.files) if "l" in options and "n" not in options else None
        self.now = time.time()

    def row(self, name: str, path: str, *, top: bool = False) -> _Row:
        follows = top and (name.endswith("/") or "H" in self.options or not self.options & set("liFs"))
        return _Row(name, path, self.files.stat(path, follow=follows or "L" in self.options))

    def inside(self, folder: _Row) -> list[_Row]:
        rows = []
        for name in self.files.names(folder.path):
            if name.startswith(".") and not self.options & set("aA"):
                continue
            try:
                rows.append(self.row(name, f"{folder.path.rstrip('/')}/{name}"))
            except FileNotFoundError:  # removed meanwhile
                continue
        if "a" in self.options:
            rows.append(_Row(".", folder.path, folder.info))
            rows.append(self.row("..", posixpath.dirname(folder.path)))
        return self.ordered(rows)

    def ordered(self, rows: list[_Row]) -> list[_Row]:
        rows = sorted(rows, key=lambda row: os.fsencode(row.name))
        if "S" in self.options:
            rows.sort(key=lambda row: -row.info.st_size)
        elif "t" in self.options:
            rows.sort(key=lambda row: -self._moment(row.info))
        return rows[::-1] if "r" in self.options else rows

    def _moment(self, info: os.stat_result) -> float:
        return info.st_ctime if "c" in self.options else info.st_atime if "u" in self.options else info.st_mtime

    def line(self, row: _Row) -> str:
        info, parts = row.info, []
        if "i" in self.options:
            parts.append(f"{info.st_ino:7} ")
        if "s" in self.options:
            parts.append(f"{info.st_blocks // 2:6} ")
        if "l" in self.options:
            parts.append(self._long(row))
        parts.append(row.name)
        if stat.S_ISLNK(info.st_mode) and "l" in self.options:
            parts.append(f" -> {self.files.readlink(row.path)}")
        elif "p" in self.options or "F" in self.options:
            suffix = _SUFFIXES.get(stat.S_IFMT(info.st_mode), "")
            if not suffix and "F" in self.options and info.st_mode & 0o111 and stat.S_ISREG(info.st_mode):
                suffix = "*"
            parts.append(suffix if "F" in self.options or suffix == "/" else "")
        return "".join(parts) + "\n"

    def _long(self, row: _Row) -> str:
        info = row.info
        user, group = str(info.st_uid), str(info.st_gid)
        if self.names:
            user, group = self.names.user(info.st_uid), self.names.group(info.st_gid)
        if device := device_of(row.path):
            size = f"{1:4}, {_MINORS[device]:3}"
        else:
            size = f"{human(info.st_size):>7}" if "h" in self.options else f"{info.st_size:9}"
        moment = self._moment(info)
        day = time.gmtime(moment)
        recent = 0 <= self.now - moment <= _HALF_YEAR
        date = f"{time.strftime('%b', day)} {day.tm_mday:2} {time.strftime('%H:%M' if recent else ' %Y', day)}"
        owner = f"{user:<8.8} {group:<8.8}"
        return f"{stat.filemode(info.st_mode):<10} {info.st_nlink:4} {owner} {size} {date} "


def human(size: int) -> str:
    """4.0K, 12.3M: a size as busybox's ls -h and du -h show it."""
    if size < 1024:
        return str(size)
    for unit in "KMGTP":
        size_in_unit = size / 1024
        if size_in_unit < 1024 or unit == "P":
            return f"{size_in_unit:.1f}{unit}"
        size //= 1024
    return str(size)


async def stat_of(call: Call) -> int:
    """stat [-Lt] [-c FORMAT] FILE..."""
    options = call.options("Ltf", "c", "format=c dereference=L terse=t file-system=f")
    if not call.words:
        raise UsageError("missing operand")
    if "f" in options:
        await call.complain("-f is not supported: the disk is one of this machine")
        return 1
    names = Names(call.files)
    for word in call.words:
        try:
            path = call.path(word)
            info = call.files.stat(path, follow="L" in options or word.endswith("/"))
            link = call.files.readlink(path) if stat.S_ISLNK(info.st_mode) else ""
        except OSError as error:
            await call.complain(f"can't stat '{word}': {error.strerror}")
            continue
        fields = _fields(word, info, link, names)
        if "c" in options:
            form = options["c"] + "\n"
        elif "t" in options:
            form = "%n %s %b %f %u %g %D %i %h %t %T %X %Y %Z %o\n"
        else:
            form = _DEVICE if stat.S_IFMT(info.st_mode) in (stat.S_IFCHR, stat.S_IFBLK) else _PLAIN
        await call.write(re.sub(r"%(-?\d*)([a-zA-Z%])", partial(_field, fields), form))
    return 0


_HEAD = "  File: %N\n  Size: %-10s\tBlocks: %-10b IO Block: %-6o %F\n"
_TAIL = (
    "Access: (%04a/%10.10A)  Uid: (%5u/%8U)   Gid: (%5g/%8G)\nAccess: %x\nModify: %y\nChange: %z\n".replace("10.10", "")
)
_PLAIN = f"{_HEAD}Device: %Dh/%dd\tInode: %-10i  Links: %h\n{_TAIL}"
_DEVICE = f"{_HEAD}Device: %Dh/%dd\tInode: %-10i  Links: %-5h Device type: %t,%T\n{_TAIL}"


def _field(fields: dict[str, str], match: re.Match[str]) -> str:
    width, letter = match.groups()
    value = fields.get(letter, match[0])
    if width.startswith("0"):
        return value.rjust(int(width), "0")
    return value.ljust(-int(width)) if width.startswith("-") else value.rjust(int(width or 0))


def _fields(word: str, info: os.stat_result, link: str, names: Names) -> dict[str, str]:
    """The value of each letter of a format."""
    kind = _KINDS.get(stat.S_IFMT(info.st_mode), "unknown")
    if kind == "regular file" and not info.st_size:
        kind = "regular empty file"
    device = info.st_rdev
    fields = {
        "%": "%", "n": word, "N": f"'{word}' -> '{link}'" if link else word, "s": str(info.st_size), "F": kind,
        "a": f"{stat.S_IMODE(info.st_mode):o}", "A": stat.filemode(info.st_mode), "f": f"{info.st_mode:x}",
        "u": str(info.st_uid), "g": str(info.st_gid), "U": names.user(info.st_uid), "G": names.group(info.st_gid),
        "h": str(info.st_nlink), "i": str(info.st_ino), "b": str(info.st_blocks), "B": "512",
        "o": str(getattr(info, "st_blksize", 4096)), "d": str(info.st_dev), "D": f"{info.st_dev:x}",
        "t": f"{os.major(device):x}", "T": f"{os.minor(device):x}",
    }  # fmt: skip
    for letter, nanos in (("x", info.st_atime_ns), ("y", info.st_mtime_ns), ("z", info.st_ctime_ns)):
        seconds, rest = divmod(nanos, 1_000_000_000)
        fields[letter] = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{rest:09} +0000"
        fields[letter.upper()] = str(seconds)
    return fields


COMMANDS = {"ls": ls, "stat": stat_of}
