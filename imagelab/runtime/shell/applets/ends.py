"""head and tail: the first and the last lines or bytes of files, and with -f what is appended."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from ..commands import Call
from ..files import device_of
from .links import size_of
from .streams import PIECE, content


async def head(call: Call) -> int:
    """head [-n N] [-c N] [-qv] [FILE]..."""
    call.words[:1] = [re.sub(r"^-(\d)", r"-n\1", word) for word in call.words[:1]]  # head -3
    options = call.options("qv", "nc", "lines=n bytes=c quiet=q verbose=v")
    unit = "c" if "c" in options else "n"
    text = options.get(unit, "10")
    most = size_of(text.lstrip("+-"))
    await _each(call, options, partial(_head, call, most=most, unit=unit, all_but=text.startswith("-")))
    return 0


async def _each(
    call: Call, options: dict[str, str], show: Callable[[bytes, AsyncIterator[bytes]], Awaitable[None]]
) -> None:
    """Show each file, by its first piece and the others, under a title where there are several."""
    titled = "v" in options or ("q" not in options and len(call.words) > 1)
    before = ""
    for word in call.words or ["-"]:
        try:
            pieces = content(call, word)
            first = await anext(pieces, b"")
            if titled:
                await call.write(f"{before}==> {'standard input' if word == '-' else word} <==\n")
                before = "\n"
            await show(first, pieces)
        except BrokenPipeError:
            raise
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")


async def _head(call: Call, data: bytes, rest: AsyncIterator[bytes], most: int, unit: str, *, all_but: bool) -> None:
    """Write the first `most` bytes or lines, or with `all_but` all except the last `most`."""
    if all_but:
        whole = [data] + [piece async for piece in rest]
        parts = b"".join(whole).splitlines(keepends=True) if unit == "n" else [b"".join(whole)]
        kept = parts[: len(parts) - most] if unit == "n" else [parts[0][: max(0, len(parts[0]) - most)]]
        await call.write(b"".join(kept))
        return
    while data and most > 0:
        if unit == "c":
            await call.write(data[:most])
            most -= len(data)
        else:
            end = -1
            while most > 0 and (end := data.find(b"\n", end + 1)) >= 0:
                most -= 1
            await call.write(data[: end + 1] if end >= 0 and most == 0 else data)
        data = await anext(rest, b"") if most > 0 else b""


async def tail(call: Call) -> int:
    """tail [-n [+]N] [-c [+]N] [-fFqv] [FILE]..."""
    call.words[:1] = [re.sub(r"^([-+]\d)", r"-n\1", word).replace("-n-", "-n") for word in call.words[:1]]
    options = call.options("fFqv", "ncs", "lines=n bytes=c quiet=q verbose=v follow=f")
    unit = "c" if "c" in options else "n"
    text = options.get(unit, "10")
    count, skips = size_of(text.lstrip("+-")), text.startswith("+")
    await _each(call, options, partial(_skip if skips else _last, call, count=count, unit=unit))
    if {"f", "F"} & set(options) and not call.status:
        await _follow(call, [word for word in call.words if word != "-"])
    return 0


async def _skip(call: Call, data: bytes, rest: AsyncIterator[bytes], count: int, unit: str) -> None:
    """Write all but the first `count - 1` bytes or lines."""
    left = max(0, count - 1)
    while data:
        while left and unit == "n" and (end := data.find(b"\n")) >= 0:
            data, left = data[end + 1 :], left - 1
        if unit == "c":
            data, left = data[left:], max(0, left - len(data))
        elif left:
            data = b""
        await call.write(data)
        data = await anext(rest, b"")


async def _last(call: Call, data: bytes, rest: AsyncIterator[bytes], count: int, unit: str) -> None:
    """Write the last `count` bytes or lines, and hold no more than these and two pieces in memory."""
    kept = data
    while data:
        if unit == "c":
            kept = kept[-count:] if count else b""
        elif kept.count(b"\n") > count:
            kept = b"".join(kept.splitlines(keepends=True)[-count - 1 :])
        data = await anext(rest, b"")
        kept += data
    if unit == "c":
        await call.write(kept[-count:] if count else b"")
    else:
        lines = kept.split(b"\n")
        last = [] if lines[-1] == b"" else [lines[-1]]
        whole = [line + b"\n" for line in lines[:-1]] + last
        await call.write(b"".join(whole[-count:] if count else []))


async def _follow(call: Call, words: list[str]) -> None:
    """Write what is appended to files, until the script ends."""
    paths = [path for path in map(call.path, words) if not device_of(path)]  # /dev/null never grows
    sizes = {path: call.files.stat(path, follow=True).st_size for path in paths}
    while True:
        await asyncio.sleep(0.5)
        for path in paths:
            try:
                with open(call.files.open(path), "rb", buffering=0) as file:
                    if os.fstat(file.fileno()).st_size < sizes[path]:  # truncated, or another file
                        sizes[path] = 0
                    file.seek(sizes[path])
                    while data := file.read(PIECE):
                        await call.write(data)
                    sizes[path] = file.tell()
            except FileNotFoundError:
                continue


COMMANDS = {"head": head, "tail": tail}
