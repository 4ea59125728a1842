"""Our tar writer beside docker's bytes and Python's reader; our reader on what others write, and on noise."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab.errors import Invalid, LabError
from imagelab.filesystem.entry import Entry, Kind
from imagelab.oci import tar
from unit import archives
from unit.archives import BLOCK, file, folder, hard_link, member, patched, sealed, symlink

KINDS: dict[bytes, Kind] = {
    b"0": "file", b"2": "symlink", b"3": "char", b"4": "block", b"5": "dir", b"6": "fifo",
}  # fmt: skip
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def read(data: bytes, size: int | None = None) -> list[tuple[tar.Member, bytes]]:
    """All members with their bytes, the tar handed over in pieces of `size`."""
    step = size or max(len(data), 1)
    reader = tar.Reader(data[at : at + step] for at in range(0, len(data), step))
    return [(found, b"".join(reader.content())) for found in reader]


def names(data: bytes) -> list[str]:
    return [found.name for found, _ in read(data)]


# The writer -----------------------------------------------------------------------------------------------------

# What docker's client 28.2.2 sent for `docker cp tree/ container:/`: Go's archive/tar as moby uses it. The tree has
# names around every limit, non-ASCII ones, high owners, times before 1970 and after 2242, links, devices, a capability.
DOCKER = gzip.decompress((Path(__file__).parent / "data" / "docker-28.tar.gz").read_bytes())


def infos() -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(DOCKER)) as archive:
        return archive.getmembers()


def docker_s_entries() -> Iterator[tuple[str, Entry, str | None, bytes]]:
    """Each entry of docker's tar as Python's tarfile understands it, and its header's bytes."""
    for info in infos():
        xattrs = {
            key.removeprefix("SCHILY.xattr."): value.encode("utf-8", "surrogateescape")
            for key, value in info.pax_headers.items()
            if key.startswith("SCHILY.xattr.")
        }
        entry = Entry(
            KINDS.get(info.type, "file"), info.mode, info.uid, info.gid, int(info.mtime), info.size,
            info.linkname if info.issym() else "", (info.devmajor, info.devminor), xattrs,
        )  # fmt: skip
        target = info.linkname if info.islnk() else None
        yield info.name, entry, target, DOCKER[info.offset : info.offset_data]


@pytest.mark.parametrize(
    "name, entry, target, expected", list(docker_s_entries()), ids=lambda v: v[:40] if isinstance(v, str) else ""
)
def test_header_is_docker_s_byte_for_byte(name, entry, target, expected):
    assert tar.header(name, entry, hard_link_to=target) == expected


def test_a_whole_tar_as_docker_packs_it():
    """Packed again, padding and end included."""
    out = b""
    for info in infos():
        out += DOCKER[info.offset : info.offset_data]
        if info.isfile():
            out += DOCKER[info.offset_data : info.offset_data + info.size] + tar.padding(info.size)
    assert out + tar.END == DOCKER


@pytest.mark.parametrize(
    "name, prefix, rest",
    [
        ("a" * 100, b"", b"a" * 100),
        ("p/" + "a" * 100, b"p", b"a" * 100),
        ("p" * 155 + "/" + "a" * 100, b"p" * 155, b"a" * 100),
        ("p" * 60 + "/" + "q" * 60 + "/r", b"p" * 60 + b"/" + b"q" * 60, b"r"),
    ],
)
def test_a_long_name_is_cut_in_two(name, prefix, rest):
    """At the last '/' that leaves a prefix of at most 155 bytes and a name of at most 100."""
    header = tar.header(name, Entry.file(b""))
    assert len(header) == BLOCK
    assert (header[345:500].rstrip(b"\0"), header[:100].rstrip(b"\0")) == (prefix, rest)
    assert names(header + tar.END) == [name]


@pytest.mark.parametrize(
    "name", ["a" * 101, "p/" + "a" * 101, "p" * 156 + "/a", "p" * 150 + "/" + "q" * 101, "é", "é/" + "a" * 120]
)
def test_a_name_that_cannot_be_cut_gets_a_record(name):
    header = tar.header(name, Entry.file(b""))
    assert len(header) == 3 * BLOCK and header[156:157] == b"x"
    assert names(header + tar.END) == [name]


