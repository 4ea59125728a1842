"""A tree survives being written to a folder and read again, and nothing outside the folder is touched."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings

from imagelab.errors import Conflict
from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes, Tree, hard_links
from imagelab.host.disk import scan, unpack, walk
from unit.trees import trees


@settings(max_examples=60, deadline=None)
@given(one=trees())
def test_a_tree_survives_the_disk(one: Tree, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("disk")
    lost: list[str] = []
    if os.geteuid() != 0:  # who is not root cannot look into a folder that shuts everybody out
        one = Tree().apply(Changes({path: replace(entry, mode=entry.mode | 0o700) for path, entry in one.items()}))
    unpack(one, folder, warn=lost.append)
    again = Tree().apply(scan(folder))
    if os.geteuid() == 0 and not lost:
        expected = {path: one[path] for path in one if path}
        assert {path: again[path] for path in again if path} == expected
        assert all(again[p].read() == e.read() for p, e in expected.items() if e.kind == "file")
        assert sorted(hard_links(again).values()) == sorted(hard_links(one).values())
    else:
        assert {path for path in one if one[path].kind in ("file", "dir", "symlink")} <= set(again)


def test_a_portable_scan_has_the_modes_and_owners_of_git(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!")
    (tmp_path / "run").chmod(0o750)
    (tmp_path / "data").write_text("x")
    (tmp_path / "data").chmod(0o660)
    (tmp_path / "sub").mkdir(mode=0o700)
    entries = scan(tmp_path, portable=True).entries
    assert {path: (e.mode, e.uid, e.gid) for path, e in entries.items()} == {
        "run": (0o755, 0, 0), "data": (0o644, 0, 0), "sub": (0o755, 0, 0),
    }  # fmt: skip


def test_sockets_are_left_out_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.chdir(tmp_path)  # a socket's path may have 108 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        skipped: list[str] = []
        assert not list(walk(".", skipped=skipped)) and skipped == ["sock"]


def test_unpacking_needs_an_empty_folder_and_does_not_touch_another(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(Conflict, match="not empty"):
        unpack(Tree(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_link_in_the_folder_is_listed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / "link").symlink_to("../outside", target_is_directory=True)
    assert [path for path, _ in walk(tmp_path / "top")] == ["link"]
    assert scan(tmp_path / "top").entries["link"].link == "../outside"


def test_unpacking_that_fails_leaves_an_empty_folder(tmp_path: Path) -> None:
    def broken() -> None:
        raise OSError("the disk is full")

    tree = Tree().apply(Changes({"a": Entry.file(b"x"), "b": replace(Entry.file(b"y"), content=broken)}))
    with pytest.raises(OSError, match="the disk is full"):
        unpack(tree, tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []
