"""Tar archives: 512-byte headers, each followed by its file's bytes, and two zero blocks at the end.

`header` writes what Go's archive/tar writes for docker, byte for byte, so that a layer packed here and one packed by
docker from the same files have the same digest. `Reader` takes any tar that image builders are known to write.

Implements POSIX.1-2017 pax "ustar" and "pax" interchange formats, and GNU tar's long names and base-256 numbers.
Left out: sparse files (refused by name), atime, ctime, user and group names.
"""

from __future__ import annotations

import posixpath
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..errors import Invalid
from ..filesystem.entry import NO_XATTRS, Entry, Kind

BLOCK = 512
END = bytes(2 * BLOCK)
MAX_PAX = 1 << 20  # bytes in one extended header, as Go's archive/tar limits it
MAX_NAME = 4096  # bytes in a path or a link's target, as Linux limits them (PATH_MAX)

_FLAGS: dict[Kind, bytes] = {
    "file": b"0", "symlink": b"2", "char": b"3", "block": b"4", "dir": b"5", "fifo": b"6",
}  # fmt: skip
_KINDS: dict[bytes, Kind] = {flag: kind for kind, flag in _FLAGS.items()} | {b"\0": "file", b"7": "file"}
_LAYOUT = struct.Struct("100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12x")
_XATTR = "SCHILY.xattr."
_TOO_MUCH = 1 << 63


def padding(size: int) -> bytes:
    """The zero bytes that fill a file's last block."""
    return bytes(-size % BLOCK)


def header(name: str, entry: Entry, *, hard_link_to: str | None = None, clamp: int | None = None) -> bytes:
    """The header blocks of one entry: 512 bytes, preceded by a PAX header only where ustar cannot hold a field.

    With `hard_link_to` it is a further name of that file; no time later than `clamp` (seconds since 1970) is written.
    Directories get a trailing '/'; a long name is cut in two if it can be; times, owners and sizes that do not fit in
    octal, other long names, those outside ASCII, and extended attributes go to PAX records, sorted by key. Raises
    Invalid for a name that is not Unicode. Follows Go's archive/tar, `allowedFormats` and `writePAXHeader`.
    """
    raw_name = _encode(name + "/" if entry.kind == "dir" else name)
    raw_link = _encode(entry.link if hard_link_to is None else hard_link_to)
    size = entry.size if hard_link_to is None else 0
    mtime = entry.mtime if clamp is None else min(entry.mtime, clamp)
    records: dict[str, bytes] = {}
    if len(raw_link) > 100 or not raw_link.isascii():
        records["linkpath"] = raw_link
    for key, number, limit in (
        ("size", size, 8**11), ("mtime", mtime, 8**11), ("uid", entry.uid, 8**7), ("gid", entry.gid, 8**7),
    ):  # fmt: skip
        if not 0 <= number < limit:
            records[key] = b"%d" % number
    for key, value in entry.xattrs.items():
        records[_XATTR + key] = value
    prefix = b""
    if len(raw_name) > 100 or not raw_name.isascii():
        prefix, rest = _split(raw_name)
        if records or not prefix:
            records["path"], prefix = raw_name, b""
        else:
            raw_name = rest
    flag = _FLAGS[entry.kind] if hard_link_to is None else b"1"
    block = _ustar(
        raw_name, entry.mode, 0 if "uid" in records else entry.uid, 0 if "gid" in records else entry.gid,
        0 if "size" in records else size, 0 if "mtime" in records else mtime, flag, raw_link, entry.device, prefix,
    )  # fmt: skip
    return _pax(raw_name, records) + block if records else block


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Invalid(f"the name {text!r} is not Unicode: no file can have it") from None


def _field(text: bytes) -> bytes:
    """What of a name fits into a header's field; not with a '/' at the cut, which would make it a directory."""
    text = text if text.isascii() else bytes(c for c in text if c < 128)
    return text if len(text) <= 100 else text[:100].rstrip(b"/")


