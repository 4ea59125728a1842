"""What a container's programs made, or make while files are copied, leads `cp` to no file of this machine."""

from __future__ import annotations

import io
import itertools
import os
from contextlib import suppress

import pytest

from imagelab import Entry
from imagelab.errors import LabError
from imagelab.host.root import Root

pytestmark = pytest.mark.slow


@pytest.fixture
def outside(tmp_path):
    folder = tmp_path / "outside"
    (folder / "sub").mkdir(parents=True)
    (folder / "secret").write_text("the host's")
    (folder / "secret").chmod(0o600)
    return folder


@pytest.fixture
def web(lab, base):
    return lab.create(base, "true")


def state(folder) -> dict[str, tuple[int, int, int, str]]:
    found = {}
    for path in [folder, *folder.rglob("*")]:
        info = path.lstat()
        text = path.read_text() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (info.st_mode, info.st_uid, info.st_mtime_ns, text)
    return found


def texts(path) -> list[str]:
    """What the files at a path and below it hold; no link is followed."""
    if path.is_symlink() or not path.exists():
        return []
    return [path.read_text()] if path.is_file() else [text for below in path.iterdir() for text in texts(below)]


UP = "../" * 40


@pytest.mark.parametrize("end", ["", "/", "/.", "/secret", "/sub", "/sub/", "/new", "/new/"])
@pytest.mark.parametrize("how", ["{0}", UP + "{1}", "/proc/self/root{0}", "twice", "sub/../{0}", "folder/out"])
def test_no_link_leads_out(web, outside, tmp_path, how, end):
    """Every kind of link at every place in a path, for files, folders and tars, with -L and without."""
    inside = Root(web.root)
    target = how.format(outside, str(outside).lstrip("/"))
    inside.write("/evil", Entry.symlink(target), None)
    inside.write("/twice", Entry.symlink(str(outside)), None)
    inside.write("/folder", Entry.dir(), None)
    inside.write("/folder/out", Entry.symlink(f"{UP}{str(outside).lstrip('/')}"), None)
    (tmp_path / "file").write_text("from here")
    (tmp_path / "dir" / "sub").mkdir(parents=True)
    (tmp_path / "dir" / "secret").write_text("from here")
    tar = io.BytesIO()
    web.copy_out("/etc/passwd", tar)
    before = state(outside)
    for source, follow in itertools.product((tmp_path / "file", tmp_path / "dir", f"{tmp_path}/dir/."), (False, True)):
        with suppress(LabError):
            web.copy_in(source, f"/evil{end}", follow=follow)
    with suppress(LabError):
        web.copy_in(io.BytesIO(tar.getvalue()), f"/evil{end}")
    assert state(outside) == before
    for number, follow in enumerate((False, True)):
        with suppress(LabError):
            web.copy_out(f"/evil{end}", tmp_path / f"got{number}", follow=follow)
        assert "the host's" not in texts(tmp_path / f"got{number}")
        out = io.BytesIO()
        with suppress(LabError):
            web.copy_out(f"/evil{end}", out, follow=follow)
        assert b"the host's" not in out.getvalue()
    assert state(outside) == before


def test_a_folder_that_becomes_a_link_while_a_file_is_copied(web, outside, tmp_path):
    """The content of the file comes while it is written: at that moment the folder is swapped for a link."""
    inside = Root(web.root)
    inside.write("/d", Entry.dir(), None)
    before = state(outside)

    def swap():
        yield b"half"
        os.rename(web.root / "d", web.root / "was-d")
        (web.root / "d").symlink_to(outside)
        yield b"whole"

    inside.write("/d/new", Entry("file", 0o4777, 0, 0, 1, 9, content=swap), (0, 0) if os.geteuid() == 0 else None)
    assert state(outside) == before
    assert (web.root / "was-d" / "new").read_text() == "halfwhole"


def test_a_file_that_becomes_a_link_before_it_gets_its_mode(web, outside):
    before = state(outside)

    def swap():
        yield b"half"
        (hidden,) = (path for path in web.root.iterdir() if path.name.startswith(".") and path.is_file())
        hidden.unlink()
        hidden.symlink_to(outside / "secret")

    Root(web.root).write("/new", Entry("file", 0o4777, 0, 0, 1, 4, content=swap), None)
    assert state(outside) == before


def test_a_copy_that_fails_leaves_the_old_file_and_no_half(web):
    inside = Root(web.root)
    inside.write("/kept", Entry.file(b"old"), None)

    def fails():
        yield b"half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        inside.write("/kept", Entry("file", 0o644, 0, 0, 0, 9, content=fails), None)
    with pytest.raises(OSError, match="No space"):
        inside.write("/new", Entry("file", 0o644, 0, 0, 0, 9, content=fails), None)
    assert (web.root / "kept").read_text() == "old"
    assert not [path.name for path in web.root.iterdir() if path.name.startswith(".") or path.name == "new"]
    assert web.diff() == [("A", "/kept")]


def test_what_is_on_this_machine_and_a_link_is_not_written_through(web, outside, tmp_path):
    """A folder of the container over a link of the same name: docker refuses, and so do we."""
    inside = Root(web.root)
    inside.write("/d", Entry.dir(), None)
    inside.write("/d/sub", Entry.dir(), None)
    inside.write("/d/sub/secret", Entry.file(b"the container's"), None)
    (tmp_path / "to" / "d").mkdir(parents=True)
    (tmp_path / "to" / "d" / "sub").symlink_to(outside)
    before = state(outside)
    with pytest.raises(LabError, match="something else of that name"):
        web.copy_out("/d", tmp_path / "to")
    assert state(outside) == before
