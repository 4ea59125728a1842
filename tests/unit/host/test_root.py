"""Root: paths are looked up as a program inside sees them, and lead nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagelab.errors import Conflict, Invalid, LabError, NotFound
from imagelab.filesystem.entry import Entry
from imagelab.host.root import Root


@pytest.fixture
def root(tmp_path: Path) -> Root:
    folder = tmp_path / "root"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "os-release").write_text("lab")
    (tmp_path / "secret").write_text("of the host")
    return Root(folder)


@pytest.mark.parametrize("target", ["/etc", "etc", "../../../etc", "/etc/../etc/."])
def test_a_link_is_followed_inside_the_root(root: Root, target: str) -> None:
    root.write("/link", Entry.symlink(target), None)
    assert root.resolve("/link/os-release") == "etc/os-release"
    assert root.read("/link/os-release") == b"lab"


@pytest.mark.parametrize("target", ["../secret", "/../secret", "../../../../../../secret"])
def test_a_link_that_climbs_out_ends_at_the_root(root: Root, target: str) -> None:
    root.write("/link", Entry.symlink(target), None)
    with pytest.raises(NotFound):
        root.read("/link")


def test_links_in_a_circle_are_a_sentence(root: Root) -> None:
    root.write("/a", Entry.symlink("b"), None)
    root.write("/b", Entry.symlink("a"), None)
    with pytest.raises(LabError, match="too many levels of symbolic links"):
        root.resolve("/a")


def test_a_file_is_replaced_whole_and_a_directory_is_merged(root: Root) -> None:
    root.write("/etc/os-release", Entry.file(b"new"), None)
    root.write("/etc", Entry.dir(), None)
    assert root.names("/etc") == ["os-release"] and root.read("/etc/os-release") == b"new"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(root: Root) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield b"half"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        root.write("/etc/os-release", Entry("file", 0o644, size=9, content=broken), None)
    assert root.names("/etc") == ["os-release"] and root.read("/etc/os-release") == b"lab"


def test_a_file_is_not_put_over_a_directory_nor_the_other_way_round(root: Root) -> None:
    with pytest.raises(Conflict, match="something else of that name"):
        root.write("/etc", Entry.file(b"x"), None)
    with pytest.raises(Conflict, match="something else of that name"):
        root.write("/etc/os-release", Entry.dir(), None)


def test_what_is_not_there_says_which_path(root: Root) -> None:
    for path in ("/nowhere", "/etc/nowhere/x", "/etc/os-release/x"):
        with pytest.raises(NotFound, match=path):
            root.resolve(path)
    with pytest.raises(Invalid, match="NUL"):
        root.resolve("/a\0b")


def test_removing_is_quiet_about_what_is_not_there_and_keeps_full_directories(root: Root) -> None:
    root.remove("/nowhere")
    root.remove("/etc")
    assert root.names("/") == ["etc"]
    root.remove("/etc/os-release")
    root.remove("/etc")
    assert root.names("/") == []
