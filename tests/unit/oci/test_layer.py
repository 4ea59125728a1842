"""A layer is a tar of changes: what is packed is what is read back, by us and by the rest of the world."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab.errors import Invalid
from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes, Tree, hard_links
from imagelab.host.disk import scan
from imagelab.lab import Lab
from imagelab.oci import tar
from imagelab.oci.compression import Allowance
from imagelab.oci.digest import Digest
from imagelab.oci.layer import Layer, pack, read_changes
from unit import archives
from unit.trees import changed_trees, trees


def packed(changes: Changes, clamp: int | None = None) -> bytes:
    pieces: list[bytes] = []
    pack(changes, pieces.append, clamp=clamp)
    return b"".join(pieces)


def read(data: bytes) -> Changes:
    def content(offset: int, size: int):  # type: ignore[no-untyped-def]
        return lambda: iter((data[offset : offset + size],))

    return read_changes(tar.Reader([data]), content, Allowance())


def test_a_layer_in_memory_is_the_one_that_a_store_would_hold(lab: Lab) -> None:
    changes = Changes.of({"a": "12", "b": "345"})
    stored, held = lab.scratch.append(changes).layers[0], Layer.of(changes, clamp=0)
    assert (held, held.size, held.files_size, held.descriptor) == (stored, stored.size, 5, stored.descriptor)
    assert held.open().read() == stored.open().read() and held.read("b") == b"345"


@given(changed_trees())
def test_changes_survive_being_packed_and_read(pair: tuple[Tree, Tree]) -> None:
    before, after = pair
    again = before.apply(read(packed(Tree.diff(before, after))))
    assert again == after
    assert sorted(hard_links(again).values()) == sorted(hard_links(after).values())


@given(trees(), st.randoms(use_true_random=False))
def test_the_order_in_which_files_are_met_does_not_matter(one: Tree, random: object) -> None:
    changes = Tree.diff(Tree(), one)
    items = list(changes.entries.items())
    random.shuffle(items)  # type: ignore[attr-defined]
    assert packed(Changes(dict(items))) == packed(changes)


def test_the_layer_with_nothing_in_it_is_two_zero_blocks() -> None:
    assert Digest.of(packed(Changes())) == archives.EMPTY_LAYER


def test_names_are_written_as_docker_writes_them() -> None:
    """Relative, folders with a slash at the end, owners without names, whole seconds, whiteouts first."""
    one = Entry.file(b"x", mtime=7)
    changes = Changes(
        {"d": Entry.dir(), "d/-first": one, "d/linked": one, "s": Entry.symlink("d")},
        frozenset(["d/zap"]),
        frozenset("d"),
    )
    with tarfile.open(fileobj=io.BytesIO(packed(changes))) as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == ["d", "d/.wh..wh..opq", "d/.wh.zap", "d/-first", "d/linked", "s"]
    assert members[2].size == 0 and members[2].isreg()
    assert members[4].islnk() and members[4].linkname == "d/-first"
    assert {(m.uname, m.gname) for m in members} == {("", "")}
    assert members[3].mtime == 7 and packed(changes).endswith(bytes(1024))


def test_no_time_is_later_than_the_clamp() -> None:
    late, early = Entry.file(b"", mtime=900), Entry.file(b"", mtime=3)
    data = packed(Changes({"late": late, "early": early}), clamp=100)
    assert {path: e.mtime for path, e in read(data).entries.items()} == {"late": 100, "early": 3}


def test_a_file_may_not_be_called_like_a_whiteout() -> None:
    with pytest.raises(Invalid, match="means a removal"):
        packed(Changes({"a/.wh.b": Entry.file(b"")}))


def test_a_file_that_shrinks_while_it_is_packed_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"long")
    found = scan(tmp_path)
    (tmp_path / "log").write_bytes(b"")
    with pytest.raises(Invalid, match="changed while being read"):
        packed(found)


def test_a_file_that_becomes_a_link_while_it_is_packed_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"four")
    context = tmp_path / "context"
    context.mkdir()
    (context / "f").write_bytes(b"four")
    found = scan(context)
    (context / "f").unlink()
    (context / "f").symlink_to(secret)
    with pytest.raises(OSError):
        packed(found)


OUT = {
    "a name": archives.file("../x"),
    "a name inside": archives.file("a/../../x"),
    "a hard link": archives.hard_link("h", "../t"),
    "a symbolic link": archives.symlink("s", "../etc/passwd"),
    "a symbolic link further down": archives.symlink("a/s", "b/../../../etc/passwd"),
}
WITHIN = [
    archives.file("t"), archives.file("/../x"), archives.file("a/../b"), archives.file("/abs"),
    archives.hard_link("h", "/t"), archives.hard_link("i", "a/../t"), archives.symlink("s", "/etc/passwd"),
    archives.symlink("a/s", "../t"),
]  # fmt: skip


@pytest.mark.parametrize("what", OUT)
def test_what_climbs_out_of_a_tar_that_is_not_a_layer(what: str) -> None:
    """`docker cp -` refuses it (moby's archive.Unpack into a folder); as a layer, at the root, the same tar is fine."""
    data = archives.tar(archives.file("t"), OUT[what])
    assert len(read_changes(tar.Reader([data]), None, Allowance()).entries) == 2
    with pytest.raises(Invalid, match=r"leads out of it with '\.\.'"):
        read_changes(tar.Reader([data]), None, Allowance(), inside=True)


def test_what_stays_inside_a_tar_that_is_not_a_layer() -> None:
    data = archives.tar(*WITHIN)
    assert set(read_changes(tar.Reader([data]), None, Allowance(), inside=True).entries) == {
        "t", "x", "b", "abs", "h", "i", "s", "a/s",
    }  # fmt: skip
