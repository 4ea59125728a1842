"""cat, head, tail, yes, seq and sleep: commands whose input, output or duration may have no end."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from ..shell_commands import Call, UsageError
from ..shell_files import device_of
from .links import size_of

PIECE = 1 << 16
MAX_SEQ = 20_000_000  # bytes: what it prints is held in memory
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


async def content(call: Call, word: str) -> AsyncIterator[bytes]:
    """What a file, or for "-" standard input, holds, a piece at a time."""
    if word in ("-", "/dev/stdin"):
        async for data in call.input():
            yield data
        return
    for data in call.files.pieces(call.path(word)):
        yield data


async def cat(call: Call) -> int:
    """cat [-nbvteAsu] [FILE]..."""
    words = "number=n number-nonblank=b show-nonprinting=v show-ends=E show-tabs=T show-all=A squeeze-blank=s"
    given = set(call.options("nbvteATEsu", words=words))
    number = 0
    for word in call.words or ["-"]:
        try:
            if not given - {"u"}:
                async for data in content(call, word):
                    await call.write(data)
                continue
            async for line in _lines(content(call, word)):
                if ("n" in given and "b" not in given) or ("b" in given and line != b"\n"):
                    number += 1
                    await call.write(b"%6d\t" % number)
                await call.write(_shown(line, given))
        except BrokenPipeError:
            raise
        except OSError as error:
            opened = error.errno == errno.EISDIR  # a directory can be opened, and not be read
            await call.complain(f"read error: {error.strerror}" if opened else f"can't open '{word}': {error.strerror}")
    return 0


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for data in pieces:
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line + b"\n"
    if rest:
        yield rest


def _shown(line: bytes, given: set[str]) -> bytes:
    """A line with what cannot be seen in it made visible."""
    end = line.endswith(b"\n")
    body = line[:-1] if end else line
    if given & set("vteA"):
        body = b"".join(_visible(byte) if byte != 9 else b"\t" for byte in body)
    if given & set("tTA"):
        body = body.replace(b"\t", b"^I")
    return body + (b"$" if end and given & set("eEA") else b"") + (b"\n" if end else b"")


def _visible(byte: int) -> bytes:
    if byte >= 128:
        return b"M-" + _visible(byte - 128)
    return b"^" + bytes([byte ^ 64]) if byte < 32 or byte == 127 else bytes([byte])


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


async def yes(call: Call) -> int:
    """yes [STRING]..."""
    line = (" ".join(call.words or ["y"]) + "\n").encode()
    data = line * max(1, PIECE // len(line))
    while True:
        await call.write(data)


async def seq(call: Call) -> int:
    """seq [-w] [-s SEPARATOR] [FIRST [INCREMENT]] LAST"""
    negative = next((n for n, word in enumerate(call.words) if re.fullmatch(r"-[\d.]+", word)), None)
    if negative is not None:
        call.words.insert(negative, "--")
    given = call.options("w", "sf", "separator=s equal-width=w format=f")
    if not 1 <= len(call.words) <= 3:
        raise UsageError("one to three numbers are taken: [FIRST [INCREMENT]] LAST")
    if "f" in given:
        raise UsageError("-f is not supported: use printf")
    try:
        numbers = [Decimal(word) for word in call.words]
    except InvalidOperation:
        raise UsageError(f"invalid number '{' '.join(call.words)}'") from None
    first, last = (numbers[0] if len(numbers) > 1 else Decimal(1)), numbers[-1]
    step = numbers[1] if len(numbers) == 3 else Decimal(1)
    places = max(0, -min(int(number.as_tuple().exponent) for number in (first, step)))
    width = max(len(f"{number:.{places}f}") for number in (first, last)) if "w" in given else 0
    separator = given.get("s", "\n")
    if step and (last - first) / step * (len(str(last)) + len(separator)) > MAX_SEQ:
        raise UsageError(f"more than {MAX_SEQ:,} bytes of numbers: count in a loop")
    before = ""
    for chunk in _chunks(first, step, last, places, width):
        await call.write(before + separator.join(chunk))
        before = separator
    await call.write("\n" if before else "")
    return 0


def _chunks(first: Decimal, step: Decimal, last: Decimal, places: int, width: int) -> Iterator[list[str]]:
    """The numbers as text, some thousand at a time."""
    form = f"{'0' if width else ''}{width or ''}.{places}f"
    numbers: Iterator[Any]
    if places == 0 and step and first == int(first) and step == int(step):
        numbers = iter(range(int(first), int(last // 1) + (1 if step > 0 else -1), int(step)))
        if step < 0 and last != int(last):
            numbers = iter(range(int(first), int(last // 1), int(step)))
    else:
        endless = (first + n * step for n in itertools.count())
        numbers = itertools.takewhile(lambda number: number <= last if step >= 0 else number >= last, endless)
    while chunk := [f"{number:{form}}" for number in itertools.islice(numbers, 8192)]:
        yield chunk


async def sleep(call: Call) -> int:
    """sleep NUMBER[smhd]..."""
    if not call.words:
        raise UsageError("missing operand")
    total = 0.0
    for word in call.words:
        found = re.fullmatch(r"(\d*\.?\d+|\d+\.|inf(?:inity)?)([smhd]?)", word)
        if not found:
            raise UsageError(f"invalid number '{word}'")
        total += float(found[1]) * _SECONDS[found[2]]
    end = time.monotonic() + total
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 3600))
    return 0


COMMANDS = {"cat": cat, "head": head, "seq": seq, "sleep": sleep, "tail": tail, "yes": yes}
