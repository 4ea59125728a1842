"""ln, rm, mkdir, touch, realpath and truncate."""

from __future__ import annotations

import calendar
import os
import posixpath
import re
import stat
import time

from ..commands import Call, UsageError
from ..files import Files
from .modes import mode_of

UNITS = {"": 1, "b": 512, "k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20, "g": 1 << 30, "G": 1 << 30}


async def ln(call: Call) -> int:
    """ln [-sfnvT] TARGET... LINK|DIR"""
    options = call.options("sfnvT", words="symbolic=s force=f no-dereference=n verbose=v no-target-directory=T")
    if not call.words:
        raise UsageError("missing file operand")
    files = call.files
    *targets, last = call.words if len(call.words) > 1 else [*call.words, posixpath.basename(call.words[0])]
    folder = "T" not in options and is_folder(files, call.path(last), follow="n" not in options)
    if len(targets) > 1 and not folder:
        raise UsageError(f"{last}: Not a directory")
    for target in targets:
        shown = posixpath.join(last, posixpath.basename(target.rstrip("/"))) if folder else last
        try:
            place = call.path(shown)
            if "f" in options and _lexists(files, place) and not is_folder(files, place, follow=False):
                files.remove(place)
            if "s" in options:
                files.symlink(target, place)
            else:
                files.link(call.path(target), place)
        except OSError as error:
            missing = "s" not in options and not _lexists(files, call.path(target))
            await call.complain(f"{target if missing else shown}: {error.strerror}")
            continue
        if "v" in options:
            await call.write(f"'{shown}' -> '{target}'\n")
    return 0


async def rm(call: Call) -> int:
    """rm [-rfiv] FILE..."""
    options = call.options("rRfiv", words="recursive=r force=f interactive=i verbose=v no-preserve-root=f")
    if not call.words and "f" not in options:
        raise UsageError("missing operand")
    order = list(options)
    asks = "i" in options and ("f" not in options or order.index("i") > order.index("f"))
    removal = _Removal(call, recursive=bool({"r", "R"} & set(options)), force="f" in options and not asks, asks=asks)
    for word in call.words:
        if posixpath.basename(word.rstrip("/")) in (".", ".."):
            await call.complain("can't remove '.' or '..'")
            continue
        await removal.remove(call.path(word), word)
    return 0


class _Removal:
    """One rm: removes what it can, and reports what it cannot."""

    def __init__(self, call: Call, recursive: bool, force: bool, asks: bool) -> None:
        self.call, self.recursive, self.force, self.asks = call, recursive, force, asks
        self._answers = b""

    async def remove(self, path: str, shown: str) -> None:
        files = self.call.files
        try:
            info = files.stat(path)
        except FileNotFoundError as error:
            if not self.force:
                await self._cannot(shown, error)
            return
        except OSError as error:
            await self._cannot(shown, error)
            return
        folder = stat.S_ISDIR(info.st_mode)
        if folder and not self.recursive:
            await self.call.complain(f"'{shown}' is a directory")
            return
        if self.asks and not await self._agreed(f"rm: {'descend into directory' if folder else 'remove'} '{shown}'? "):
            return
        if folder:
            try:
                names = files.names(path)
            except OSError as error:
                await self._cannot(shown, error)
                return
            for name in names:
                await self.remove(f"{path.rstrip('/')}/{name}", f"{shown.rstrip('/')}/{name}")
            if self.asks and not await self._agreed(f"rm: remove directory '{shown}'? "):
                return
        try:
            files.remove(path)
        except OSError as error:
            await self._cannot(shown, error)

    async def _cannot(self, shown: str, error: OSError) -> None:
        await self.call.complain(f"can't remove '{shown}': {error.strerror}")

    async def _agreed(self, question: str) -> bool:
        await self.call.note(question)
        while b"\n" not in self._answers:
            async for data in self.call.input():
                self._answers += data
                break
            else:
                break
        answer, _, self._answers = self._answers.partition(b"\n")
        return answer[:1] in (b"y", b"Y")


async def mkdir(call: Call) -> int:
    """mkdir [-pv] [-m MODE] DIRECTORY..."""
    options = call.options("pv", "m", "parents=p verbose=v mode=m")
    if not call.words:
        raise UsageError("missing operand")
    mode = mode_of(options["m"], 0o777, call.files.umask, folder=True) if "m" in options else None
    for word in call.words:
        try:
            call.files.mkdir(call.path(word), mode, parents="p" in options)
        except OSError as error:
            await call.complain(f"can't create directory '{word}': {error.strerror}")
            continue
        if "v" in options:
            await call.write(f"created directory: '{word}'\n")
    return 0


async def touch(call: Call) -> int:
    """touch [-cham] [-d DATE] [-t DATE] [-r FILE] FILE..."""
    options = call.options("cham", "dtr", "no-create=c date=d reference=r no-dereference=h")
    if not call.words:
        raise UsageError("missing operand")
    now = time.time_ns()
    atime = mtime = now
    if "r" in options:
        info = call.files.stat(call.path(options["r"]), follow=True)
        atime, mtime = info.st_atime_ns, info.st_mtime_ns
    elif "d" in options or "t" in options:
        atime = mtime = _moment(options.get("d", ""), options.get("t", ""))
    follow = "h" not in options
    for word in call.words:
        path = call.path(word)
        try:
            if not _lexists(call.files, path) or (follow and not call.files.exists(path)):
                if "c" in options:
                    continue
                os.close(call.files.open(path, os.O_WRONLY | os.O_CREAT))
            info = call.files.stat(path, follow=follow)
            only = {"a", "m"} & set(options)
            times = (
                atime if only != {"m"} else info.st_atime_ns,
                mtime if only != {"a"} else info.st_mtime_ns,
            )
            call.files.utime(path, times, follow=follow)
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")
    return 0


def _moment(date: str, stamp: str) -> int:
    """Nanoseconds since 1970, of a date as `touch -d` or `-t` takes it, in UTC. Raises UsageError."""
    text = date or stamp
    if re.fullmatch(r"@\d+", date):
        return int(date[1:]) * 1_000_000_000
    today = time.gmtime()
    text = re.sub(r"(?<=\d)Z$| UTC$", "", text)
    if stamp and (match := re.fullmatch(r"(?:(\d\d)?(\d\d))?(\d{8})(?:\.(\d\d))?", stamp)):
        century, year, rest, seconds = match.groups()
        full = f"{century or ('20' if int(year) < 69 else '19')}{year}" if year else str(today.tm_year)
        parsed = _parsed(f"{full}{rest}{seconds or '00'}", "%Y%m%d%H%M%S")
    else:
        text = text.replace("T", " ", 1)
        day = f"{today.tm_year}-{today.tm_mon:02}-{today.tm_mday:02} "
        formats = (("", "%Y-%m-%d %H:%M:%S"), ("", "%Y-%m-%d %H:%M"), ("", "%Y-%m-%d"), (day, "%Y-%m-%d %H:%M:%S"))
        tries = (_parsed(before + text, form) for before, form in (*formats, (day, "%Y-%m-%d %H:%M")))
        parsed = next(filter(None, tries), None)
    if parsed is None or not (date or stamp):
        raise UsageError(f"invalid date '{date or stamp}'")
    return calendar.timegm(parsed) * 1_000_000_000


def _parsed(text: str, form: str) -> time.struct_time | None:
    try:
        return time.strptime(text, form)
    except ValueError:
        return None


async def realpath(call: Call) -> int:
    """realpath [-q] FILE..."""
    options = call.options("q", words="quiet=q")
    if not call.words:
        raise UsageError("missing operand")
    for word in call.words:
        try:
            real = call.files.real(call.path(word))
        except OSError as error:
            if "q" not in options:
                await call.complain(f"{word}: {error.strerror}")
            call.status = 1
            continue
        await call.write(real + "\n")
    return 0


async def truncate(call: Call) -> int:
    """truncate [-c] -s SIZE FILE..."""
    options = call.options("c", "s", "no-create=c size=s")
    if not call.words or "s" not in options:
        raise UsageError("you must specify -s SIZE and a file")
    size = size_of(options["s"].lstrip("+-"))
    for word in call.words:
        path = call.path(word)
        try:
            if "c" in options and not call.files.exists(path):
                continue
            with open(call.files.open(path, os.O_WRONLY | os.O_CREAT), "wb") as file:
                now = os.fstat(file.fileno()).st_size
                sign = options["s"][:1]
                file.truncate(now + size if sign == "+" else max(0, now - size) if sign == "-" else size)
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")
    return 0


def size_of(text: str) -> int:
    """A number with a unit: 512, 4k, 10M. Raises UsageError."""
    match = re.fullmatch(r"(\d+)([bkKmMgG]?)(?:i?B)?", text)
    if not match:
        raise UsageError(f"invalid number '{text}'")
    return int(match[1]) * UNITS[match[2]]


def is_folder(files: Files, path: str, *, follow: bool = True) -> bool:
    """Whether a directory is at a path; False if it cannot be reached."""
    try:
        return stat.S_ISDIR(files.stat(path, follow=follow).st_mode)
    except OSError:
        return False


def _lexists(files: Files, path: str) -> bool:
    try:
        return bool(files.stat(path))
    except OSError:
        return False


COMMANDS = {"ln": ln, "mkdir": mkdir, "realpath": realpath, "rm": rm, "touch": touch, "truncate": truncate}
