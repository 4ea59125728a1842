"""A root folder that programs wrote to: what changed, as `docker diff` lists it and as a layer holds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes, Tree
from imagelab.host.disk import unpack
from imagelab.host.snapshot import Writable, remove


@pytest.fixture
def image() -> Tree:
    files = {"etc/motd": Entry.file(b"hello"), "bin/sh": Entry.file(b"#!", mode=0o755)}
    return Tree().apply(Changes({"etc": Entry.dir(), "bin": Entry.dir(), **files}))


@pytest.fixture
def writable(image: Tree, tmp_path: Path) -> Writable:
    unpack(image, tmp_path / "root")
    writable = Writable(tmp_path / "root")
    writable.begin()
    return writable


def test_nothing_written_is_nothing_changed(writable: Writable, image: Tree) -> None:
    assert writable.listing() == []
    with writable.readable():
        assert dict(writable.tree(image, (0, 0))) == dict(image)


def test_each_change_has_its_letter_and_the_folders_above_it_are_changed(writable: Writable) -> None:
    (writable.folder / "etc" / "motd").write_text("hello, world")
    (writable.folder / "etc" / "new").write_text("x")
    (writable.folder / "bin" / "sh").unlink()
    assert writable.listing() == [
        ("C", "/bin"), ("D", "/bin/sh"), ("C", "/etc"), ("C", "/etc/motd"), ("A", "/etc/new"),
    ]  # fmt: skip


def test_what_lay_in_a_removed_folder_is_not_listed(writable: Writable) -> None:
    remove(writable.folder / "etc")
    assert writable.listing() == [("D", "/etc")]


def test_the_tree_has_what_is_new_and_keeps_the_entries_that_nobody_touched(writable: Writable, image: Tree) -> None:
    (writable.folder / "etc" / "new").write_text("x")
    with writable.readable():
        tree = writable.tree(image, (0, 0))
        assert tree["etc/new"].read() == b"x"
        assert tree["bin/sh"] is image["bin/sh"]


def test_a_mount_point_that_a_runtime_needs_is_no_change(writable: Writable) -> None:
    assert (writable.folder / "proc").is_dir() and (writable.folder / "dev").is_dir()
    assert writable.listing() == []


def test_a_folder_with_every_mode_is_removed_and_no_link_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("x")
    (tmp_path / "root" / "locked").mkdir(parents=True)
    (tmp_path / "root" / "locked" / "file").write_text("x")
    os.symlink("../../outside", tmp_path / "root" / "locked" / "link")
    (tmp_path / "root" / "locked").chmod(0)
    remove(tmp_path / "root")
    assert not (tmp_path / "root").exists() and (tmp_path / "outside" / "kept").exists()
