"""A container whose USER its files do not know cannot start; its files are there all the same."""

from __future__ import annotations

import io
import tarfile

import pytest

from imagelab import Entry
from imagelab.errors import NotFound
from imagelab.runtime.program import CannotStart


@pytest.fixture
def ghost(lab, base):
    return lab.create(base, "true", user="ghost")


@pytest.mark.parametrize(
    "passwd",
    ["nothing", "another", "folder", "loop", "outside", "pipe", "not text"],
)
def test_its_files_can_be_exported_copied_committed_and_measured(lab, base, passwd, tmp_path):
    odd = {
        "nothing": None, "another": "root:x:0:0::/:/bin/sh\n", "folder": Entry.dir(), "loop": Entry.symlink("passwd"),
        "outside": Entry.symlink("/proc/../../../etc/shadow"), "pipe": Entry("fifo", 0o644), "not text": b"\xff\xfe\0",
    }[passwd]  # fmt: skip
    image = lab.append(lab.append(base, {"etc/passwd": None}), {} if odd is None else {"etc/passwd": odd})
    for user in ("ghost", "ghost:staff", "0:nogroup"):
        made = lab.create(image, "true", user=user)
        (tmp_path / "new").write_text("new\n")
        made.copy_in(tmp_path / "new", "/tmp/new")
        out = io.BytesIO()
        made.export(out)
        with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
            assert archive.extractfile("tmp/new").read() == b"new\n"
        made.copy_out("/tmp/new", tmp_path / "back")
        assert (tmp_path / "back").read_text() == "new\n"
        assert made.commit("of-ghost:1").read("tmp/new") == b"new\n"
        assert made.layer_size == 4
        assert made.read("/tmp/new") == b"new\n"
        assert ("A", "/tmp/new") in made.diff()
        with pytest.raises(CannotStart):
            made.start()


def test_only_what_asks_for_the_user_fails(ghost, tmp_path):
    (tmp_path / "x").write_text("x")
    with pytest.raises(NotFound, match="unable to find user ghost: no matching entries in passwd file"):
        ghost.copy_in(tmp_path / "x", "/tmp/x", archive=True)
    assert ghost.diff() == []
    with pytest.raises(CannotStart, match="unable to find user ghost") as caught:
        ghost.start()
    assert caught.value.code == 125


def test_a_user_that_its_own_program_has_removed_still_owns_what_it_wrote(lab, linux):
    made = lab.run(linux, "sh", "-c", "echo > /tmp/mine; id -u", user="me")
    made.root.joinpath("etc/passwd").unlink()
    assert (made.tree()["tmp/mine"].uid, made.tree()["tmp/mine"].gid) == (1000, 1001)
