"""du and nproc."""

from __future__ import annotations

import os
import stat

from ..commands import Call
from .listing import human

_UNITS = {"b": 1, "k": 1024, "m": 1 << 20}


async def du(call: Call) -> int:
    """du [-abcHhkLlmsx] [-d DEPTH] [FILE]...: blocks of 1024 bytes; a file with several names counts once."""
    options = call.options("abcHhkLlmsx", "d", "all=a bytes=b total=c human-readable=h summarize=s max-depth=d")
    usage = _Usage(call, options)
    total = 0
    for word in call.words or ["."]:
        try:
            total += await usage.of(word.rstrip("/") or "/", call.path(word), 0)
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")
    if "c" in options:
        await usage.line(total, "total")
    return 0


class _Usage:
    def __init__(self, call: Call, options: dict[str, str]) -> None:
        self.call, self.options = call, options
        self.depth = 0 if "s" in options else int(options.get("d", "1000000"))
        self.unit = next((unit for letter, unit in _UNITS.items() if letter in options), 1024)
        self.counted: set[tuple[int, int]] = set()

    async def of(self, shown: str, path: str, depth: int) -> int:
        """Bytes of a file, or of a directory and all below it; writes the lines that the options ask for."""
        info = self.call.files.stat(path, follow="L" in self.options or ("H" in self.options and not depth))
        is_folder = stat.S_ISDIR(info.st_mode)
        if info.st_nlink > 1 and not is_folder and "l" not in self.options and depth:
            if (info.st_dev, info.st_ino) in self.counted:
                return 0
            self.counted.add((info.st_dev, info.st_ino))
        size = info.st_size if "b" in self.options else info.st_blocks * 512
        if is_folder:
            for name in self.call.files.names(path):
                if path == "/" and name == "dev":
                    continue
                try:
                    size += await self.of(f"{shown.rstrip('/')}/{name}", f"{path.rstrip('/')}/{name}", depth + 1)
                except OSError as error:
                    await self.call.complain(f"{shown}/{name}: {error.strerror}")
        if depth <= self.depth and (is_folder or not depth or "a" in self.options):
            await self.line(size, shown)
        return size

    async def line(self, size: int, shown: str) -> None:
        amount = human(size) if "h" in self.options else str(-(-size // self.unit))
        await self.call.write(f"{amount}\t{shown}\n")


async def nproc(call: Call) -> int:
    """nproc"""
    call.options("", "", "all=a")
    mine = getattr(os, "sched_getaffinity", None)
    await call.write(f"{len(mine(0)) if mine else os.cpu_count()}\n")
    return 0


COMMANDS = {"du": du, "nproc": nproc}
