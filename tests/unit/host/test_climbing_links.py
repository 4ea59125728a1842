"""Symbolic links with more `..` than folders above them: legal, for the kernel stops at '/', and kept as they are.

However one comes into an image, the image can be saved, and what was saved loads with the very link (moby#11394).
"""

from __future__ import annotations

import io
import os

import pytest

from imagelab import Entry, Lab
from imagelab.oci.image import Image
from unit import archives

TARGET = "../../../shared/cfg"
TAR = archives.tar(archives.symlink("cfg", TARGET))


def links_of(lab: Lab, image: Image, path: str) -> list[str]:
    """Where the link at a path leads, in the image, and in what loads elsewhere when it is saved."""
    out = io.BytesIO()
    lab.save(image, out)
    [loaded] = Lab.temporary().load(io.BytesIO(out.getvalue()))
    assert loaded.image.id == image.id
    return [tree[path].link for tree in (image.tree(), loaded.image.tree())]


@pytest.fixture
def folder(tmp_path):
    """A folder that holds such a link."""
    (tmp_path / "ctx").mkdir()
    os.symlink(TARGET, tmp_path / "ctx" / "cfg")
    return tmp_path / "ctx"


def test_copy(lab, folder):
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /app/\n")
    built = lab.build(folder)
    assert links_of(lab, built.image, "app/cfg") == [TARGET] * 2


def test_copy_from_a_stage(lab):
    text = "FROM scratch AS one\nCOPY . /a/b/\nFROM scratch\nCOPY --from=one /a /\n"
    built = lab.build({"cfg": Entry.symlink(TARGET), "Dockerfile": text})
    assert links_of(lab, built.image, "b/cfg") == [TARGET] * 2


def test_add_of_a_tar(lab):
    built = lab.build({"x.tar": TAR, "Dockerfile": "FROM scratch\nADD x.tar /app/\n"})
    assert links_of(lab, built.image, "app/cfg") == [TARGET] * 2


@pytest.mark.parametrize("target", [TARGET, "/usr/bin/x", "/../../x"])
def test_run_in_the_shell(lab, target):
    built = lab.build({"Dockerfile": f"FROM lab/shell:1.0\nRUN ln -s {target} /bin/x\n"})
    assert links_of(lab, built.image, "bin/x") == [target] * 2


def test_a_context_that_is_a_tar(lab):
    context = archives.tar(
        archives.symlink("cfg", TARGET), archives.file("Dockerfile", b"FROM scratch\nCOPY . /app/\n")
    )
    assert links_of(lab, lab.build(io.BytesIO(context)).image, "app/cfg") == [TARGET] * 2


@pytest.fixture
def linux(lab, busybox, bwrap):
    """An image whose programs are processes of Linux."""
    files = {"bin/sh": Entry.symlink("busybox"), "bin/ln": Entry.symlink("busybox"), "srv": Entry.dir()}
    return lab.append(None, {**files, "bin/busybox": Entry.file(busybox.read_bytes(), 0o755)}, tag="linux:1")


def test_run(lab, linux):
    built = lab.build({"Dockerfile": f'FROM linux:1\nRUN ["/bin/ln", "-s", "{TARGET}", "/srv/cfg"]\n'})
    assert links_of(lab, built.image, "srv/cfg") == [TARGET] * 2


def test_commit(lab, linux):
    made = lab.run(linux, "/bin/ln", "-s", TARGET, "/cfg", detach=True)
    try:
        assert made.wait() == 0
        assert links_of(lab, made.commit("mine:1"), "cfg") == [TARGET] * 2
    finally:
        made.remove(force=True)


@pytest.mark.parametrize("how", ["a mapping", "a folder", "a tar"])
def test_append(lab, folder, tmp_path, how):
    (tmp_path / "x.tar").write_bytes(TAR)
    content = {"a mapping": {"cfg": Entry.symlink(TARGET)}, "a folder": folder, "a tar": tmp_path / "x.tar"}[how]
    assert links_of(lab, lab.append(None, content), "cfg") == [TARGET] * 2


def test_import(lab):
    assert links_of(lab, lab.import_(io.BytesIO(TAR)), "cfg") == [TARGET] * 2


def test_it_leads_inside(lab, tmp_path):
    """To the image's own file, read here or unpacked: the link on the disk is what it was."""
    image = lab.append(None, {"a/up": Entry.symlink("../../../../etc/passwd"), "etc/passwd": "mine"})
    assert image.read("a/up") == b"mine"
    lab.unpack(image, tmp_path / "root")
    assert os.readlink(tmp_path / "root" / "a" / "up") == "../../../../etc/passwd"
