"""head and tail: the first and the last lines or bytes of files, and what is added to them."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator

from ..commands import Call
from ..files import device_of
from .links import size_of
from .streams import PIECE, content


async def head(call: Call) -> int:
    """head [-n N] [-c N] [-qv] [FILE]..."""
    call.words[:1] = [re.sub(r"^-(\d)", r"-n\1", word) for word in call.words[:1]]  # head -3
    given = call.options("qv", "nc", "lines=n bytes=c quiet=q verbose=v")
    unit = "c" if "c" in given else "n"
    text = given.get(unit, "10")
    most = size_of(text.lstrip("+-"))
    titled = "v" in given or ("q" not in given and len(call.words) > 1)
    before = ""
    for word in call.words or ["-"]:
        try:
            pieces = content(call, word)
            first = await anext(pieces, b"")
            if titled:
                await call.write(f"{before}==> {'standard input' if word == '-' else word} <==\n")
                before = "\n"
            await _head(call, first, pieces, most, unit, all_but=text.startswith("-"))
        except BrokenPipeError:
            raise
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")
    return 0


async def _head(call: Call, data: bytes, rest: AsyncIterator[bytes], most: int, unit: str, *, all_but: bool) -> None:
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
    given = call.options("fFqv", "ncs", "lines=n bytes=c quiet=q verbose=v follow=f")
    unit = "c" if "c" in given else "n"
    text = given.get(unit, "10")
    count, skips = size_of(text.lstrip("+-")), text.startswith("+")
    titled = "v" in given or ("q" not in given and len(call.words) > 1)
    before = ""
    for word in call.words or ["-"]:
        try:
            pieces = content(call, word)
            first = await anext(pieces, b"")
        except OSError as error:
            await call.complain(f"{word}: {error.strerror}")
            continue
        if titled:
            await call.write(f"{before}==> {'standard input' if word == '-' else word} <==\n")
            before = "\n"
        await (_skip if skips else _last)(call, first, pieces, count, unit)
    if {"f", "F"} & set(given) and not call.status:
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
    """Write what is added to files, for as long as the script runs."""
    paths = [path for path in map(call.path, words) if not device_of(path)]  # /dev/null never grows
    sizes = {path: call.files.stat(path, follow=True).st_size for path in paths}
    while True:
        await asyncio.sleep(0.5)
        for path in paths:
            try:
                with open(call.files.open(path), "rb", buffering=0) as file:
                    if os.fstat(file.fileno()).st_size < sizes[path]:  # it was cut, or is a new one
                        sizes[path] = 0
                    file.seek(sizes[path])
                    while data := file.read(PIECE):
                        await call.write(data)
                    sizes[path] = file.tell()
            except FileNotFoundError:
                continue


COMMANDS = {"head": head, "tail": tail}
