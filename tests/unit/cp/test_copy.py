"""Files go in and out, and never past the root folder, whatever links a container's own commands made."""

from __future__ import annotations

import io
import os
import tarfile
from contextlib import suppress

import pytest

from imagelab.errors import Conflict, LabError, NotFound


@pytest.fixture
def web(lab, base):
    made = lab.create(base, "sh", "-c", "mkdir -p /d/e; echo f > /d/e/f; ln -s e/f /d/s; echo top > /top")
    return made.start(wait=True)


def names(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def members(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_out_as_cp_does_it(web, tmp_path):
    web.copy_out("/d", tmp_path)  # into a folder: under its own name
    assert names(tmp_path / "d") == ["e", "e/f", "s"]
    web.copy_out("/d", tmp_path / "new")  # to where nothing is: as that
    web.copy_out("/d/.", tmp_path / "new")  # and with `/.`: what is in it
    assert names(tmp_path / "new") == ["e", "e/f", "s"]
    web.copy_out("/d/e/f", tmp_path / "file")
    web.copy_out("top", tmp_path)
    assert ((tmp_path / "file").read_text(), (tmp_path / "top").read_text()) == ("f\n", "top\n")
    web.copy_out("/d/s", tmp_path)  # a link as a link
    assert os.readlink(tmp_path / "s") == "e/f"


def test_in_as_cp_does_it(web, tmp_path):
    (tmp_path / "src" / "sub").mkdir(parents=True)
    (tmp_path / "src" / "sub" / "x").write_text("x\n")
    (tmp_path / "src" / "sub" / "x").chmod(0o640)
    web.copy_in(tmp_path / "src", "/new")
    web.copy_in(tmp_path / "src", "/d")
    web.copy_in(f"{tmp_path}/src/.", "/d/e")
    web.copy_in(tmp_path / "src" / "sub" / "x", "/d/e/f")
    web.copy_in(tmp_path / "src" / "sub" / "x", "/tmp/")
    tree = web.tree()
    added = {"new", "new/sub", "new/sub/x", "d/src", "d/src/sub", "d/src/sub/x", "d/e/sub", "d/e/sub/x", "tmp/x"}
    assert added <= set(tree)
    assert tree["d/e/f"].read() == b"x\n"
    assert (tree["tmp/x"].mode, tree["tmp/x"].uid, tree["tmp/x"].gid) == (0o640, 0, 0)
    assert ("C", "/tmp") in web.diff()


@pytest.mark.parametrize(
    ("copy", "error", "words"),
    [
        (lambda web, there: web.copy_out("/none", there), NotFound, "no such file or directory in the container"),
        (lambda web, there: web.copy_out("/d", there / "none" / "x"), NotFound, 'none" does not exist'),
        (lambda web, there: web.copy_out("/top", f"{there}/none/"), NotFound, "no such directory"),
        (lambda web, there: web.copy_out("/d", there / "a"), Conflict, "which is a file"),
        (lambda web, there: web.copy_in(there / "none", "/"), NotFound, "no such file"),
        (lambda web, there: web.copy_in(there / "a", "/none/x"), NotFound, "no such file or directory"),
        (lambda web, there: web.copy_in(there / "a", "/top/x"), NotFound, "not a directory"),
        (lambda web, there: web.copy_in(there, "/top"), Conflict, "which is a file"),
        (lambda web, there: web.copy_in(there / "a", "/\0"), LabError, "NUL"),
        (lambda web, there: web.copy_in(io.BytesIO(b"x" * 2000), "/"), LabError, "header"),
    ],
)
def test_what_cannot_be_copied_is_one_sentence(web, tmp_path, copy, error, words):
    there = tmp_path / "there"
    there.mkdir()
    (there / "a").write_text("a")
    before = web.diff()
    with pytest.raises(error, match=words) as caught:
        copy(web, there)
    assert "\n" not in str(caught.value)
    assert (names(there), web.diff()) == (["a"], before)


def test_tars_through_streams(web, tmp_path):
    out = io.BytesIO()
    web.copy_out("/d", out)
    assert members(out.getvalue()) == ["d", "d/e", "d/e/f", "d/s"]
    web.copy_in(io.BytesIO(out.getvalue()), "/tmp")
    assert web.tree()["tmp/d/e/f"].read() == b"f\n"
    whole = io.BytesIO()
    web.export(whole)
    assert {"top", "d/e/f", "tmp/d/e/f", "etc/passwd"} <= set(members(whole.getvalue()))
    web.export(tmp_path / "x.tar")
    assert (tmp_path / "x.tar").read_bytes() == whole.getvalue()


@pytest.mark.parametrize("link", ["/", "..", "../../../../../../../../../..", "{outside}", "loop"])
def test_no_link_leads_out(web, tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("the host's")
    (web.root / "evil").symlink_to(link.format(outside=outside))
    if link == "loop":
        (web.root / "loop").symlink_to("evil")
    (tmp_path / "x").write_text("x")
    with suppress(LabError):
        web.copy_in(tmp_path / "x", f"/evil{outside}/new" if link != "{outside}" else "/evil/new")
    with suppress(LabError):
        web.copy_out("/evil/passwd", tmp_path / "got")
    assert names(outside) == ["passwd"]
    assert not (tmp_path / "got").exists() or (tmp_path / "got").read_text() != "the host's"