def _split(name: bytes) -> tuple[bytes, bytes]:
    """A long name as ustar's prefix, as long as it can be, and the rest; no prefix where they would not fit."""
    at = name.rfind(b"/", 0, min(len(name.rstrip(b"/")), 156)) if name.isascii() else -1
    return (name[:at], name[at + 1 :]) if at > 0 and len(name) - at - 1 <= 100 else (b"", name)


def _ustar(
    name: bytes, mode: int, uid: int, gid: int, size: int, mtime: int, flag: bytes, link: bytes,
    device: tuple[int, int] | None, prefix: bytes = b"",
) -> bytes:  # fmt: skip
    major, minor = (b"%07o" % device[0], b"%07o" % device[1]) if device else (b"", b"")
    block = _LAYOUT.pack(
        _field(name), b"%07o" % mode, b"%07o" % uid, b"%07o" % gid, b"%011o" % size, b"%011o" % mtime,
        b"        ", flag, _field(link), b"ustar\00000", b"", b"", major, minor, prefix,
    )  # fmt: skip
    return block[:148] + b"%06o\0 " % _sum(block) + block[156:]


def _sum(block: bytes) -> int:
    """The sum of a block's bytes: the lower half of Adler-32 is just that, for so few that it need not wrap around."""
    half = BLOCK // 2
    return (zlib.adler32(block[:half], 0) & 0xFFFF) + (zlib.adler32(block[half:], 0) & 0xFFFF)


def _pax(name: bytes, records: Mapping[str, bytes]) -> bytes:
    data = b"".join(_record(_encode(key), records[key]) for key in sorted(records))
    parent, base = posixpath.split(name)
    pax_name = posixpath.normpath(posixpath.join(parent, b"PaxHeaders.0", base))
    return _ustar(_field(pax_name).rstrip(b"/"), 0, 0, 0, len(data), 0, b"x", b"", None) + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + len(str(len(body)))
    size = len(body) + len(str(size))  # the length counts its own digits, which may have grown by one
    return b"%d" % size + body


def is_header(block: bytes) -> bool:
    """Whether 512 bytes can begin a tar: a header whose checksum is right, or the zeros that end an empty one."""
    digits = block[148:156].strip(b" \0")
    if len(block) < BLOCK or digits.strip(b"01234567"):
        return False
    total = _sum(block) - sum(block[148:156]) + 8 * 32
    stated = int(digits or b"0", 8)
    return stated == total or stated == _signed(block) or not block.strip(b"\0")


def _signed(block: bytes) -> int:
    """The checksum that old tars computed from signed bytes."""
    rest = block[:148] + b"        " + block[156:]
    return _sum(rest) - 256 * sum(c > 127 for c in rest)


@dataclass(slots=True)
class Member:
    """One entry of a tar as it was written: nothing cleaned, nothing resolved, content not yet read.

    `kind` is None for a hard link, whose `link` is the other name.
    """

    name: str
    kind: Kind | None
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int
    link: str
    device: tuple[int, int]
    offset: int  # of the content, from the start of the tar
    xattrs: Mapping[str, bytes] = field(default_factory=lambda: NO_XATTRS)


