"""cat, yes, seq and sleep: commands whose input, output or duration may have no end."""

from __future__ import annotations

import asyncio
import errno
import itertools
import re
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from ..commands import Call, UsageError

PIECE = 1 << 16
MAX_SEQ = 20_000_000  # bytes of output, which is held in memory
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


async def content(call: Call, word: str) -> AsyncIterator[bytes]:
    """The content of a file, or for "-" of standard input, a piece at a time."""
    if word in ("-", "/dev/stdin"):
        async for data in call.input():
            yield data
        return
    for data in call.files.pieces(call.path(word)):
        yield data


async def cat(call: Call) -> int:
    """cat [-nbvteAsu] [FILE]..."""
    words = "number=n number-nonblank=b show-nonprinting=v show-ends=E show-tabs=T show-all=A squeeze-blank=s"
    options = set(call.options("nbvteATEsu", words=words))
    number = 0
    for word in call.words or ["-"]:
        try:
            if not options - {"u"}:
                async for data in content(call, word):
                    await call.write(data)
                continue
            async for line in _lines(content(call, word)):
                if line != b"\n" if "b" in options else "n" in options:
                    number += 1
                    await call.write(b"%6d\t" % number)
                await call.write(_shown(line, options))
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


def _shown(line: bytes, options: set[str]) -> bytes:
    """A line with its invisible characters made visible."""
    end = line.endswith(b"\n")
    body = line[:-1] if end else line
    if options & set("vteA"):
        body = b"".join(_visible(byte) if byte != 9 else b"\t" for byte in body)
    if options & set("tTA"):
        body = body.replace(b"\t", b"^I")
    return body + (b"$" if end and options & set("eEA") else b"") + (b"\n" if end else b"")


def _visible(byte: int) -> bytes:
    if byte >= 128:
        return b"M-" + _visible(byte - 128)
    return b"^" + bytes([byte ^ 64]) if byte < 32 or byte == 127 else bytes([byte])



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
    options = call.options("w", "sf", "separator=s equal-width=w format=f")
    if not 1 <= len(call.words) <= 3:
        raise UsageError("one to three numbers are taken: [FIRST [INCREMENT]] LAST")
    if "f" in options:
        raise UsageError("-f is not supported: use printf")
    try:
        numbers = [Decimal(word) for word in call.words]
    except InvalidOperation:
        raise UsageError(f"invalid number '{' '.join(call.words)}'") from None
    first, last = (numbers[0] if len(numbers) > 1 else Decimal(1)), numbers[-1]
    step = numbers[1] if len(numbers) == 3 else Decimal(1)
    places = max(0, -min(int(number.as_tuple().exponent) for number in (first, step)))
    width = max(len(f"{number:.{places}f}") for number in (first, last)) if "w" in options else 0
    separator = options.get("s", "\n")
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
        match = re.fullmatch(r"(\d*\.?\d+|\d+\.|inf(?:inity)?)([smhd]?)", word)
        if not match:
            raise UsageError(f"invalid number '{word}'")
        total += float(match[1]) * _SECONDS[match[2]]
    end = time.monotonic() + total
    while (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, 3600))
    return 0


COMMANDS = {"cat": cat, "seq": seq, "sleep": sleep, "yes": yes}
