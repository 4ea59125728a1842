"""How much memory a load takes, measured in a process of its own: under 300 MB, whatever the archive expands to.

The peak is the kernel's own count for the process (VmHWM; `getrusage` would also count the parent it was forked
from), of everything: Python, imagelab and all they hold.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import zstandard

from imagelab.oci.compression import MAX_ENTRIES
from unit import archives
from unit.archives import BLOCK, config, digest, docker_archive, dump, file, packed

MOST = 300_000_000
GIB = 1 << 30

LOAD = """
import json, sys
from imagelab import Lab
from imagelab.errors import LabError
lab = Lab(sys.argv[1], epoch=0)
try:
    said = [len(loaded.image.layers) for loaded in lab.load(sys.argv[2])]
except LabError as error:
    said = str(error)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps([said, int(peak.split()[1]) * 1024]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's count of peak memory"),
]


def loaded(archive: Path) -> tuple[str | list[int], int]:
    """What came of loading it (the error, or how many layers each image has), and the peak in bytes."""
    command = [sys.executable, "-c", LOAD, str(archive.parent / "home"), str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said, peak = json.loads(done.stdout)
    return said, peak


# What expands ---------------------------------------------------------------------------------------------------


def header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT)


def zeros(size: int) -> Iterator[bytes]:
    piece = bytes(1 << 20)
    return (piece for _ in range(size >> 20))


def diff_id(head: bytes, size: int) -> str:
    """The digest of a layer with one file of zeros."""
    hasher = hashlib.sha256(head)
    for piece in zeros(size):
        hasher.update(piece)
    hasher.update(bytes(1024))
    return "sha256:" + hasher.hexdigest()


def bomb(head: bytes, size: int, compress: Callable[[bytes], bytes]) -> bytes:
    """`head`, many zeros and an end, in compressed parts that may follow each other; a thousandth of the size."""
    return compress(head) + compress(bytes(64 << 20)) * (size >> 26) + compress(bytes(1024))


def zstd(data: bytes) -> bytes:
    """With the largest window that is read."""
    wide = zstandard.ZstdCompressionParameters.from_level(1, window_log=25)
    compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    return compressor.compress(data) + compressor.flush()


def test_a_gzip_layer_of_two_gigabytes(tmp_path):
    head = header("zeros", 2 * GIB)
    layer = bomb(head, 2 * GIB, gzip.compress)
    assert len(layer) < 3 << 20
    (tmp_path / "a.tar").write_bytes(packed(docker_archive(layer, config_bytes=config(diff_id(head, 2 * GIB)))))
    said, peak = loaded(tmp_path / "a.tar")
    assert said == [1] and peak < MOST / 3


