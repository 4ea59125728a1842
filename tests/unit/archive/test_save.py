"""What `save` writes: one tar that Python reads as both formats, the same bytes every time, whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagelab import Lab
from imagelab.archive.save import whole_file
from imagelab.errors import Invalid, LabError, NotFound
from imagelab.filesystem.tree import Changes, Tree
from imagelab.host.space import NoSpace
from imagelab.oci.image import Image
from unit import archives
from unit.trees import trees


def saved(lab: Lab, *refs: str | Image) -> bytes:
    out = io.BytesIO()
    lab.save(refs, out)
    return out.getvalue()


def opened(data: bytes) -> dict[str, bytes]:
    """The files of an archive, as Python's tarfile reads them."""
    with tarfile.open(fileobj=io.BytesIO(data), errorlevel=2) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive if info.isfile()}


@pytest.fixture
def app(lab: Lab) -> Image:
    """Two layers, two tags."""
    base = lab.append(None, {"etc/motd": b"hello\n"}, tag="base:1")
    image = lab.append(base, {"app.py": b"print()\n", "etc/motd": None}, tag="app:1")
    lab.tag(image, "app:latest")
    return image


# The tar --------------------------------------------------------------------------------------------------------


def test_it_is_a_plain_tar(lab, app):
    """Directories, then blobs by digest, then the tables; no time, no owner, and the two zero blocks at the end."""
    data = saved(lab, "app:1")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        infos = archive.getmembers()
    digests = sorted(d.hex for d in (app.id, app.digest, *(layer.digest for layer in app.layers)))
    assert [info.name for info in infos] == [
        "blobs", "blobs/sha256", *(f"blobs/sha256/{name}" for name in digests), "index.json", "manifest.json",
        "oci-layout",
    ]  # fmt: skip
    for info in infos:
        assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")
        assert info.mode == (0o755 if info.isdir() else 0o644)
    assert data == archives.tight(data) and data.endswith(bytes(1024))


def test_every_blob_is_what_its_name_says(lab, app):
    for name, data in opened(saved(lab, "app:1")).items():
        if name.startswith("blobs/"):
            assert archives.blob(data) == name


def test_both_tables_lead_to_the_same_image(lab, app):
    files = opened(saved(lab, "app:1"))
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    [contents] = json.loads(files["manifest.json"])
    assert contents["RepoTags"] == ["app:1"], "docker's familiar name, as docker writes it"
    assert files[contents["Config"]] == app.config_bytes
    assert [archives.digest(files[path]) for path in contents["Layers"]] == list(app.diff_ids)
    [descriptor] = json.loads(files["index.json"])["manifests"]
    assert descriptor == archives.named(app.manifest_bytes, "docker.io/library/app:1")
    assert files[archives.blob(app.manifest_bytes)] == app.manifest_bytes


def test_the_same_bytes_every_time(lab, app):
    assert saved(lab, "app:1", "base:1") == saved(lab, "app:1", "base:1")


def test_the_same_bytes_from_another_store(lab, app, tmp_path):
    """Whatever the clock, the store's place, the names' history and the other images."""
    data = saved(lab, "app:1", "base:1")
    other = Lab(tmp_path / "elsewhere")
    other.append(None, {"x": b"y"}, tag="app:1")
    other.load(io.BytesIO(data))
    other.tag("app:1", "more:1")
    assert saved(other, "app:1", "base:1") == data


def test_the_tree_survives(lab, app):
    before = app.tree()
    [loaded] = Lab.temporary().load(io.BytesIO(saved(lab, "app:1")))
    assert loaded.image.tree() == before and loaded.image.id == app.id and loaded.image.digest == app.digest


@settings(max_examples=25)
@given(st.lists(trees(), min_size=1, max_size=3))
def test_any_tree_survives(wanted):
    """Save ∘ load is identity, layer by layer."""
    lab = Lab.temporary(epoch=2**40)
    image, before = lab.scratch, Tree()
    for tree in wanted:
        image = image.stack(lab.store.pack(Tree.diff(before, tree)))
        before = tree
    [loaded] = Lab.temporary().load(io.BytesIO(saved(lab, image)))
    assert loaded.image.tree() == wanted[-1]
    assert loaded.image.id == image.id and loaded.image.diff_ids == image.diff_ids