def test_no_time_is_later_than_the_clamp():
    for when, expected in ((5, 5), (100, 100), (101, 100), (8**11, 100)):
        [(found, _)] = read(tar.header("a", Entry("file", mtime=when), clamp=100) + tar.END)
        assert found.mtime == expected


def test_a_name_that_is_not_unicode_is_refused():
    with pytest.raises(Invalid, match="not Unicode"):
        tar.header("\ud800", Entry.file(b""))


SEGMENTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40)
NAMES = st.lists(SEGMENTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=8).map("/".join)
OWNERS = st.one_of(st.integers(0, 8**7), st.integers(0, 2**32 - 1))
TIMES = st.one_of(st.integers(0, 2**33), st.integers(-(2**40), 2**40))
MODES = st.integers(0, 0o7777)
TARGETS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=200)
XATTRS = st.dictionaries(st.from_regex(r"user\.[a-z.]{1,20}", fullmatch=True), st.binary(max_size=60), max_size=3)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Entry, bytes]:
    kind: Kind = draw(st.sampled_from(list(KINDS.values())))
    data = draw(st.binary(max_size=1100)) if kind == "file" else b""
    entry = Entry(
        kind, draw(MODES), draw(OWNERS), draw(OWNERS), draw(TIMES), len(data),
        draw(TARGETS) if kind == "symlink" else "",
        (draw(st.integers(0, 4095)), draw(st.integers(0, 2**20 - 1))) if kind in ("char", "block") else (0, 0),
        draw(XATTRS), (lambda: iter((data,))) if data else None,
    )  # fmt: skip
    return entry, data


WRITTEN = st.lists(st.tuples(NAMES, entries()), max_size=4)


def write(items: list[tuple[str, tuple[Entry, bytes]]]) -> bytes:
    return b"".join(tar.header(n, e) + data + tar.padding(len(data)) for n, (e, data) in items) + tar.END


@given(WRITTEN)
def test_tarfile_reads_what_we_write(items):
    with tarfile.open(fileobj=io.BytesIO(write(items)), errorlevel=2) as archive:
        found = list(archive)
        assert [info.name for info in found] == [name for name, _ in items]
        for info, (_, (entry, data)) in zip(found, items, strict=True):
            assert KINDS[info.type] == entry.kind
            assert (info.mode, info.uid, info.gid, info.mtime) == (entry.mode, entry.uid, entry.gid, entry.mtime)
            assert info.linkname == entry.link and info.size == entry.size
            assert (info.devmajor, info.devminor) == entry.device
            if entry.kind == "file":
                assert archive.extractfile(info).read() == data
            assert (info.uname, info.gname) == ("", "")


@given(WRITTEN, st.sampled_from([None, 1, 511, 512, 513, 700]))
def test_we_read_what_we_write(items, size):
    found = read(write(items), size)
    for (info, content), (name, (entry, data)) in zip(found, items, strict=True):
        again = Entry(
            info.kind, info.mode, info.uid, info.gid, info.mtime, info.size, info.link, info.device, info.xattrs
        )
        assert again == entry and content == data
        assert info.name == name + "/" * (entry.kind == "dir")


# The reader, on what others write -------------------------------------------------------------------------------


@given(
    st.sampled_from(list(FORMATS)), NAMES, MODES, st.integers(0, 8**7 - 1), st.integers(0, 2**33 - 1), TARGETS,
    st.binary(max_size=1100),
)  # fmt: skip
def test_we_read_what_tarfile_writes(form, name, mode, owner, when, target, data):
    common = {"mode": mode, "uid": owner, "gid": owner, "mtime": when}
    written = [file(name, data, **common), symlink(name, target, **common), folder(name, **common)]
    try:
        made = archives.tar(*written, format=FORMATS[form])
    except ValueError:
        assert form == "ustar"  # its names have a limit
        return
    found = read(made)
    assert [info.name for info, _ in found] == [name, name, name + "/"]
    assert [info.kind for info, _ in found] == ["file", "symlink", "dir"]
    assert all((info.mode, info.uid, info.gid, info.mtime) == (mode, owner, owner, when) for info, _ in found)
    assert found[0][1] == data and found[1][0].link == target
    assert made[found[0][0].offset :][: len(data)] == data


