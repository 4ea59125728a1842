"""tar, by Python's tarfile; paths in an archive are resolved in the container."""

from __future__ import annotations

import fnmatch
import io
import os
import posixpath
import stat
import tarfile
import time
import zlib
from contextlib import suppress
from typing import IO, Any

from ..commands import Call, UsageError
from .owners import Names

_WORDS = (
    "create=c extract=x get=x list=t file=f gzip=z bzip2=j xz=J verbose=v directory=C to-stdout=O keep-old-files=k "
    "exclude=X files-from=T strip-components=S strip=S numeric-owner=n no-same-owner=o same-permissions=p "
    "preserve-permissions=p no-same-permissions=N dereference=h touch=m overwrite=w"
)
_MEMORY = 256 << 20  # bytes of an archive on standard input, which is held in memory


async def tar(call: Call) -> int:
    """tar c|x|t [-zjJvOkmoph] [-f FILE] [-C DIR] [-T FILE] [--exclude PATTERN] [--strip-components N] [FILE]..."""
    if call.words and not call.words[0].startswith("-"):  # tar xzf FILE
        letters, *rest = call.words
        values = {letter: rest.pop(0) for letter in letters if letter in "fCTX" and rest}
        flags = [f"-{letter}" for letter in letters if letter not in "fCTX"]
        call.words = [*flags, *(word for letter, value in values.items() for word in (f"-{letter}", value)), *rest]
    excluded = [word.partition("=")[2] for word in call.words if word.startswith("--exclude=")]
    call.words = [word for word in call.words if not word.startswith("--exclude=")]
    options = call.options("cxtzjJvOkopnNhmaw", "fCTXS", _WORDS)
    actions = {"c", "x", "t"} & set(options)
    if len(actions) != 1:
        raise UsageError("exactly one of -c, -x and -t is needed")
    if "T" in options:
        call.words += (await _content(call, options["T"])).read().decode("utf-8", "surrogateescape").splitlines()
    archive = options.get("f", "-")
    if "C" in options:
        call.files.names(call.path(options["C"]))
    work = _Tar(call, options, call.path(options.get("C", ".")), excluded)
    try:
        if "c" in actions:
            await work.create(archive)
        else:
            await work.read(archive, extract="x" in actions)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        words = str(error).splitlines()[:1] or ["it ends too early"]
        raise UsageError(f"{archive}: not a tar archive that can be read: {words[0].rstrip(':')}") from None
    return 0


async def _content(call: Call, word: str) -> IO[bytes]:
    """A file of the container, or all of standard input, open to read."""
    if word != "-":
        return open(call.files.open(call.path(word)), "rb")
    file = io.BytesIO()
    async for data in call.input():
        if file.write(data) and file.tell() > _MEMORY:
            raise UsageError(f"more than {_MEMORY} bytes on standard input: write them to a file, and use -f")
    file.seek(0)
    return file


class _Pipe:
    """The file that tarfile writes to, on the way to standard output."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(data)
        return len(data)

    def take(self) -> bytes:
        """The bytes written since the last call."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