class Reader:
    """Reads a tar from an iterable of byte pieces, in one pass and constant memory.

    Iterate for `Member`s; `content()` yields the current member's bytes, which are skipped otherwise.
    Raises Invalid, saying at which byte, for headers that do not add up and for a tar that ends too early.
    """

    def __init__(self, pieces: Iterable[bytes], what: str = "tar") -> None:
        self._pieces = iter(pieces)
        self._what = what
        self._buffer = b""
        self._at = 0  # in the buffer
        self._base = 0  # offset of the buffer in the tar
        self._unread = 0  # bytes of the current member's content, with padding
        self._left = 0  # the same without padding
        self._numbers: dict[bytes, int] = {}

    def __iter__(self) -> Iterator[Member]:
        while (member := self._next()) is not None:
            yield member

    def content(self) -> Iterator[bytes]:
        """The current member's bytes, in pieces of any size."""
        while self._left:
            piece = self._some(self._left)
            self._left -= len(piece)
            self._unread -= len(piece)
            yield piece

    def drain(self) -> None:
        """Read to the end of the source, so that a hash over it covers every byte."""
        self._buffer = b""
        for _ in self._pieces:
            pass

    def _next(self) -> Member | None:
        pax: dict[str, bytes] = {}
        gnu: dict[str, bytes] = {}
        while True:
            self._skip()
            at = self._base + self._at
            block = self._exactly(BLOCK, at_end_ok=True)
            if not block.strip(b"\0"):  # no more bytes, or the first of the two zero blocks that end an archive
                if block and self._exactly(BLOCK, at_end_ok=True).strip(b"\0"):
                    raise Invalid(f"{self._what}: a block of zeros at byte {at} ends the tar, but there is more")
                return None
            if not is_header(block):
                raise Invalid(f"{self._what}: there is no tar header at byte {at}: it is damaged, or no tar at all")
            flag = block[156:157]
            size = self._number(block, 124, 136)
            if flag not in b"xgLK":
                return self._member(block, flag, size, {**pax, **gnu} if pax or gnu else pax, at)
            if not 0 <= size <= MAX_PAX:
                raise Invalid(f"{self._what}: the extended header at byte {at} has {size} bytes, not 0 to {MAX_PAX}")
            data = self._exactly(size)
            self._unread = -size % BLOCK
            if flag == b"x":
                pax = self._parse_pax(data, at)
            elif flag != b"g":  # those for the whole archive are passed over, as docker does
                gnu["path" if flag == b"L" else "linkpath"] = data.split(b"\0", 1)[0]

    def _member(self, block: bytes, flag: bytes, size: int, records: dict[str, bytes], at: int) -> Member:
        name = block[:100].split(b"\0", 1)[0]
        if block[257:263] == b"ustar\0" and block[345] and (prefix := block[345:500].split(b"\0", 1)[0]):
            name = prefix + b"/" + name
        link = block[157:257].split(b"\0", 1)[0]
        number = self._number
        uid, gid, mtime = number(block, 108, 116), number(block, 116, 124), number(block, 136, 148)
        xattrs = NO_XATTRS
        if records:
            name, link = records.get("path") or name, records.get("linkpath") or link
            size, uid = self._pax_number(records, "size", size), self._pax_number(records, "uid", uid)
            gid, mtime = self._pax_number(records, "gid", gid), self._pax_number(records, "mtime", mtime)
            xattrs = {key[len(_XATTR) :]: value for key, value in records.items() if key.startswith(_XATTR)}
            if any(key.startswith("GNU.sparse.") for key in records):
                flag = b"S"
        kind = _KINDS.get(flag)
        shown = name.decode("utf-8", "surrogateescape")
        if kind is None and flag != b"1":
            what = "sparse file, which imagelab does not read" if flag == b"S" else f"entry of unknown type {flag!r}"
            raise Invalid(f"{self._what}: {shown!r} is a {what}; recreate the archive without it")
        if flag == b"\0" and name.endswith(b"/"):  # how tar marked directories before it had a type for them
            kind = "dir"
        device = (number(block, 329, 337), number(block, 337, 345)) if kind in ("char", "block") else (0, 0)
        if size < 0 or (uid | gid) >> 32 or (device[0] | device[1]) >> 21 or max(len(name), len(link)) > MAX_NAME:
            raise self._impossible(shown, max(len(name), len(link)), size, (uid, gid), device)
        self._left = size if kind == "file" else 0
        self._unread = self._left + (-self._left % BLOCK)
        return Member(
            shown, kind, number(block, 100, 108) & 0o7777, uid, gid, mtime, self._left,
            link.decode("utf-8", "surrogateescape"), device, self._base + self._at, xattrs,
        )  # fmt: skip

    def _impossible(
        self, name: str, length: int, size: int, owner: tuple[int, int], device: tuple[int, int]
    ) -> Invalid:
        """Say what about an entry no Linux file system could hold."""
        shown = f"{self._what}: {name[:80]!r}"
        if size < 0:
            return Invalid(f"{shown} has a size of {size} bytes")
        if length > MAX_NAME:
            return Invalid(f"{shown} has a name or link of {length} bytes, and Linux takes {MAX_NAME}")
        if (owner[0] | owner[1]) >> 32:
            return Invalid(f"{shown} belongs to user {owner[0]} and group {owner[1]}, and these end at {(1 << 32) - 1}")
        return Invalid(f"{shown} is a device with the numbers {device}, and these end at {(1 << 21) - 1}")

    def _number(self, block: bytes, start: int, end: int) -> int:
        raw = block[start:end]
        number = self._numbers.get(raw)
        if number is None:
            if raw[0] & 0x80:  # GNU base-256: big-endian, the first bit a mark, the second the sign
                number = int.from_bytes(bytes([raw[0] & 0x7F]) + raw[1:], "big")
                number -= (1 << (8 * len(raw) - 1)) if raw[0] & 0x40 else 0
            else:
                digits = raw.strip(b" \0").split(b"\0")[0].rstrip()
                number = int(digits or b"0", 8) if not digits.strip(b"01234567") else _TOO_MUCH
            if not -_TOO_MUCH < number < _TOO_MUCH:
                raise Invalid(f"{self._what}: a tar header before byte {self._base + self._at} has the number {raw!r}")
            if len(self._numbers) < 4096:  # owners, modes and times repeat; sharing them saves time and memory
                self._numbers[raw] = number
        return number

    def _pax_number(self, records: Mapping[str, bytes], key: str, otherwise: int) -> int:
        raw = records.get(key)
        if not raw:
            return otherwise
        whole, _, fraction = raw.partition(b".")
        number = int(whole) if whole.removeprefix(b"-").isdigit() and len(whole) < 20 else _TOO_MUCH
        number -= raw.startswith(b"-") and bool(fraction.strip(b"0"))  # rounded down, as clocks do before 1970 too
        if not -_TOO_MUCH < number < _TOO_MUCH:
            raise Invalid(f"{self._what}: the PAX record {key}={raw[:40]!r} is not a number")
        return number

    def _parse_pax(self, data: bytes, at: int) -> dict[str, bytes]:
        records: dict[str, bytes] = {}
        data = data.rstrip(b"\0")
        start = 0
        while start < len(data):
            space = data.find(b" ", start, start + 20)
            digits = data[start : max(space, start)]
            end = start + (int(digits) if digits.isdigit() else 0)
            key, _, value = data[space + 1 : end].partition(b"=")
            if not key or b"\0" in key or not value.endswith(b"\n") or end > len(data):
                raise Invalid(f"{self._what}: the extended header at byte {at} is damaged")
            records[key.decode("utf-8", "surrogateescape")] = value[:-1]
            start = end
        return records

    def _skip(self) -> None:
        """Pass over the rest of the current member. Its padding may be missing where the bytes end, as it is after
        `umoci insert`: then the archive ends there too, and Go's archive/tar takes it so."""
        for _ in self.content():
            pass
        while self._unread and (self._at < len(self._buffer) or self._refill()):
            self._unread -= len(self._some(self._unread))
        self._unread = 0

    def _some(self, most: int) -> bytes:
        """At least one and at most `most` bytes."""
        if self._at == len(self._buffer) and not self._refill():
            raise Invalid(
                f"{self._what} ends in the middle of an entry, at byte {self._base}: it is truncated, or no tar"
            )
        piece = self._buffer[self._at : self._at + most]
        self._at += len(piece)
        return piece

    def _exactly(self, size: int, *, at_end_ok: bool = False) -> bytes:
        if len(self._buffer) - self._at >= size:
            self._at += size
            return self._buffer[self._at - size : self._at]
        if at_end_ok and self._at == len(self._buffer) and not self._refill():
            return b""
        pieces = []
        while size:
            pieces.append(self._some(size))
            size -= len(pieces[-1])
        return b"".join(pieces)

    def _refill(self) -> bool:
        self._base += len(self._buffer)
        self._at = 0
        self._buffer = next(self._pieces, b"")
        while not self._buffer and (piece := next(self._pieces, None)) is not None:
            self._buffer = piece
        return bool(self._buffer)