def test_gnu_long_names_and_links():
    name, target = "n" * 300, "t" * 300
    made = archives.tar(file(name), symlink("s", target), hard_link("h", name), format=tarfile.GNU_FORMAT)
    assert b"././@LongLink" in made
    found = [info for info, _ in read(made)]
    assert [info.name for info in found] == [name, "s", "h"]
    assert [info.link for info in found] == ["", target, name]
    assert [info.kind for info in found] == ["file", "symlink", None]


def test_gnu_base_256_numbers():
    made = archives.tar(file("a", uid=2**31, gid=2**25, mtime=-5), format=tarfile.GNU_FORMAT)
    assert made[108] == 0x80 and made[136] == 0xFF
    [(info, _)] = read(made)
    assert (info.uid, info.gid, info.mtime) == (2**31, 2**25, -5)


def test_a_base_256_size():
    size = 70_000
    made = patched(archives.tar(file("a", b"x" * size)), 124, b"\x80" + size.to_bytes(11, "big"))
    assert read(made)[0][1] == b"x" * size


def test_tars_from_before_ustar():
    """V7: no magic, no type for files and directories, numbers ended by a space and padded with spaces."""
    header = struct.pack("100s8s8s8s12s12s8s1s100s255x", b"bin/", b"   755 \0", b"     3 \0", b"     3 \0",
                         b"          0 ", b"  2342351563", b"", b"\0", b"")  # fmt: skip
    plain = struct.pack("100s8s8s8s12s12s8s1s100s255x", b"bin/sh", b"   644 \0", b"     3 \0", b"     3 \0",
                        b"          4 ", b"  2342351563", b"", b"\0", b"")  # fmt: skip
    found = read(sealed(header) + sealed(plain) + b"data" + bytes(508) + bytes(1024))
    assert [(info.name, info.kind, info.mode, info.uid, info.mtime) for info, _ in found] == [
        ("bin/", "dir", 0o755, 3, 0o2342351563),
        ("bin/sh", "file", 0o644, 3, 0o2342351563),
    ]
    assert found[1][1] == b"data"


def test_checksums_of_signed_bytes():
    """Sun's tar summed chars that had a sign; names outside ASCII told the difference."""
    made = bytearray(archives.tar(file("é" * 10, b""), format=tarfile.GNU_FORMAT))
    rest = made[:148] + b" " * 8 + made[156:512]
    made[148:156] = b"%06o\0 " % sum(c - 256 if c > 127 else c for c in rest)
    assert names(bytes(made)) == ["é" * 10]


def test_pax_records_win_over_the_header():
    records = {"path": "p" * 300, "uid": "4000000000", "gid": "3", "mtime": "1700000000.75", "size": "4"}
    made = archives.tar(file("short", b"data", pax_headers=records))
    [(info, content)] = read(made)
    assert (info.name, info.uid, info.gid, info.mtime) == ("p" * 300, 4_000_000_000, 3, 1_700_000_000)
    assert content == b"data"


@pytest.mark.parametrize(
    "text, seconds", [("1.5", 1), ("-1.5", -2), ("-1.0", -1), ("-5", -5), ("-0.5", -1), ("0", 0), ("12.", 12)]
)
def test_fractions_of_a_second_are_rounded_down(text, seconds):
    assert read(archives.tar(file("a", mtime=9, pax_headers={"mtime": text})))[0][0].mtime == seconds


def test_records_for_the_whole_archive_are_passed_over():
    """As docker does; `git archive` writes the commit's ID there."""
    made = archives.tar(file("a"), file("b"), pax_headers={"comment": "c" * 40, "uid": "77", "path": "all"})
    assert made[156:157] == b"g"
    assert [(info.name, info.uid) for info, _ in read(made)] == [("a", 0), ("b", 0)]


