"""dd: bytes copied in blocks, from one place to another."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import AsyncIterator
from io import FileIO

from ..commands import Call, UsageError
from ..files import device_of
from .links import size_of
from .streams import content

_DD_OPERANDS = ("if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "status", "iflag", "oflag")


async def dd(call: Call) -> int:
    """dd [if=FILE] [of=FILE] [bs=N] [count=N] [skip=N] [seek=N] [conv=notrunc] [status=none]"""
    started = time.monotonic()
    operands = {"ibs": "512", "obs": "512"}
    for word in call.words:
        key, equals, value = word.partition("=")
        if not equals or key not in _DD_OPERANDS:
            raise UsageError(f"invalid argument '{word}'")
        operands[key] = value
    conversions = set(filter(None, operands.get("conv", "").split(",")))
    if unknown := conversions - {"notrunc", "sync", "noerror", "fsync"}:
        raise UsageError(f"conv={unknown.pop()} is not supported: notrunc, sync, noerror and fsync are")
    flags = set(filter(None, f"{operands.get('iflag', '')},{operands.get('oflag', '')}".split(",")))
    if flags := flags - {"fullblock"}:
        raise UsageError(f"flag {flags.pop()} is not supported: fullblock is")
    reads = size_of(operands.get("bs") or operands["ibs"])
    writes = size_of(operands.get("bs") or operands["obs"])
    count = size_of(operands["count"]) if "count" in operands else None
    skip, seek = size_of(operands.get("skip", "0")) * reads, size_of(operands.get("seek", "0")) * writes
    if not reads or not writes:
        raise UsageError("invalid number '0'")
    sink = _Sink(call, operands.get("of"), seek, keep="notrunc" in conversions)
    whole = part = out = 0
    try:
        blocks = _blocks(content(call, operands.get("if", "-")), reads, skip)
        while (count is None or whole + part < count) and (block := await anext(blocks, b"")):
            whole, part = (whole + 1, part) if len(block) == reads else (whole, part + 1)
            if "sync" in conversions:
                block = block.ljust(reads, b"\0")
            await sink.write(block)
            out += len(block)
    except BrokenPipeError:
        raise
    except OSError as error:
        await call.complain(f"{_opened(operands, error)}: {error.strerror}")
        return 1
    finally:
        sink.close()
    if operands.get("status") != "none":
        seconds = time.monotonic() - started
        units = f"{whole}+{part} records in\n{out // writes}+{int(bool(out % writes))} records out\n"
        await call.note(units)
        if operands.get("status") != "noxfer":
            speed = human(out / (seconds or 1))
            await call.note(f"{out} bytes ({human(out)}B) copied, {seconds:f} seconds, {speed}B/s\n")
    return 0


def _opened(operands: dict[str, str], error: OSError) -> str:
    """The start of the message for a file that cannot be opened, read or written."""
    names = [operands[key] for key in ("if", "of") if key in operands]
    word = next((name for name in names if (error.filename or "").endswith(name)), "")
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


COMMANDS = {"dd": dd}
