"""What an image brings to this machine's disk is for its owner alone: setuid programs, devices, secrets."""

from __future__ import annotations

import os
import subprocess

import pytest

from imagelab import Entry, Lab
from judges.tools import find

pytestmark = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root and another user")


def reached_by_another_user(path) -> bool:
    done = subprocess.run([find("setpriv"), "--reuid", "12345", "--clear-groups", "test", "-e", path])
    return done.returncode == 0


@pytest.fixture
def home(tmp_path):
    """A store's folder that everybody may enter."""
    for folder in (tmp_path, *tmp_path.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    folder = tmp_path / "home"
    folder.mkdir(mode=0o755)
    return folder


def test_another_user_reaches_no_file_of_an_image_or_a_container(home):
    lab = Lab(home)
    device = Entry("char", 0o666, device=(1, 3))
    image = lab.append(None, {"bin/mine": Entry.file(b"\x7fELF", 0o4755), "dev/null2": device})
    made = lab.create(image, "/bin/mine")
    assert (made.root / "bin" / "mine").stat().st_mode & 0o4000
    assert reached_by_another_user(home)
    unpacked = next((home / "cache" / "unpacked").glob("*/bin/mine"))
    assert not reached_by_another_user(made.root / "bin" / "mine")
    assert not reached_by_another_user(unpacked)


def test_a_store_that_was_open_is_closed_when_it_is_used(home):
    (home / "containers").mkdir(mode=0o755)
    lab = Lab(home)
    made = lab.create(lab.append(None, {"bin/mine": Entry.file(b"\x7fELF", 0o4755)}), "/bin/mine")
    assert not reached_by_another_user(made.root)


def test_another_user_reaches_no_file_while_a_step_of_a_build_runs(home, busybox, bwrap):
    lab, seen = Lab(home), []
    lab.append(None, {"bin/sh": Entry.file(busybox.read_bytes(), 0o4755)}, "base:1")

    class Watcher:
        def __getattr__(self, name):
            return lambda *arguments: seen.extend(map(reached_by_another_user, home.rglob("bin/sh")))

    lab.build({"Dockerfile": "FROM base:1\nUSER 1000\nRUN echo hello\n"}, watcher=Watcher())
    assert seen and not any(seen)
