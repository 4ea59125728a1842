"""Taking compression off: whole, in small pieces, within limits, and never believing half of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from imagelab.errors import Invalid
from imagelab.filesystem.streams import CHUNK, pieces_of
from imagelab.oci.compression import Allowance, OverLimit, compression_of, expand

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard.compress,
    "zstd with a checksum": lambda data: zstandard.ZstdCompressor(write_checksum=True).compress(data),
    "zstd in a stream": lambda data: (c := zstandard.ZstdCompressor().compressobj()).compress(data) + c.flush(),
}
SKIPPABLE = struct.pack("<II", 0x184D2A50, 3) + b"abc"


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def expanded(data: bytes, size: int = 1000, **limits: int) -> bytes:
    return b"".join(expand(cut(data, size), Allowance(**limits), "x"))


@pytest.mark.parametrize("how", COMPRESS)
@given(data=st.binary(max_size=5000), size=st.sampled_from([1, 2, 5, 6, 7, 100, 1 << 20]))
def test_what_went_in_comes_out(how, data, size):
    assume(how != "nothing" or not compression_of(data))
    assert expanded(COMPRESS[how](data), size) == data


@given(
    st.sampled_from(["gzip", "bzip2", "xz", "zstd", "zstd with a checksum"]),
    st.lists(st.binary(max_size=300), min_size=1),
    st.sampled_from([1, 7, 100_000]), st.booleans(),
)  # fmt: skip
def test_any_number_of_members_or_frames(how, parts, size, padded):
    """Concatenated, as `cat a.gz b.gz`; zstd with skippable frames after each, the others with zeros."""
    between = (SKIPPABLE if "zstd" in how else bytes(4)) if padded else b""
    assert expanded(b"".join(COMPRESS[how](part) + between for part in parts), size) == b"".join(parts)


@pytest.mark.parametrize("how", ["gzip", "bzip2", "xz", "zstd", "zstd with a checksum", "zstd in a stream"])
def test_every_cut_is_noticed(how):
    """At any byte but before the first: nothing is nothing."""
    whole = COMPRESS[how](b"hello " * 50)
    assert expanded(b"") == b""
    for size in range(6, len(whole)):
        with pytest.raises(Invalid, match=r"x: the (gzip|bzip2|xz|zstd) data is truncated"):
            expanded(whole[:size])


@pytest.mark.parametrize("how", ["gzip", "zstd with a checksum"])
@given(st.data())
def test_damage_is_noticed_or_does_no_harm(how, data):
    original = bytes(range(256)) * 8
    made = bytearray(COMPRESS[how](original))
    made[data.draw(st.integers(0, len(made) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert expanded(bytes(made)) == original or not compression_of(bytes(made))
    except Invalid as error:
        assert str(error).startswith("x") and "\n" not in str(error)


@given(
    st.sampled_from([b"\x1f\x8b", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18"]), st.binary(max_size=500)
)
def test_noise_after_a_magic_number(magic, noise):
    try:
        expanded(magic + noise)
    except Invalid as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "head, name",
    [
        (gzip.compress(b""), "gzip"),
        (zstandard.compress(b""), "zstd"),
        (SKIPPABLE, "zstd"),
        (b"\x5f\x2a\x4d\x18", "zstd"),
        (bz2.compress(b""), "bzip2"),
        (lzma.compress(b""), "xz"),
        (b"\x1f", ""),
        (b"", ""),
        (b"{", ""),
        (bytes(512), ""),
        (b"\x60\x2a\x4d\x18", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_compression_is_told_by_the_first_bytes(head, name):
    assert compression_of(head) == name


OTHERS = {"bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("name", OTHERS)
def test_bzip2_and_xz(name):
    """As docker reads them: several streams in a row, padding after them, in pieces of any size."""
    data = bytes(range(256)) * 9000
    pack = OTHERS[name]
    for made in (
        pack(data), pack(data[:99]) + pack(data[99:]), pack(data) + bytes(8), pack(b"") + pack(data) + pack(b""),
        pack(data[:99]) + bytes(4) + pack(data[99:]),
    ):  # fmt: skip
        for size in (1, 5, 1000, 1 << 20) if len(made) < 5000 else (1000, 1 << 20):
            assert expanded(made, size) == data


@pytest.mark.parametrize("name", OTHERS)
def test_damaged_bzip2_and_xz(name):
    made = OTHERS[name](bytes(range(256)) * 40)
    for cut in (8, len(made) // 2, len(made) - 1):
        with pytest.raises(Invalid, match=f"the {name} data is truncated"):
            expanded(made[:cut])
    for wrong in (made + b"garbage, and more of it", made[:40] + bytes(9) + made[49:]):
        with pytest.raises(Invalid, match=f"damaged {name} data"):
            expanded(wrong)


@pytest.mark.parametrize("name", OTHERS)
def test_a_bomb_in_bzip2_and_xz(name):
    """What comes out is counted as it comes, and never more of it in memory than 1 MiB at a time."""
    bomb = OTHERS[name](bytes(64 << 20))
    assert len(bomb) < 20_000
    pieces = expand([bomb], Allowance(10 << 20), "x")
    tracemalloc.start()
    try:
        with pytest.raises(OverLimit, match="more than 10,485,760 bytes"):
            for _ in pieces:
                pass
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_xz_that_takes_too_much_memory():
    """`xz -9` fits; a header may ask for 4 GiB, which would be taken before the first byte comes out."""
    assert expanded(lzma.compress(b"a", preset=9)) == b"a"
    large = lzma.compress(b"a", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}])
    with pytest.raises(Invalid, match="over 100 MiB of memory: recompress"):
        expanded(large)


def test_a_window_that_takes_too_much_memory():
    big = zstandard.ZstdCompressionParameters.from_level(3, window_log=26)
    made = (c := zstandard.ZstdCompressor(compression_params=big).compressobj()).compress(b"a" * 100) + c.flush()
    with pytest.raises(Invalid, match="over 32 MiB of memory: recompress"):
        expanded(made)
    fits = zstandard.ZstdCompressionParameters.from_level(3, window_log=25)
    made = (c := zstandard.ZstdCompressor(compression_params=fits).compressobj()).compress(b"a" * 100) + c.flush()
    assert expanded(made) == b"a" * 100


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_pieces_stay_small(how):
    """A kilobyte that expands to a megabyte, a thousand times: nobody downstream sees more than 1 MiB at once."""
    made = COMPRESS[how](bytes(32 << 20))
    sizes = [len(piece) for piece in expand(cut(made, CHUNK), Allowance(), "x")]
    assert sum(sizes) == 32 << 20 and max(sizes) <= CHUNK


@pytest.mark.parametrize(
    "how, tiny", [("gzip", gzip.compress(b"")), ("zstd", zstandard.compress(b""))], ids=["gzip", "zstd"]
)
def test_many_tiny_members_take_time_in_proportion(how, tiny):
    """Each must not copy all that follows it."""
    made = tiny * 100_000
    started = time.process_time()
    assert expanded(made, CHUNK) == b""
    assert time.process_time() - started < 5


# Limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["gzip", "zstd"])
@pytest.mark.parametrize("size", [1, 1000, 3_000_000])
def test_the_limit_is_exact(how, size):
    made = COMPRESS[how](b"a" * size)
    assert len(expanded(made, limit=size)) == size
    with pytest.raises(OverLimit, match=f"more than {size - 1:,} bytes"):
        expanded(made, limit=size - 1)


def test_the_limit_is_noticed_before_all_is_expanded():
    """A bomb is put out while it is small."""
    made = gzip.compress(bytes(64 << 20))
    out = 0
    with pytest.raises(OverLimit):
        for piece in expand(cut(made, CHUNK), Allowance(limit=2 << 20), "x"):
            out += len(piece)
    assert out <= 2 << 20


def test_what_is_not_compressed_does_not_expand():
    assert expanded(b"a" * 1000, limit=1) == b"a" * 1000


def test_one_limit_for_all_that_an_archive_holds():
    allowance = Allowance(limit=1500)
    assert b"".join(expand([gzip.compress(b"a" * 1000)], allowance, "x")) == b"a" * 1000
    with pytest.raises(OverLimit):
        list(expand([gzip.compress(b"a" * 1000)], allowance, "x"))


@pytest.mark.parametrize("more, cost", [(0, 1), (63, 1), (64, 2), (640, 11)])
def test_long_things_take_more_of_the_allowance(more, cost):
    allowance = Allowance(entries=100 * cost)
    for _ in range(100):
        allowance.take_entry(more)
    with pytest.raises(OverLimit, match=f"more than {100 * cost:,} entries"):
        allowance.take_entry(more)


def test_pieces_of_a_file():
    data = bytes(range(256)) * 5000
    pieces = list(pieces_of(io.BytesIO(data)))
    assert b"".join(pieces) == data and [len(piece) for piece in pieces] == [CHUNK, len(data) - CHUNK]
