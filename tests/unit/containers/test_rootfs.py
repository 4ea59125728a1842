"""A container's root folder: unpacked once for each image, cloned for each container, read inside it alone."""

from __future__ import annotations

import os

import pytest

from imagelab.errors import LabError
from unit.containers.conftest import started


def test_a_program_that_is_a_link_out_is_not_found(lab, base):
    made = lab.create(base, "/evil")
    (made.root / "evil").symlink_to("/usr/bin/true" if os.path.exists("/usr/bin/true") else "/bin/true")
    with pytest.raises(LabError, match="no such file or directory"):
        made.start()


def test_the_cache_of_unpacked_images_is_shared_and_never_written_through(lab, base):
    one = started(lab, base)
    one.exec("sh", "-c", "echo changed > /etc/passwd; rm /etc/group; chmod 700 /etc")
    other = lab.create(base, "true")
    assert other.diff() == []
    assert other.tree()["etc/passwd"].read() == base.read("etc/passwd")
    (cached,) = (path for path in (lab.home / "cache" / "unpacked").iterdir() if not path.name.startswith("."))
    one.remove(force=True)
    lab.gc()
    assert cached.is_dir()
    other.remove()
    lab.rmi("lab/shell:1.0")
    assert not cached.exists()


def test_a_touched_file_and_a_replaced_folder_are_listed_as_docker_lists_them(lab, linux):
    made = lab.run(
        linux,
        "sh",
        "-c",
        "touch /etc/passwd; rm -r /tmp; mkdir /tmp; touch /tmp/x; rm -r /root; echo > /root; mkdir /a",
    )
    assert made.diff() == [
        ("A", "/a"), ("C", "/etc"), ("C", "/etc/passwd"), ("C", "/root"), ("C", "/tmp"), ("A", "/tmp/x"),
    ]  # fmt: skip
