"""Archives as real builders write them, odd ones included: each is accepted, and its files are what they should be.

Nothing here was written by imagelab: the bytes come from Python's tarfile, gzip and zstandard (`archives`), in the
shapes of docker 1.10 to 29, podman, kaniko, BuildKit, AUFS, GNU tar, old Unix and `cat a.gz b.gz`.
"""

from __future__ import annotations

import gzip
import io
import struct

import pytest
import zstandard

from imagelab import Lab
from imagelab.image import Image
from unit.archives import (
    FORMATS,
    OCI_LAYER,
    both,
    config,
    descriptor,
    digest,
    docker_archive,
    file,
    folder,
    index,
    manifest,
    named,
    oci_layout,
    packed,
    tar,
    written,
)

BASE = tar(folder("etc"), file("etc/motd", b"hello\n"), file("etc/old", b"old"), folder("var"), file("var/log", b"l"))


def load(lab: Lab, data: bytes) -> Image:
    """Load an archive that holds one image, check everything that was kept, and return it."""
    [loaded] = lab.load(io.BytesIO(data))
    assert lab.verify() == []
    return loaded.image


def files(image: Image) -> dict[str, bytes | str]:
    """The merged file system: each file's bytes, each symlink's target, "dir" for a directory."""
    return {
        path: entry.read() if entry.kind == "file" else entry.link if entry.kind == "symlink" else entry.kind
        for path, entry in image.tree().items()
        if path
    }


def layered(lab: Lab, *layers: bytes) -> dict[str, bytes | str]:
    return files(load(lab, packed(docker_archive(*layers))))


# The archive ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_image(lab, form):
    made = FORMATS[form](BASE)
    image = load(lab, packed(made))
    expected = config(digest(BASE))
    assert image.id == digest(expected) and image.config_bytes == expected
    assert image.diff_ids == (digest(BASE),)
    assert [name.familiar for name in image.names] == ["app:1"]
    assert files(image)["etc/motd"] == b"hello\n"
    if form != "docker 20":
        assert image.manifest_bytes == manifest(expected, [BASE]), "an image's manifest is kept as it came"


def test_a_layout_folder_with_things_that_are_no_business_of_ours(lab, tmp_path):
    """Skopeo, umoci and others leave files of their own in a layout; readers ignore what they do not know."""
    where = written(oci_layout(BASE), tmp_path / "layout")
    (where / ".lock").touch()
    (where / "notes").mkdir()
    (where / "notes" / "readme").write_text("hello")
    [loaded] = lab.load(where)
    assert files(loaded.image)["etc/motd"] == b"hello\n"


def test_a_tag_alone_gets_the_file_s_name(lab, tmp_path):
    """The OCI specification's own ref.name is a tag; `skopeo copy … oci-archive:app.tar:1.0` writes just that."""
    made = oci_layout(BASE)
    outer = manifest(config(digest(BASE)), [BASE])
    ref = {"annotations": {"org.opencontainers.image.ref.name": "1.0"}}
    (tmp_path / "app.tar").write_bytes(packed({**made, "index.json": index(named(outer, None, **ref))}))
    [loaded] = lab.load(tmp_path / "app.tar")
    assert [name.familiar for name in loaded.names] == ["app:1.0"]


def zstd(data: bytes, level: int = 3) -> bytes:
    return zstandard.ZstdCompressor(level=level).compress(data)


SKIPPABLE = struct.pack("<II", 0x184D2A5E, 20) + b"table of contents..."  # zstd:chunked and pzstd write such frames
WRAPPINGS = {
    "gzip": gzip.compress,
    "gzip, several members": lambda data: b"".join(gzip.compress(data[n : n + 700]) for n in range(0, len(data), 700)),
    "gzip, an empty member": lambda data: gzip.compress(b"") + gzip.compress(data) + gzip.compress(b""),
    "gzip, trailing zeros": lambda data: gzip.compress(data) + bytes(1000),
    "gzip, zeros between members": lambda data: gzip.compress(data[:99]) + bytes(7) + gzip.compress(data[99:]),
    "gzip, with a file name": lambda data: named_gzip(data),
    "gzip, not compressed": lambda data: gzip.compress(data, 0),
    "zstd": zstd,
    "zstd -19": lambda data: zstd(data, 19),
    "zstd, several frames": lambda data: b"".join(zstd(data[n : n + 700]) for n in range(0, len(data), 700)),
    "zstd, a skippable frame last": lambda data: zstd(data) + SKIPPABLE,
    "zstd, a skippable frame first": lambda data: SKIPPABLE + zstd(data),
    "zstd, a skippable frame between": lambda data: zstd(data[:99]) + SKIPPABLE + zstd(data[99:]),
}


def named_gzip(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile("layer.tar", "wb", fileobj=buffer, mtime=1) as out:
        out.write(data)
    return buffer.getvalue()


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_compressed_outside(lab, wrapping):
    assert load(lab, WRAPPINGS[wrapping](packed(both(BASE)))).id == digest(config(digest(BASE)))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("form", FORMATS)
def test_compressed_inside(lab, form, wrapping):
    """The blob is kept as it came; the diffID is that of the tar within."""
    layer = WRAPPINGS[wrapping](BASE)
    made = config(digest(BASE))
    kind = OCI_LAYER + ("+gzip" if "gzip" in wrapping else "+zstd")
    outer = {} if form == "docker 20" else {"manifest_bytes": manifest(made, [], layers=[descriptor(layer, kind)])}
    image = load(lab, packed(FORMATS[form](layer, config_bytes=made, **outer)))
    assert image.id == digest(made)
    assert [part.digest for part in image.layers] == [digest(layer)]
    assert image.layers[0].blob().read() == layer and image.layers[0].open().read() == BASE
    assert image.manifest["layers"][0]["mediaType"] == kind
    assert files(image)["etc/motd"] == b"hello\n" and image.layers[0].read("etc/old") == b"old"


def test_compressed_outside_and_inside(lab):
    layer = gzip.compress(BASE)
    image = load(lab, zstd(packed(docker_archive(layer))))
    assert image.layers[0].compressed and files(image)["etc/motd"] == b"hello\n"
