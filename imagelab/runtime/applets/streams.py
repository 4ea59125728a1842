"""cat, dd, yes, seq and sleep: commands whose input, output or duration may have no end."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal, InvalidOperation
from io import FileIO
from typing import Any

from ..shell_commands import Call, UsageError
from ..shell_files import device_of
from .links import size_of

PIECE = 1 << 16
_DD = ("if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "status", "iflag", "oflag")
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
                if line != b"\n" if "b" in given else "n" in given:
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


async def dd(call: Call) -> int:
    """dd [if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=notrunc] [status=none]"""
    began = time.monotonic()
    given = {"ibs": "512", "obs": "512"}
    for word in call.words:
        key, equals, value = word.partition("=")
        if not equals or key not in _DD:
            raise UsageError(f"invalid argument '{word}'")
        given[key] = value
    conversions = set(filter(None, given.get("conv", "").split(",")))
    if unknown := conversions - {"notrunc", "sync", "noerror", "fsync"}:
        raise UsageError(f"conv={unknown.pop()} is not supported: notrunc, sync, noerror and fsync are")
    if flags := set(filter(None, f"{given.get('iflag', '')},{given.get('oflag', '')}".split(","))) - {"fullblock"}:
        raise UsageError(f"flag {flags.pop()} is not supported: fullblock is")
    reads = size_of(given.get("bs") or given["ibs"])
    writes = size_of(given.get("bs") or given["obs"])
    count = size_of(given["count"]) if "count" in given else None
    skip, seek = size_of(given.get("skip", "0")) * reads, size_of(given.get("seek", "0")) * writes
    if not reads or not writes:
        raise UsageError("invalid number '0'")
    sink = _Sink(call, given.get("of"), seek, keep="notrunc" in conversions)
    whole = part = out = 0
    try:
        blocks = _blocks(content(call, given.get("if", "-")), reads, skip)
        while (count is None or whole + part < count) and (block := await anext(blocks, b"")):
            whole, part = (whole + 1, part) if len(block) == reads else (whole, part + 1)
            if "sync" in conversions:
                block = block.ljust(reads, b"\0")
            await sink.write(block)
            out += len(block)
    except BrokenPipeError:
        raise
    except OSError as error:
        await call.complain(f"{_opened(given, error)}: {error.strerror}")
        return 1
    finally:
        sink.close()
    if given.get("status") != "none":
        seconds = time.monotonic() - began
        units = f"{whole}+{part} records in\n{out // writes}+{int(bool(out % writes))} records out\n"
        await call.note(units)
        if given.get("status") != "noxfer":
            rate = human(out / (seconds or 1))
            await call.note(f"{out} bytes ({human(out)}B) copied, {seconds:f} seconds, {rate}B/s\n")
    return 0


def _opened(given: dict[str, str], error: OSError) -> str:
    words = [given[key] for key in ("if", "of") if key in given]
    word = next((word for word in words if str(error.filename).endswith(word)), "")
    return f"can't open '{word}'" if error.errno in (errno.ENOENT, errno.EISDIR) else word or "write error"


def human(size: float) -> str:
    """A size as busybox's dd shows it: 5.0M."""
    for unit in ("", "K", "M", "G", "T"):
        if size < 1024 or unit == "T":
            return f"{size:.1f}{unit}" if unit else str(int(size))
        size /= 1024
    return ""


async def _blocks(pieces: AsyncIterator[bytes], size: int, skip: int) -> AsyncIterator[bytes]:
    """Blocks of one size, the last one shorter; `skip` bytes are left out at the start."""
    rest = bytearray()
    async for data in pieces:
        if skip:
            skip, data = max(0, skip - len(data)), data[skip:]
        rest += data
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)


class _Sink:
    """Where dd writes: standard output, a file at a place, or a device."""

    def __init__(self, call: Call, word: str | None, seek: int, keep: bool) -> None:
        self.call = call
        self.file: FileIO | None = None
        self.path = None if word in (None, "/dev/stdout") else call.path(word or "")
        if self.path and not device_of(self.path):
            flags = os.O_WRONLY | os.O_CREAT
            self.file = FileIO(call.files.open(self.path, flags), "wb")
            if not keep:
                self.file.truncate(seek)
            self.file.seek(seek)

    async def write(self, data: bytes) -> None:
        if self.file is not None:
            rest = memoryview(data)
            while rest:
                rest = rest[self.file.write(rest) :]
        elif self.path:
            self.call.files.write(self.path, data, os.O_APPEND)
        else:
            await self.call.write(data)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()


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


COMMANDS = {"cat": cat, "dd": dd, "seq": seq, "sleep": sleep, "yes": yes}