def test_zstd_in_zstd(tmp_path):
    """Both with a window of 32 MiB; a kilobyte of it gives megabytes."""
    head = header("zeros", GIB // 4)
    layer = bomb(head, GIB // 4, zstd)
    inner = packed(docker_archive(layer, config_bytes=config(diff_id(head, GIB // 4))))
    junk = bomb(header("junk", GIB // 2), GIB // 2, zstd)  # its end is cut off: the archive goes on
    junk = junk[: -len(zstd(bytes(1024)))]
    (tmp_path / "a.tar.zst").write_bytes(junk + zstd(inner))
    said, peak = loaded(tmp_path / "a.tar.zst")
    assert said == [1] and peak < MOST / 1.5


def test_a_bomb_is_put_out(tmp_path):
    """100 GiB from 100 MB or less is over the default limit, and is noticed while little of it has been written."""
    layer = bomb(header("zeros", 100 * GIB), 40 * GIB, gzip.compress)
    files = docker_archive(layer, config_bytes=config(digest(b"whatever")))
    (tmp_path / "a.tar").write_bytes(packed(files))
    command = LOAD.replace("lab.load(sys.argv[2])", "lab.load(sys.argv[2], limit=1 << 27)")
    arguments = [str(tmp_path / "home"), str(tmp_path / "a.tar")]
    done = subprocess.run([sys.executable, "-c", command, *arguments], capture_output=True, text=True, timeout=300)
    said, peak = json.loads(done.stdout)
    assert "more than 134,217,728 bytes" in said and peak < MOST / 3


# What has to be remembered --------------------------------------------------------------------------------------


def entry(name: bytes, kind: bytes, number: int, link: bytes = b"") -> bytes:
    """A header whose every number is one that no other entry has; quicker than tarfile."""
    block = struct.pack(
        "100s8s8s8s12s12s8s1s100s8s247x", name, b"%07o" % (number % 4096), b"%07o" % (number % 2**21),
        b"%07o" % (2**20 + number % 2**20), b"%011o" % 0, b"%011o" % (10**9 + number), b" " * 8, kind, link,
        b"ustar\00000",
    )  # fmt: skip
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def layer_of(headers: Iterable[bytes]) -> tuple[bytes, str]:
    """A compressed layer and its diffID."""
    data = b"".join(headers) + bytes(1024)
    return gzip.compress(data, 1), digest(data)


def costly(count: int) -> Iterator[bytes]:
    """Directories with one link in each: of all shapes, the one that takes most for what it counts."""
    for number in range(0, count, 2):
        name = b"%07d" % number + b"x" * 44
        yield entry(name + b"/", b"5", number)
        yield entry(name + b"/a", b"2", number + 1, b"%07d" % number)


def test_as_many_entries_as_allowed(tmp_path):
    """And a second layer, for which all is held twice."""
    layer, first = layer_of(costly(MAX_ENTRIES - 1000))
    second = archives.tar(file("a"))
    (tmp_path / "a.tar").write_bytes(packed(docker_archive(layer, second, config_bytes=config(first, digest(second)))))
    said, peak = loaded(tmp_path / "a.tar")
    assert said == [2] and peak < MOST


SHAPES: dict[str, Callable[[int], Iterator[bytes]]] = {
    "files": lambda count: (entry(b"usr/lib/%d/%d" % (n // 20, n), b"0", n) for n in range(count)),
    "directories": lambda count: (entry(b"%d/" % n, b"5", n) for n in range(count)),
    "directories nobody described": lambda count: (entry(b"%d/a/b/c/d" % n, b"0", n) for n in range(count // 5)),
    "long names": lambda count: (entry(b"%d" % n + b"n" * 90, b"0", n) for n in range(count // 2)),
    "long links": lambda count: (entry(b"%d" % n, b"2", n, b"t" * 100) for n in range(count // 2)),
    "whiteouts": lambda count: (entry(b".wh.%d" % n, b"0", n) for n in range(count)),
    "opaque whiteouts": lambda count: (entry(b"%d/.wh..wh..opq" % n, b"0", n) for n in range(count // 2)),
    "hard links to another layer": lambda count: (entry(b"%d" % n, b"1", n, b"a") for n in range(count)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_memory_is_in_proportion_to_what_is_counted(tmp_path, shape):
    """A tenth of the allowance takes a tenth of the memory, for every kind of entry."""
    layer, second = layer_of(SHAPES[shape](MAX_ENTRIES // 10))
    first = archives.tar(file("a"))
    (tmp_path / "a.tar").write_bytes(packed(docker_archive(first, layer, config_bytes=config(digest(first), second))))
    (tmp_path / "b.tar").write_bytes(packed(docker_archive(first)))
    said, peak = loaded(tmp_path / "a.tar")
    _, least = loaded(tmp_path / "b.tar")
    assert said == [2] and (peak - least) * 10 < MOST - least


@pytest.mark.parametrize("count", [2000])
def test_files_of_an_archive(tmp_path, count):
    """Each is staged, whatever it is; a hundredth of the allowance takes a hundredth of the memory."""
    made = docker_archive(archives.tar(file("a")))
    (tmp_path / "a.tar").write_bytes(packed({**{f"junk{number}": b"" for number in range(count)}, **made}))
    (tmp_path / "b.tar").write_bytes(packed(made))
    said, peak = loaded(tmp_path / "a.tar")
    _, least = loaded(tmp_path / "b.tar")
    assert said == [1] and (peak - least) * (MAX_ENTRIES / 8 / count) < MOST - least


def test_attributes(tmp_path):
    """400 MB of them in 1.5 MB of gzip."""
    many = archives.tar(*(file(str(n), b"", pax_headers={"SCHILY.xattr.user.x": "v" * 10**6}) for n in range(40)))
    layer = gzip.compress(many[:-10240], 1) * 10 + gzip.compress(bytes(1024))
    (tmp_path / "a.tar").write_bytes(packed(docker_archive(layer, config_bytes=config(digest(b"")))))
    said, peak = loaded(tmp_path / "a.tar")
    assert "entries" in said and peak < MOST / 2


JSONS = {
    "objects": b"{},",
    "lists": b"[],",
    "objects with something in them": b'{"a":1},',
    "lists in lists": b"[[[[]]]],",
    "texts": b'"abc",',
    "one text": b"x",
}


def images_with(path: Path, filling: bytes, count: int) -> None:
    """A docker-archive of images whose configs hold this beside what they must."""
    layer = archives.tar(file("a"))
    files = {"l.tar": layer}
    for number in range(count):
        files[f"{number}.json"] = config(digest(layer)).rstrip()[:-1] + b',"n":%d,"x":%s}' % (number, filling)
    contents = [{"Config": f"{number}.json", "Layers": ["l.tar"]} for number in range(count)]
    path.write_bytes(packed({**files, "manifest.json": dump(contents)}))


@pytest.mark.parametrize("what, count", [*((what, 1) for what in JSONS), ("objects", 5), ("one text", 5)])
def test_as_much_json_as_allowed(tmp_path, what, count):
    """In one config or in several; it is read more than once, and what comes of it is kept."""
    junk = JSONS[what]
    cost = len(junk) + 16 * sum(junk.count(sign) for sign in b",[{")
    filling = junk * min(int(0.95 * 64 * MAX_ENTRIES / cost / count), 4_000_000 // len(junk))
    images_with(tmp_path / "a.tar", b'"' + filling + b'"' if what == "one text" else b"[" + filling[:-1] + b"]", count)
    said, peak = loaded(tmp_path / "a.tar")
    assert said == [1] * count and peak < MOST


@pytest.mark.parametrize("what", ["objects", "one text"])
def test_more_json_than_allowed(tmp_path, what):
    junk = JSONS[what]
    filling = junk * (3_900_000 // len(junk))
    images_with(tmp_path / "a.tar", b'"' + filling + b'"' if what == "one text" else b"[" + filling[:-1] + b"]", 6)
    said, peak = loaded(tmp_path / "a.tar")
    assert "entries" in said and peak < MOST


def test_one_config_for_a_hundred_thousand_images(tmp_path):
    """3.9 MB of config, named again and again by 3 MB of manifest.json."""
    layer = archives.tar(file("a"))
    made = config(digest(layer)).rstrip()[:-1] + b',"x":"' + b"x" * 3_900_000 + b'"}'
    contents = b"[" + b",".join([b'{"Config":"c","Layers":["l"]}'] * 100_000) + b"]"
    (tmp_path / "a.tar").write_bytes(packed({"c": made, "l": layer, "manifest.json": contents}))
    said, peak = loaded(tmp_path / "a.tar")
    assert "entries" in said and peak < MOST


def test_blocks_are_512_bytes():
    assert len(entry(b"a", b"0", 1)) == BLOCK