def test_foreign_bytes_go_back_as_they_came(lab):
    """docker's media types, compressed layers, unknown keys, odd spacing: all has a part in the digests."""
    layer = gzip.compress(archives.tar(archives.file("a")), 1)
    made = archives.config(archives.digest(gzip.decompress(layer)), unknown={"x": [1.50, None]})
    outer = archives.manifest(
        made, [], mediaType=archives.DOCKER_MANIFEST, config=archives.descriptor(made, archives.DOCKER_CONFIG),
        layers=[archives.descriptor(layer, archives.DOCKER_LAYER)],
    )  # fmt: skip
    files = archives.oci_layout(layer, config_bytes=made, manifest_bytes=outer)
    lab.load(io.BytesIO(archives.packed(files)))
    again = opened(saved(lab, "app:1"))
    for data in (layer, made, outer):
        assert again[archives.blob(data)] == data
    [descriptor] = json.loads(again["index.json"])["manifests"]
    assert descriptor["mediaType"] == archives.DOCKER_MANIFEST


# What is saved under which name ---------------------------------------------------------------------------------


def tables(data: bytes) -> tuple[list[list[str] | None], list[str | None]]:
    """The names in manifest.json, and those in index.json."""
    files = opened(data)
    return (
        [item["RepoTags"] for item in json.loads(files["manifest.json"])],
        [(d.get("annotations") or {}).get("io.containerd.image.name")
         for d in json.loads(files["index.json"])["manifests"]],
    )  # fmt: skip


APP, LATEST, BASE = (f"docker.io/library/{name}" for name in ("app:1", "app:latest", "base:1"))
SHORT, SHORT_LATEST, SHORT_BASE = "app:1", "app:latest", "base:1"  # RepoTags are familiar names, annotations whole ones


@pytest.mark.parametrize(
    "refs, contents, index",
    [
        (["app:1"], [[SHORT]], [APP]),
        (["docker.io/library/app:1"], [[SHORT]], [APP]),
        (["app:1", "app:latest"], [[SHORT, SHORT_LATEST]], [APP, LATEST]),
        (["app:1", "app:1"], [[SHORT]], [APP]),
        (["app"], [[SHORT, SHORT_LATEST]], [APP, LATEST]),
        (["base:1", "app:1"], [[SHORT_BASE], [SHORT]], [BASE, APP]),
        (["app:1", "base:1", "app:latest"], [[SHORT, SHORT_LATEST], [SHORT_BASE]], [APP, LATEST, BASE]),
    ],
)
def test_names(lab, app, refs, contents, index):
    assert tables(saved(lab, *refs)) == (contents, index)


def test_by_id(lab, app):
    """No name is asked for, and none is written; with a name beside it, that one is."""
    for ref in (app.id, app.id.hex, app.id.short):
        assert tables(saved(lab, ref)) == ([None], [None])
    assert tables(saved(lab, app.id.short, "app:1")) == ([[SHORT]], [APP])


def test_by_name_and_digest(lab, app):
    assert tables(saved(lab, f"app@{app.digest}")) == ([None], [None])


def test_an_image_object_brings_its_names(lab, app):
    assert tables(saved(lab, app)) == ([[SHORT, SHORT_LATEST]], [APP, LATEST])


def test_a_shared_layer_is_written_once(lab, app):
    with tarfile.open(fileobj=io.BytesIO(saved(lab, "app:1", "base:1"))) as archive:
        names = archive.getnames()
    assert len(names) == len(set(names)) == 2 + 2 * 2 + 2 + 3


def test_a_layer_used_twice_is_written_once_and_listed_twice(lab):
    image = lab.scratch
    for _ in range(2):
        image = image.append(Changes.of({"a": b"1"}))
    files = opened(saved(lab, image))
    [contents] = json.loads(files["manifest.json"])
    assert len(contents["Layers"]) == 2 and len(set(contents["Layers"])) == 1
    [loaded] = Lab.temporary().load(io.BytesIO(saved(lab, image)))
    assert loaded.image.id == image.id


def test_an_image_without_layers(lab):
    image = lab.scratch.with_config(Env=["A=1"])
    lab.tag(image, "none:1")
    [loaded] = Lab.temporary().load(io.BytesIO(saved(lab, "none:1")))
    assert loaded.image.id == image.id and json.loads(opened(saved(lab, "none:1"))["manifest.json"])[0]["Layers"] == []


def test_what_is_not_there(lab, app, tmp_path):
    for ref in ("nothing:1", "f" * 64, "app:2"):
        with pytest.raises(NotFound):
            lab.save([ref], tmp_path / "out.tar")
    with pytest.raises(NotFound):
        lab.save(["app:1", "nothing:1"], tmp_path / "out.tar")
    assert list(tmp_path.iterdir()) == []


# Whole or not at all --------------------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A file with something in it, which must still be there after a save that failed."""
    target = tmp_path / "out.tar"
    target.write_bytes(b"precious")
    yield target
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"out.tar": b"precious"}