class _Tar:
    """One tar: its directory, options and excluded patterns."""

    def __init__(self, call: Call, options: dict[str, str], folder: str, excluded: list[str]) -> None:
        self.call, self.files, self.options, self.folder, self.excluded = call, call.files, options, folder, excluded
        self.names = Names(call.files)
        self.pipe: _Pipe | None = None
        self.packed: dict[tuple[int, int], str] = {}  # the first name of each file, for hard links

    async def create(self, archive: str) -> None:
        kind = "gz" if "z" in self.options else "bz2" if "j" in self.options else "xz" if "J" in self.options else ""
        if "a" in self.options and not kind:
            kind = {"gz": "gz", "tgz": "gz", "bz2": "bz2", "xz": "xz"}.get(archive.rpartition(".")[2], "")
        if not self.call.words:
            raise UsageError("empty archive")
        if archive == "-":
            self.pipe = _Pipe()
            with tarfile.open(fileobj=self.pipe, mode=f"w|{kind}") as tar:  # type: ignore[call-overload]
                await self._pack_all(tar, None)
            await self.call.write(self.pipe.take())
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(self.files.open(self.call.path(archive), flags), "wb") as file:
            info = os.fstat(file.fileno())
            with tarfile.open(fileobj=file, mode=f"w:{kind}") as tar:  # type: ignore[call-overload]
                await self._pack_all(tar, (info.st_dev, info.st_ino))

    async def _pack_all(self, tar: tarfile.TarFile, place: tuple[int, int] | None) -> None:
        for word in self.call.words:
            path = "/" + posixpath.normpath(posixpath.join(self.folder, word)).strip("/")
            await self._pack(tar, path, posixpath.normpath(word).lstrip("/") or ".", place)

    async def _pack(self, tar: tarfile.TarFile, path: str, name: str, place: tuple[int, int] | None) -> None:
        if self._is_excluded(name):
            return
        try:
            info = self.files.stat(path, follow="h" in self.options)
        except OSError as error:
            await self.call.complain(f"{name}: {error.strerror}")
            return
        if (info.st_dev, info.st_ino) == place:
            await self.call.complain(f"{name}: file is the archive; skipping")
            return
        member = tarfile.TarInfo(name)
        member.mode, member.mtime = stat.S_IMODE(info.st_mode), int(info.st_mtime)
        member.uid, member.gid = info.st_uid, info.st_gid
        member.uname, member.gname = self.names.user(info.st_uid), self.names.group(info.st_gid)
        if "v" in self.options:
            await self._list(name + ("/" if stat.S_ISDIR(info.st_mode) else ""))
        if stat.S_ISDIR(info.st_mode):
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
            for below in self.files.names(path):
                if path != "/" or below != "dev":  # emulated, and not on the disk
                    await self._pack(tar, f"{path.rstrip('/')}/{below}", f"{name}/{below}", place)
        elif stat.S_ISLNK(info.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, self.files.readlink(path)
            tar.addfile(member)
        elif stat.S_ISREG(info.st_mode):
            if info.st_nlink > 1 and (first := self.packed.get((info.st_dev, info.st_ino))):
                member.type, member.linkname = tarfile.LNKTYPE, first
                tar.addfile(member)
                return
            self.packed[info.st_dev, info.st_ino] = name
            with open(self.files.open(path), "rb") as file:
                member.size = os.fstat(file.fileno()).st_size
                tar.addfile(member, file)
            if self.pipe:
                await self.call.write(self.pipe.take())
        else:
            await self.call.complain(f"{name}: pipes and devices are not packed")

    async def read(self, archive: str, *, extract: bool) -> None:
        names = {posixpath.normpath(word) for word in self.call.words}
        missing = set(names)
        folders: list[tuple[str, tarfile.TarInfo]] = []
        with await _content(self.call, archive) as file, tarfile.open(fileobj=file) as tar:
            for member in tar:
                name = posixpath.normpath(member.name)
                inside = {above for above in names if name == above or name.startswith(f"{above}/")}
                if (names and not inside) or self._is_excluded(name):
                    continue
                missing -= inside
                if not extract:
                    await self.call.write(self._line(member))
                    continue
                try:
                    await self._extract(tar, member, folders)
                except OSError as error:
                    await self.call.complain(f"{member.name}: {error.strerror}")
        for path, member in reversed(folders):
            self._describe(path, member)
        for name in sorted(missing):
            await self.call.complain(f"{name}: not found in archive")

    async def _extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo, folders: list[Any]) -> None:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise OSError(22, "'..' in a name of an archive is not extracted", member.name)
        parts = parts[int(self.options.get("S", "0")) :]
        path = f"{self.folder.rstrip('/')}/{'/'.join(parts)}"
        if not parts:
            return
        if "v" in self.options:
            await self._list(member.name + ("/" if member.isdir() else ""))
        if "O" in self.options:
            if content := tar.extractfile(member):
                while data := content.read(1 << 16):
                    await self.call.write(data)
            return
        if len(parts) > 1 and not self.files.exists(posixpath.dirname(path)):
            self.files.mkdir(posixpath.dirname(path), parents=True)
        if member.isdir():
            if not self.files.exists(path):
                self.files.mkdir(path)
            folders.append((path, member))
            return
        try:
            self.files.stat(path)
        except FileNotFoundError:
            pass
        else:
            if "k" in self.options:
                raise OSError(17, "File exists", path)
            self.files.remove(path)
        if member.issym():
            self.files.symlink(member.linkname, path)
        elif member.islnk():
            linked = [part for part in member.linkname.split("/") if part not in ("", ".")]
            self.files.link(f"{self.folder.rstrip('/')}/{'/'.join(linked[int(self.options.get('S', '0')) :])}", path)
            return
        elif member.isreg():
            content = tar.extractfile(member)
            with open(self.files.open(path, os.O_WRONLY | os.O_CREAT), "wb") as file:
                while content and (data := content.read(1 << 20)):
                    file.write(data)
        else:
            raise OSError(95, "pipes and devices are not extracted", path)
        self._describe(path, member)

    def _describe(self, path: str, member: tarfile.TarInfo) -> None:
        """Owner, mode and time, as far as this user may set them."""
        if "o" not in self.options:
            uid = self.names.users.get(member.uname, (member.uid, 0))[0] if "n" not in self.options else member.uid
            gid = self.names.groups.get(member.gname, member.gid) if "n" not in self.options else member.gid
            with suppress(PermissionError):
                self.files.chown(path, (uid, gid), follow=False)
        if not member.issym():
            self.files.chmod(path, member.mode & ~(self.files.umask if "N" in self.options else 0))
        if "m" not in self.options:
            moment = int(member.mtime) * 1_000_000_000
            self.files.utime(path, (moment, moment), follow=False)

    def _is_excluded(self, name: str) -> bool:
        shapes = (name, posixpath.basename(name), f"./{name}")
        return any(fnmatch.fnmatchcase(shape, pattern) for pattern in self.excluded for shape in shapes)

    def _line(self, member: tarfile.TarInfo) -> str:
        name = member.name + ("/" if member.isdir() else "")
        if "v" not in self.options:
            return name + "\n"
        kind = stat.S_IFDIR if member.isdir() else stat.S_IFLNK if member.issym() else stat.S_IFREG
        mode = stat.filemode(member.mode | kind)
        owner = f"{member.uname or member.uid}/{member.gname or member.gid}"
        date = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(member.mtime))
        link = f" -> {member.linkname}" if member.issym() or member.islnk() else ""
        return f"{mode} {owner} {member.size:9} {date} {name}{link}\n"

    async def _list(self, name: str) -> None:
        """-v: print a name on standard output, or on standard error if the archive goes to standard output."""
        aside = (self.options.get("f", "-") == "-" and "c" in self.options) or "O" in self.options
        await (self.call.note if aside else self.call.write)(name + "\n")


COMMANDS = {"tar": tar}
