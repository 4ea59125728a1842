"""Removing a name is cheap; bytes go only when nothing refers to them any more."""

from __future__ import annotations

import os

import pytest

from imagelab import Image, Lab
from imagelab.errors import Conflict


@pytest.fixture
def family(lab: Lab) -> tuple[Image, Image, Image]:
    """A base with a name, an untagged image made from it, and a child of that with a name."""
    base = lab.append(None, {"base": "b" * 10}, tag="base:1")
    middle = base.append({"middle": "m"})
    child = middle.append({"child": "c"})
    lab.tag(child, "app:1")
    return base, middle, child


def test_a_name_goes_and_its_image_with_the_last_one(lab: Lab) -> None:
    image = lab.append(None, {"a": "x"}, tag="a:1")
    lab.tag("a:1", "b:1")
    assert lab.rmi("a:1") == ["Untagged: a:1"]
    assert lab.rmi("b:1") == ["Untagged: b:1", f"Deleted: {image.id}", f"Deleted: {image.chain_ids[0]}"]
    assert not list(lab.store.blobs)


def test_untagged_parents_go_too_and_named_ones_stay(lab: Lab, family: tuple[Image, ...]) -> None:
    base, middle, child = family
    assert lab.rmi("app:1") == [
        "Untagged: app:1", f"Deleted: {child.id}", f"Deleted: {child.chain_ids[2]}",
        f"Deleted: {middle.id}", f"Deleted: {middle.chain_ids[1]}",
    ]  # fmt: skip
    assert lab.images() == [base] and lab.verify() == []


def test_no_prune_leaves_the_untagged_parents(lab: Lab, family: tuple[Image, ...]) -> None:
    lab.rmi("app:1", no_prune=True)
    assert family[1] in lab.images()


def test_a_parent_loses_its_name_and_serves_its_children(lab: Lab, family: tuple[Image, ...]) -> None:
    assert lab.rmi("base:1") == ["Untagged: base:1"]
    assert lab.image("app:1").read("base") == b"b" * 10 and lab.verify() == []


def test_an_id_with_children_cannot_be_removed_even_by_force(lab: Lab, family: tuple[Image, ...]) -> None:
    base, middle, _ = family
    why = rf"{base.id.short} \(cannot be forced\) - image has dependent child images \({middle.id.short}\)"
    with pytest.raises(Conflict, match=why):
        lab.rmi(base.id, force=True)
    assert lab.image("base:1") == base


def test_an_id_with_several_names_needs_force(lab: Lab) -> None:
    image = lab.append(None, {"a": "x"}, tag="a:1")
    lab.tag("a:1", "a:2")
    with pytest.raises(Conflict, match=r"\(must be forced\) - image is referenced in multiple repositories"):
        lab.rmi(image.id)
    assert lab.rmi(image.id.short, force=True)[:3] == ["Untagged: a:1", "Untagged: a:2", f"Deleted: {image.id}"]


def test_an_id_with_one_name_goes_with_it(lab: Lab) -> None:
    image = lab.append(None, {"a": "x"}, tag="a:1")
    assert lab.rmi(image.id.short)[:2] == ["Untagged: a:1", f"Deleted: {image.id}"]


def test_a_retagged_name_leaves_its_old_image_dangling_until_it_is_pruned(lab: Lab) -> None:
    old = lab.append(None, {"a": "1"}, tag="a:1")
    new = lab.append(None, {"a": "2"}, tag="a:1")
    assert set(lab.images()) == {old, new} and not old.names
    lines, freed = lab.prune()
    assert lines == [f"Deleted: {old.id}", f"Deleted: {old.chain_ids[0]}"] and freed.blobs == 3
    assert lab.images() == [new]


def test_prune_keeps_what_it_is_told_to_but_not_the_untagged_parents_of_what_goes(lab: Lab) -> None:
    parent = lab.append(None, {"f": "1"}, tag="parent:1")
    child = lab.append(parent, {"g": "2"}, tag="child:1")
    assert lab.prune(all=True, keep=lambda image: image.id == child.id)[0] == ["Untagged: parent:1"]
    assert lab.prune(keep=lambda image: image.id == child.id)[0] == []
    lines, _ = lab.prune(all=True, keep=lambda image: image.id == parent.id)
    assert lines[:2] == ["Untagged: child:1", f"Deleted: {child.id}"] and f"Deleted: {parent.id}" in lines


def test_prune_all_takes_every_image_and_leaves_no_blob(lab: Lab, family: tuple[Image, ...]) -> None:
    lines, _ = lab.prune(all=True)
    assert sum(line.startswith("Untagged") for line in lines) == 2
    assert not lab.images(all=True) and not list(lab.store.blobs)


def test_a_layer_that_another_image_shares_stays(lab: Lab, family: tuple[Image, ...]) -> None:
    base = family[0]
    other = base.append({"other": "o"})
    lab.tag(other, "other:1")
    lab.rmi("app:1")
    assert lab.image("other:1").read("base") == b"b" * 10 and lab.verify() == []


def test_gc_takes_what_a_crash_left_and_nothing_that_someone_is_writing(lab: Lab) -> None:
    lab.append(None, {"a": "x"}, tag="a:1")
    orphan = lab.store.blobs.put(b"orphan")
    other = Lab(lab.home, epoch=0)  # as another process would open it
    with other.store.blobs.lease():
        fresh = other.store.blobs.put(b"somebody will refer to this")
        found_again = other.store.blobs.put(b"orphan")
        assert lab.gc().blobs == 0
        assert fresh in lab.store.blobs and found_again in lab.store.blobs
    while lab.home.stat().st_mtime_ns <= lab.store.blobs.path(orphan).stat().st_mtime_ns:
        os.utime(lab.home)  # the clock of some disks goes in steps of milliseconds, and gc spares what is of this step
    assert lab.gc().blobs == 2 and orphan not in lab.store.blobs


def test_gc_takes_the_folder_of_a_writer_that_was_killed(lab: Lab) -> None:
    dead = lab.home / "tmp" / "dead"
    dead.mkdir()
    (dead / "half-written").write_bytes(b"x")
    lab.gc()
    assert not dead.exists()


def test_verify_names_what_is_damaged_and_whose_it_is(lab: Lab) -> None:
    image = lab.append(None, {"a": "x" * 100}, tag="a:1")
    path = lab.store.blobs.path(image.layers[0].digest)
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)
    [damage] = lab.verify()
    assert damage.digest == image.layers[0].digest and damage.images == ("a:1",) and "holds other bytes" in damage.what
    os.unlink(path)
    [damage] = lab.verify()
    assert damage.what == "is missing"


def test_verify_looks_inside_compressed_layers(lab: Lab, tmp_path: object) -> None:
    import gzip
    import io

    from imagelab.filesystem.tree import Changes
    from imagelab.oci.layer import pack

    pieces: list[bytes] = []
    pack(Changes.of({"a": "x"}), pieces.append)
    image = lab.import_(io.BytesIO(gzip.compress(b"".join(pieces), mtime=0)), "a:1")
    assert image.layers[0].compressed and lab.verify() == []


def test_a_sizes_sum_counts_a_shared_layer_once(lab: Lab, family: tuple[Image, ...]) -> None:
    base, _, child = family
    lab.rmi("app:1", no_prune=True)
    other = base.append({"other": "oooo"})
    lab.tag(other, "other:1")
    usage = {row.image: row for row in lab.df().images}
    assert lab.df().size == 10 + 1 + 4
    assert (usage[other].size, usage[other].shared, usage[other].unique) == (14, 10, 4)
    assert lab.df().reclaimable == lab.df().size and lab.df().active == 0
    assert child not in usage