@pytest.mark.parametrize("how", ["gone", "shorter", "longer"])
def test_a_damaged_blob(lab, app, old, how):
    path = lab.store.blobs.path(app.layers[0].digest)
    data = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes(data[:-512] if how == "shorter" else data + bytes(512))
    with pytest.raises(LabError, match="verify"):
        lab.save("app:1", old)


def test_an_interruption(old):
    with pytest.raises(KeyboardInterrupt), whole_file(old) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_an_error_of_the_disk(lab, app, old, monkeypatch):
    def failing(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="Input/output"):
        lab.save("app:1", old)


def test_a_new_file(lab, app, tmp_path):
    lab.save("app:1", tmp_path / "new.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["new.tar"]
    assert (tmp_path / "new.tar").read_bytes() == saved(lab, "app:1")


def test_an_old_file_is_replaced(lab, app, tmp_path):
    (tmp_path / "out.tar").write_bytes(b"x" * 1_000_000)
    lab.save("app:1", tmp_path / "out.tar")
    assert (tmp_path / "out.tar").read_bytes() == saved(lab, "app:1")


def test_a_folder_is_no_file(lab, app, tmp_path):
    with pytest.raises(LabError, match="is a folder"):
        lab.save("app:1", tmp_path)


def test_a_folder_that_is_not_there(lab, app, tmp_path):
    with pytest.raises(FileNotFoundError):
        lab.save("app:1", tmp_path / "no" / "out.tar")


def test_a_pipe_is_written_through(lab, app, tmp_path):
    """A pipe, like /dev/stdout, is written as it is, and not replaced by a file."""
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        lab.save("app:1", tmp_path / "pipe")
        assert reader.stdout.read() == saved(lab, "app:1")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device(lab, app):
    with pytest.raises(NoSpace, match=r"^no space left on device$"):
        lab.save("app:1", "/dev/full")


SAVE_WITH_LITTLE_ROOM = """
import os, resource, sys
from pathlib import Path
from imagelab import Lab
home, target, room = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
lab = Lab(home)
for left in [*range(room - 3000, room, 499), room - 1, room]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (left, resource.RLIM_INFINITY))
    try:
        lab.save("app:1", target)
    except OSError as error:
        assert left < room and error.errno == 27, error
    else:
        assert left == room, f"{room} bytes were written where {left} have room"
    assert os.listdir(target.parent) == [target.name]
    assert (target.read_bytes() == b"precious") == (left < room)
"""


def test_a_disk_that_takes_only_a_part(lab, app, tmp_path):
    """The last write may be taken in part, with no error: the system says so only by a number."""
    size = len(saved(lab, "app:1"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "out.tar").write_bytes(b"precious")
    arguments = [str(lab.home), str(tmp_path / "out" / "out.tar"), str(size)]
    done = subprocess.run([sys.executable, "-c", SAVE_WITH_LITTLE_ROOM, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_save_to_a_full_disk(lab, small_disk):
    small = small_disk(1)
    lab.append(None, {"big": os.urandom(2 << 20)}, tag="big:1")
    (small / "out.tar").write_bytes(b"precious")
    with pytest.raises(NoSpace, match=r"^no space left on .*/small: .* write to another place$"):
        lab.save("big:1", small / "out.tar")
    assert [path.name for path in small.iterdir()] == ["out.tar"]
    assert (small / "out.tar").read_bytes() == b"precious"


def test_load_into_a_full_disk(lab, small_disk):
    """The store is as it was, and works on."""
    small = small_disk(1)
    lab.append(None, {"big": os.urandom(2 << 20)}, tag="big:1")
    data = saved(lab, "big:1")
    cramped = Lab(small / "store", epoch=0)
    cramped.append(None, {"small": b"1"}, tag="small:1")
    before = archives.snapshot(cramped.home)
    with pytest.raises(NoSpace, match=r"^no space left on .*/small: .* use another --home"):
        cramped.load(io.BytesIO(data))
    assert archives.snapshot(cramped.home) == before
    assert cramped.verify() == [] and cramped.append("small:1", {"more": b"2"}).read("small") == b"1"


def test_a_blob_that_lies_is_not_believed_again(lab, app, tmp_path):
    """Same size, other bytes: what was saved from it is refused by whoever loads it."""
    path = lab.store.blobs.path(app.layers[0].digest)
    path.write_bytes(path.read_bytes().replace(b"hello", b"jello"))
    try:
        data = saved(lab, "app:1")
    except LabError:
        return
    with pytest.raises(Invalid, match="digest"):
        Lab.temporary().load(io.BytesIO(data))
