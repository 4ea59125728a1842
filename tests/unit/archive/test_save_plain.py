"""What `save` writes of layers that the store keeps compressed: plain tars for docker, the blobs for everybody else."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile

import pytest
import zstandard

from imagelab import Lab
from imagelab.errors import Invalid
from unit import archives

TAR = archives.tar(archives.file("a", b"a" * 5000), archives.file("b", b"b"))
PACK = {"gzip": gzip.compress, "zstd": zstandard.compress, "xz": lzma.compress, "bzip2": bz2.compress}


def opened(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), errorlevel=2) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive if info.isfile()}


def saved(lab: Lab, *refs: str) -> bytes:
    out = io.BytesIO()
    lab.save(refs, out)
    return out.getvalue()


@pytest.fixture(params=PACK)
def wrapped(request) -> bytes:
    return PACK[request.param](TAR)


def test_plain_tars_for_docker_and_the_blobs_for_the_rest(lab, wrapped):
    """Docker before 23 reads no zstd; and the manifest's own digest must stay true."""
    settings = archives.config(archives.digest(TAR))
    lab.load(io.BytesIO(archives.packed(archives.docker_archive(wrapped, config_bytes=settings))))
    image = lab.image("app:1")
    data = saved(lab, "app:1")
    files = opened(data)
    [item] = json.loads(files["manifest.json"])
    assert [files[path] for path in item["Layers"]] == [TAR]
    [listed] = json.loads(files["index.json"])["manifests"]
    assert listed["digest"] == image.digest and files[archives.blob(image.manifest_bytes)] == image.manifest_bytes
    [layer] = image.manifest["layers"]
    assert archives.digest(files[f"blobs/sha256/{layer['digest'][7:]}"]) == layer["digest"]
    for name, content in files.items():
        assert not name.startswith("blobs/") or archives.blob(content) == name
    other = Lab.temporary()
    [loaded] = other.load(io.BytesIO(data))
    assert (loaded.image.id, loaded.image.digest) == (image.id, image.digest)
    assert loaded.image.layers[0].blob().read() == image.layers[0].blob().read()
    assert saved(other, "app:1") == data, "and the same bytes every time"


def test_nothing_is_written_twice_that_is_plain_already(lab):
    lab.append(None, {"a": b"a" * 5000}, tag="app:1")
    assert len([name for name in opened(saved(lab, "app:1")) if name.startswith("blobs/")]) == 3


def test_a_plain_tar_that_another_image_has(lab):
    """One image has the layer plain, the other compressed: the tar is written once."""
    settings = archives.config(archives.digest(TAR))
    plain = archives.oci_layout(TAR, config_bytes=settings, name="docker.io/library/plain:1")
    packed = archives.oci_layout(gzip.compress(TAR, mtime=0), config_bytes=settings)
    for files in (plain, packed):
        lab.load(io.BytesIO(archives.packed(files)))
    for refs in (["plain:1", "app:1"], ["app:1", "plain:1"]):
        with tarfile.open(fileobj=io.BytesIO(saved(lab, *refs))) as archive:
            names = archive.getnames()
        assert len(names) == len(set(names)) and f"blobs/sha256/{archives.digest(TAR)[7:]}" in names


def test_a_layer_that_expands_to_something_else(lab, tmp_path):
    """A damaged store: what does not match the image's diffID is not written, and no file is left."""
    wrapped = gzip.compress(TAR, mtime=0)
    other = gzip.compress(archives.tar(archives.file("c", b"c")), mtime=0)
    settings = archives.config(archives.digest(TAR))
    lab.load(io.BytesIO(archives.packed(archives.docker_archive(wrapped, config_bytes=settings))))
    lab.store.blobs.path(lab.image("app:1").layers[0].digest).write_bytes(other)
    with pytest.raises(Invalid, match="verify"):
        lab.save("app:1", tmp_path / "out.tar")
    assert list(tmp_path.iterdir()) == []