def test_the_last_of_several_extended_headers_counts():
    first = archives.tar(file("a", pax_headers={"SCHILY.xattr.user.one": "1", "uid": "5"}))[:1024]
    second = archives.tar(file("b", pax_headers={"SCHILY.xattr.user.two": "2"}))
    [(info, _)] = read(first + second)
    assert (info.name, info.uid, dict(info.xattrs)) == ("b", 0, {"user.two": b"2"})


def test_bytes_that_are_no_utf_8_are_kept():
    made = archives.tar(file("b\udcff"), errors="surrogateescape", encoding="utf-8", format=tarfile.GNU_FORMAT)
    assert made[:2] == b"b\xff" and names(made) == ["b\udcff"]


@pytest.mark.parametrize("end", [b"", bytes(512), bytes(1024), bytes(10240), bytes(1024) + b"anything at all"])
def test_ends_that_tars_have(end):
    made = file("a", b"")[0].tobuf(tarfile.USTAR_FORMAT)
    assert names(made + end) == ["a"]


def test_an_empty_tar():
    assert read(b"") == read(bytes(512)) == read(bytes(1024)) == read(bytes(10240)) == []


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_it_does_not_matter_how_the_stream_is_cut(form):
    made = archives.tar(file("a", b"x" * 1500), file("n" * 99 + "/" + "n" * 99, b"y"), folder("d"), format=form)
    whole = read(made)
    for size in (1, 100, 511, 512, 513, 1024, 5000):
        assert read(made, size) == whole


def test_content_that_is_not_asked_for_is_passed_over():
    reader = tar.Reader([archives.tar(file("a", b"x" * 5000), file("b", b"y" * 5000), file("c", b"z"))])
    for info in reader:
        if info.name == "b":
            assert next(reader.content())  # a part of it
    assert info.name == "c"


# The reader, on what nobody should write ------------------------------------------------------------------------

PLAIN = archives.tar(file("a", b"data"))
LONG = archives.tar(file("é", b"data"))  # an extended header comes first
DEVICE = archives.tar(member("null", tarfile.CHRTYPE, devmajor=1, devminor=3))


def pax(records: bytes) -> bytes:
    """A tar whose first entry has these extended records."""
    made = member("x", b"x", records)[0].tobuf(tarfile.USTAR_FORMAT)
    return made + records + bytes(-len(records) % BLOCK) + PLAIN


def record(key: str, value: str) -> bytes:
    """One well-formed PAX record."""
    body = f" {key}={value}\n".encode()
    size = next(n for n in range(len(body), len(body) + 9) if n == len(body) + len(str(n)))
    return b"%d" % size + body


