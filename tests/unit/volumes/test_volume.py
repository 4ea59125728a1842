"""Volumes on disk: made whole or not at all, found by name, removed when no container has them."""

from __future__ import annotations

import threading

import pytest

from imagelab import Entry
from imagelab.errors import Conflict, LabError, NotFound
from imagelab.filesystem.tree import Changes, Tree
from imagelab.volumes.volume import Volumes

FILES = Tree().apply(Changes({"": Entry.dir(0o751), "sub": Entry.dir(), "sub/f": Entry.file(b"hello", 0o600)}))


@pytest.fixture
def volumes(tmp_path):
    return Volumes(tmp_path / "home")


def names(volumes):
    return [one.name for one in volumes.all()]


def test_made_found_removed(volumes):
    made = volumes.create("data", {"a": "b"})
    assert made == volumes.find("data") == volumes.create("data", {"other": "label"})
    assert (made.labels, made.size, made.anonymous, list(made.mountpoint.iterdir())) == ({"a": "b"}, 0, False, [])
    with pytest.raises(Conflict, match=r"^remove data: volume is in use - \[one, two\]$"):
        volumes.remove("data", lambda: {"data": ["one", "two"]})
    assert volumes.remove("data", dict) == made
    assert names(volumes) == []
    for missing in ("data", "..", "a/b", ""):
        with pytest.raises(NotFound, match=f"^No such volume: {missing}$"):
            volumes.find(missing)


@pytest.mark.parametrize("name", ["a", "-a", "a b", "a/b", "../x", ".hidden", "é1"])
def test_names_that_none_can_have(volumes, name):
    with pytest.raises(LabError, match=f"^create {name}: "):
        volumes.create(name)
    assert names(volumes) == []


def test_sorted_as_docker_sorts(volumes):
    for name in ("v10", "v9", "1z", "va"):
        volumes.create(name)
    assert names(volumes) == ["1z", "v9", "v10", "va"]


def test_the_files_it_begins_with(volumes):
    made = volumes.create("data", content=FILES)
    assert (made.mountpoint / "sub/f").read_bytes() == b"hello"
    assert made.mountpoint.stat().st_mode & 0o7777 == 0o751
    assert made.size == 5
    (made.mountpoint / "sub/f").write_bytes(b"mine")
    volumes.create("data", content=FILES)
    assert (made.mountpoint / "sub/f").read_bytes() == b"mine"
    empty = volumes.create("empty")
    volumes.create("empty", content=FILES)
    assert (empty.mountpoint / "sub/f").read_bytes() == b"hello"
    assert [path.name for path in empty.mountpoint.parent.iterdir() if path.name.startswith(".")] == []


def test_a_volume_that_could_not_be_filled_is_not_there(volumes):
    def pieces():
        yield b"half"
        raise OSError(28, "No space left on device")

    tree = Tree().apply(Changes({"": Entry.dir(), "f": Entry("file", 0o644, size=9, content=pieces)}))
    with pytest.raises(OSError, match="No space"):
        volumes.create("data", content=tree)
    assert names(volumes) == []
    empty = volumes.create("empty")
    with pytest.raises(OSError, match="No space"):
        volumes.create("empty", content=tree)
    assert list(empty.mountpoint.iterdir()) == []


def test_what_a_crash_left_is_swept(volumes, tmp_path):
    volumes.create("data")
    (tmp_path / "home/volumes/.new-other/_data").mkdir(parents=True)
    volumes.create("more")
    assert names(volumes) == ["data", "more"]
    assert not (tmp_path / "home/volumes/.new-other").exists()


def test_without_a_name_and_pruned(volumes):
    made = volumes.create(content=FILES)
    assert made.anonymous
    assert len(made.name) == 64
    volumes.create("used", content=FILES)
    volumes.create("kept")
    removed = volumes.prune(lambda: {"used": ["one"]}, keep=lambda one: one.name == "kept")
    assert removed == ([made.name], 5)
    assert names(volumes) == ["kept", "used"]


def test_names_of_a_lab_with_an_epoch_are_the_same(tmp_path):
    first, second = (Volumes(tmp_path / name, epoch=0) for name in ("one", "two"))
    assert [first.create().name, first.create().name] == [second.create().name, second.create().name]
    assert first.all()[0].created_at == "1970-01-01T00:00:00Z"


def test_one_volume_for_many_that_make_it(tmp_path):
    made = []
    threads = [
        threading.Thread(target=lambda: made.append(Volumes(tmp_path).create("data", content=FILES)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [Volumes(tmp_path).find("data")] * 8


def test_damaged(volumes, tmp_path):
    volumes.create("data")
    (tmp_path / "home/volumes/data/volume.json").write_text("{")
    with pytest.raises(LabError, match=r"^the volume data is damaged: "):
        volumes.find("data")
