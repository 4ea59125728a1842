"""cp and mv."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from contextlib import suppress

from ..commands import Call, UsageError
from ..files import device_of
from .links import is_folder

_WORDS = (
    "archive=a recursive=R no-dereference=P dereference=L preserve=p force=f interactive=i link=l symbolic-link=s "
    "no-clobber=n update=u no-target-directory=T target-directory=t verbose=v"
)


async def cp(call: Call) -> int:
    """cp [-arRPLHdpfinTuv] [-t DIR] SOURCE... DEST"""
    call.words = [word.split("=")[0] if word.startswith("--preserve=") else word for word in call.words]
    options = call.options("arRPLHdpfilsnTuv", "t", _WORDS)
    if unsupported := {"l", "s", "i", "u"} & set(options):
        raise UsageError(f"-{unsupported.pop()} is not supported: use ln, or test -nt")
    sources, dest, folder = _operands(call, options)
    copy = _Copy(call, set(options))
    for source in sources:
        shown = posixpath.join(dest, posixpath.basename(source.rstrip("/"))) if folder else dest
        try:
            path = call.path(source)
            if not folder and dest.endswith("/") and not copy.is_folder(path):
                raise OSError(21, f"can't create '{dest}': Is a directory")
            await copy.copy(path, call.path(shown), source, shown, top=True)
        except OSError as error:
            await call.complain(error.strerror or str(error))
    return 0


def _operands(call: Call, options: dict[str, str]) -> tuple[list[str], str, bool]:
    """The sources, the destination, and whether they go into it as a directory; raises UsageError."""
    if "t" in options:
        call.words.append(options["t"])
    if len(call.words) < 2:
        raise UsageError("missing file operand")
    *sources, dest = call.words
    folder = "T" not in options and is_folder(call.files, call.path(dest))
    if not folder and (len(sources) > 1 or "t" in options):
        raise UsageError(f"target '{dest}' is not a directory")
    return sources, dest, folder


class _Copy:
    """One cp: which links it follows, and which attributes it preserves."""

    def __init__(self, call: Call, options: set[str]) -> None:
        self.call, self.files = call, call.files
        self.recursive = bool(options & set("arR"))
        self.keep = bool(options & set("ap"))
        self.force, self.careful, self.verbose = "f" in options, "n" in options, "v" in options
        links = options & set("adP") or (self.recursive and not options & set("LH"))
        self.top_links, self.links = bool(links), bool(links) or ("H" in options and self.recursive)
        self.copied: dict[tuple[int, int], str] = {}  # the copy of each file with several names
        self.made: set[tuple[int, int]] = set()

    def is_folder(self, path: str) -> bool:
        return is_folder(self.files, path)

    async def copy(self, old: str, new: str, shown: str, becomes: str, *, top: bool = False) -> None:
        """Copy a file, link or directory; raises OSError, whose text names the path."""
        files = self.files
        follow = not (self.top_links if top else self.links) or shown.endswith("/")
        try:
            info = files.stat(old, follow=follow)
        except OSError as error:
            raise OSError(error.errno, f"can't stat '{shown}': {error.strerror}") from None
        there = None
        with suppress(OSError):
            there = files.stat(new, follow=not stat.S_ISLNK(info.st_mode))
        if there and (there.st_dev, there.st_ino) == (info.st_dev, info.st_ino) and not device_of(old):
            raise OSError(22, f"'{shown}' and '{becomes}' are the same file")
        if there and self.careful and not stat.S_ISDIR(there.st_mode):
            return
        if self.verbose:
            await self.call.write(f"'{shown}' -> '{becomes}'\n")
        if stat.S_ISDIR(info.st_mode):
            await self._folder(old, new, shown, becomes, info, there)
            return
        if there and stat.S_ISDIR(there.st_mode):
            raise OSError(21, f"can't create '{becomes}': Is a directory" if not top else f"'{becomes}' is a directory")
        try:
            self._file(old, new, info, there)
        except OSError as error:
            raise OSError(error.errno, f"can't create '{becomes}': {error.strerror}") from None

    def _file(self, old: str, new: str, info: os.stat_result, there: os.stat_result | None) -> None:
        files = self.files
        first = self.copied.get((info.st_dev, info.st_ino)) if self.keep and info.st_nlink > 1 else None
        if first:
            if there:
                files.remove(new)
            files.link(first, new)
            return
        if stat.S_ISLNK(info.st_mode):
            if there:
                files.remove(new)
            files.symlink(files.readlink(old), new)
        elif stat.S_ISREG(info.st_mode) or device_of(old) == "null":
            files.write(new, b"")
            with open(files.open(new, os.O_WRONLY), "wb") as file:
                file.writelines(files.pieces(old))
            if not there:
                files.chmod(new, stat.S_IMODE(info.st_mode) & ~(0 if self.keep else files.umask | 0o6000))
        else:
            raise OSError(95, "pipes and devices are not copied")
        self._describe(new, info)
        self.copied[info.st_dev, info.st_ino] = new

    def _describe(self, new: str, info: os.stat_result) -> None:
        """Give a copy the owner, mode and times of the original, as far as this user may."""
        if not self.keep:
            return
        with suppress(PermissionError):
            self.files.chown(new, (info.st_uid, info.st_gid), follow=False)
        if not stat.S_ISLNK(info.st_mode):
            self.files.chmod(new, stat.S_IMODE(info.st_mode))
        self.files.utime(new, (info.st_atime_ns, info.st_mtime_ns), follow=False)

    async def _folder(
        self, old: str, new: str, shown: str, becomes: str, info: os.stat_result, there: os.stat_result | None
    ) -> None:
        files = self.files
        if not self.recursive:
            raise OSError(21, f"omitting directory '{shown}'")
        if (info.st_dev, info.st_ino) in self.made:  # cp -r / /copy: its own copy is not copied
            raise OSError(22, f"recursion detected, omitting directory '{shown}'")
        if there and not stat.S_ISDIR(there.st_mode):
            raise OSError(20, f"target '{becomes}' is not a directory")
        if not there:
            try:
                files.mkdir(new, 0o700)
            except OSError as error:
                raise OSError(error.errno, f"can't create directory '{becomes}': {error.strerror}") from None
            made = files.stat(new)
            self.made.add((made.st_dev, made.st_ino))
        for name in files.names(old):
            if device_of(f"{old.rstrip('/')}/{name}") or (old == "/" and name == "dev"):
                continue  # not on the disk
            try:
                await self.copy(
                    f"{old.rstrip('/')}/{name}", f"{new.rstrip('/')}/{name}",
                    f"{shown.rstrip('/')}/{name}", f"{becomes.rstrip('/')}/{name}",
                )  # fmt: skip
            except OSError as error:
                await self.call.complain(error.strerror or str(error))
        if not there:
            files.chmod(new, stat.S_IMODE(info.st_mode) & ~(0 if self.keep else files.umask))
        self._describe(new, info)


async def _move_between(call: Call, old: str, new: str, shown: str, becomes: str) -> None:
    """Move to another file system: copy, and remove what was copied whole."""
    try:
        await _Copy(call, set("a")).copy(old, new, shown, becomes, top=True)
        if not call.status:
            call.files.remove_all(old)
    except OSError as error:
        await call.complain(error.strerror or str(error))


async def mv(call: Call) -> int:
    """mv [-finTv] [-t DIR] SOURCE... DEST"""
    options = call.options("finTv", "t", _WORDS)
    sources, dest, folder = _operands(call, options)
    files = call.files
    for source in sources:
        shown = posixpath.join(dest, posixpath.basename(source.rstrip("/"))) if folder else dest
        old, new = call.path(source), call.path(shown)
        try:
            files.stat(old)
        except OSError as error:
            await call.complain(f"can't rename '{source}': {error.strerror}")
            continue
        if "n" in options and files.exists(new):
            continue
        try:
            files.rename(old, new)
        except OSError as error:
            if error.errno != errno.EXDEV:  # as between two volumes
                await call.complain(f"can't rename '{source}': {error.strerror}")
                continue
            await _move_between(call, old, new, source, shown)
        if "v" in options:
            await call.write(f"'{source}' -> '{shown}'\n")
    return 0


COMMANDS = {"cp": cp, "mv": mv}