BAD = {
    "text": (b"<html>" * 200, "no tar header at byte 0"),
    "a wrong checksum": (b"b" + PLAIN[1:], "no tar header at byte 0"),
    "a wrong checksum later": (PLAIN[:1024] + b"x" * 512, "no tar header at byte 1024"),
    "cut in the header": (PLAIN[:300], "truncated"),
    "cut in the content": (PLAIN[:514], "truncated"),
    "cut in an extended header": (LONG[:516], "truncated"),
    "cut after an extended header": (LONG[:1100], "truncated"),
    "a lone zero block": (PLAIN[:1024] + bytes(512) + PLAIN, "there is more"),
    "a size that is no number": (patched(PLAIN, 124, b"xxxxxxxxxxx\0"), "has the number"),
    "a size with a sign": (patched(PLAIN, 124, b"-0000000004\0"), "has the number"),
    "a size with an underscore": (patched(PLAIN, 124, b"000000_0004\0"), "has the number"),
    "a size in Python's octal": (patched(PLAIN, 124, b"0o00000004\0"), "has the number"),
    "a size below zero": (patched(PLAIN, 124, b"\xff" * 12), "size of -1"),
    "a size beyond 63 bits": (patched(PLAIN, 124, b"\x80\xff" + b"\0" * 10), "has the number"),
    "a size beyond the end": (patched(PLAIN, 124, b"77777777777\0"), "truncated"),
    "a huge size": (patched(PLAIN, 124, b"\x80\0\0\0\x7f" + b"\xff" * 7), "truncated"),
    "an extended header below zero": (patched(LONG, 124, b"\xff" * 10 + b"\xfe\0"), "has -512 bytes"),
    "an extended header of 1 GiB": (patched(LONG, 124, b"10000000000\0"), "not 0 to 1048576"),
    "an owner beyond 32 bits": (patched(PLAIN, 108, b"\x80\0\0\1\0\0\0\0"), "user 4294967296"),
    "an owner below zero": (patched(PLAIN, 116, b"\xff" * 8), "group -1"),
    "a device beyond Linux": (patched(DEVICE, 329, b"\x80\0\0\0\1\0\0\0"), "device"),
    "a sparse file": (patched(PLAIN, 156, b"S"), "sparse"),
    "a sparse file in PAX": (pax(record("GNU.sparse.major", "1")), "sparse"),
    "an unknown type": (patched(PLAIN, 156, b"V"), "unknown type"),
    "a name beyond Linux": (archives.tar(file("n" * 5000)), "5000 bytes"),
    "a link beyond Linux": (archives.tar(symlink("a", "n" * 5000)), "5000 bytes"),
    "a PAX record without '='": (pax(b"6 abc\n"), "extended header at byte 0 is damaged"),
    "a PAX record without an end": (pax(b"6 a=b "), "damaged"),
    "a PAX record too long": (pax(b"60 a=b\n"), "damaged"),
    "a PAX record of no length": (pax(b"0 a=b\n"), "damaged"),
    "a PAX record below zero": (pax(b"-6 a=b\n"), "damaged"),
    "a PAX record shorter than its length": (pax(b"1 a=b\n"), "damaged"),
    "a PAX record without a length": (pax(b"a=b\n"), "damaged"),
    "a PAX record with a huge length": (pax(b"9" * 5000 + b" a=b\n"), "damaged"),
    "a PAX record without a key": (pax(record("", "b")), "damaged"),
    "a PAX key with NUL": (pax(record("SCHILY.xattr.user.\0", "b")), "damaged"),
    "a PAX size that is no number": (pax(record("size", "four")), "is not a number"),
    "a PAX size with two signs": (pax(record("size", "--4")), "is not a number"),
    "a PAX size below zero": (pax(record("size", "-1")), "size of -1"),
    "a PAX number of a thousand digits": (pax(record("mtime", "9" * 1000)), "is not a number"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", BAD)
def test_bad(wrong):
    data, phrase = BAD[wrong]
    for size in (None, 512, 700):
        with pytest.raises(Invalid) as caught:
            read(data, size)
        assert phrase in str(caught.value)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_records_are_read_in_one_go():
    """A header of 1 MiB may hold a hundred thousand records: reading each must not copy the rest."""
    records = b"".join(b"9 %04x=\n" % number for number in range(100_000))
    started = time.process_time()
    with pytest.raises(Invalid, match="damaged"):
        read(pax(records + b"!"))
    assert time.process_time() - started < 3


@given(st.binary(max_size=3000))
def test_noise_is_invalid_or_nothing(data):
    with_seal = sealed(data[:BLOCK]) + data[BLOCK:] if len(data) >= BLOCK else data
    for noise in (data, with_seal):
        try:
            read(noise)
        except Invalid as error:
            assert "\n" not in str(error)


MIXED = archives.tar(
    file("a", b"data"), file("é" * 60, b"more" * 200), folder("d"), symlink("s", "t" * 120), hard_link("h", "a"),
    member("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
)  # fmt: skip


@given(st.data(), st.booleans(), st.sampled_from(list(FORMATS.values())))
def test_damaged_headers_are_invalid_or_read(draw, resealed, form):
    """Any bytes changed anywhere, with and without the checksum being made right again."""
    made = bytearray(MIXED)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(MIXED) - 10240 + 512))
        made[at : at + 4] = draw.draw(st.binary(min_size=4, max_size=4))
        if resealed:
            block = at // BLOCK * BLOCK
            made[block : block + BLOCK] = sealed(bytes(made[block : block + BLOCK]))
    try:
        read(bytes(made))
    except LabError as error:
        assert isinstance(error, Invalid) and "\n" not in str(error)
