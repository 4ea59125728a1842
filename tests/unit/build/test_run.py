"""RUN in a real Linux root directory: the layer holds what the program changed, for root and for other users."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from imagelab import Entry, Lab
from imagelab.build.progress import Watcher
from imagelab.errors import LabError

PASSWD = "root:x:0:0::/root:/bin/sh\nme:x:1000:1001::/home/me:/bin/sh\n"
DOCKERFILE = """\
FROM base
COPY --chown=me a /app/
USER me
WORKDIR /app/mine
RUN echo 1 > one && mkdir two && ln one three && ln -s one four && echo 2 >> ../a && id -u > who && umask > mask
USER root
RUN echo root > /app/mine/roots && chmod 4755 /app/a && mv two five && rm who && mkdir /locked && echo > /locked/x
RUN chmod 0 /locked/x /locked
RUN chmod 100 /locked && echo 2 > /app/mine/again
RUN chmod 0 /locked
"""
SCRIPT = """
import json, os, sys
from imagelab import Lab
from imagelab.host import snapshot
user = int(sys.argv[4])
if user != os.geteuid():
    warm = Lab.temporary()  # so that all modules are loaded: Python itself may lie where only root can read
    warm.load(sys.argv[2])
    warm.build({"Dockerfile": sys.argv[3], "a": "a"})
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    snapshot.PRIVILEGED = False
os.umask(0o077)
lab = Lab(sys.argv[1], epoch=None)
lab.load(sys.argv[2])
tree = lab.build({"Dockerfile": sys.argv[3], "a": "a"}).image.tree()
assert not [path for path in (lab.home / "tmp").rglob("imagelab-run-*")], "the workspace is still there"
print(json.dumps({path: [e.kind, oct(e.mode), e.uid, e.gid, e.link, e.read().decode() if e.kind == "file" else ""]
                  for path, e in tree.items() if path.startswith(("app", "locked"))}))
"""


@pytest.fixture(scope="module")
def base(busybox, bwrap, tmp_path_factory):
    """An archive of a base with busybox in it."""
    folder = tmp_path_factory.mktemp("base")
    applets = ("sh", "mkdir", "ln", "id", "chmod", "mv", "rm", "cat", "sleep", "touch", "ls")
    files = {f"bin/{name}": Entry.symlink("busybox") for name in applets}
    files |= {"bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "etc/passwd": PASSWD, "tmp": Entry.dir(0o1777)}
    lab = Lab(folder / "home", epoch=0)
    lab.tag(lab.append(None, files).with_config(Env=["PATH=/bin"]), "base")
    lab.save("base", folder / "base.tar")
    folder.chmod(0o755)
    return folder / "base.tar"


@pytest.fixture
def lab(base, tmp_path):
    made = Lab(tmp_path / "home", epoch=0)
    made.load(base)
    return made


def as_user(user: int, base, tmp_path) -> dict[str, list]:
    home = tmp_path / f"home{user}"
    home.mkdir()
    os.chown(home, user, user)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, home, base, DOCKERFILE, str(user)], capture_output=True,
        cwd="/", env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


WANTED = {
    "app": ["dir", "0o755", 1000, 1001, "", ""],
    "app/a": ["file", "0o4755", 1000, 1001, "", "a2\n"],
    "app/mine": ["dir", "0o755", 1000, 1001, "", ""],
    "app/mine/one": ["file", "0o644", 1000, 1001, "", "1\n"],
    "app/mine/three": ["file", "0o644", 1000, 1001, "", "1\n"],
    "app/mine/four": ["symlink", "0o777", 1000, 1001, "one", ""],
    "app/mine/five": ["dir", "0o755", 1000, 1001, "", ""],
    "app/mine/mask": ["file", "0o644", 1000, 1001, "", "0022\n"],
    "app/mine/roots": ["file", "0o644", 0, 0, "", "root\n"],
    "app/mine/again": ["file", "0o644", 0, 0, "", "2\n"],
    "locked": ["dir", "0o0", 0, 0, "", ""],
    "locked/x": ["file", "0o0", 0, 0, "", "\n"],
}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
def test_root_and_an_ordinary_user_build_the_same(base, tmp_path):
    for folder in (base, *base.parents, tmp_path, *tmp_path.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)  # for the other user to reach its home
    assert as_user(0, base, tmp_path) == WANTED
    assert as_user(12345, base, tmp_path) == WANTED


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root")
def test_a_program_run_as_another_user_sees_the_owners_of_files(lab):
    watcher = Output()
    lab.build({"Dockerfile": "FROM base\nRUN id -u\nUSER me\nRUN ls -ln /etc/passwd && id -u\n"}, watcher=watcher)
    said = b"".join(data for _, data in watcher.said).decode().split()
    assert (said[0], said[-1], said[3:5]) == ("0", "1000", ["0", "0"])


def test_hard_links_stay_one_file(lab):
    tree = lab.build({"Dockerfile": DOCKERFILE, "a": "a"}).image.tree()
    assert tree["app/mine/one"] is tree["app/mine/three"]


def test_only_what_changed_is_in_the_layer(lab):
    text = "FROM base\nRUN touch /tmp/x\nRUN cat /etc/passwd\nRUN rm /tmp/x && echo 1 > /bin/new\n"
    layers = lab.build({"Dockerfile": text}).image.layers[1:]
    assert [(set(one.changes().entries), set(one.changes().removed)) for one in layers] == [
        ({"tmp", "tmp/x"}, set()), (set(), set()), ({"tmp", "bin", "bin/new"}, {"tmp/x"}),
    ]  # fmt: skip


class Output(Watcher):
    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    def output(self, step, stream, data) -> None:
        self.said.append((stream, data))


def test_output_is_passed_on_as_it_is_printed(lab):
    """The program goes on only when a file appears, which is put there when its first line was seen."""

    class Answers(Output):
        def output(self, step, stream, data) -> None:
            super().output(step, stream, data)
            if data == b"one\n":
                (asked,) = lab.home.rglob("imagelab-run-*/root/asked")
                asked.with_name("answer").touch()

    watcher = Answers()
    run = "echo > /asked; echo one; echo two >&2; until [ -e /answer ]; do :; done; echo three"
    lab.build({"Dockerfile": f"FROM base\nRUN {run}\n"}, watcher=watcher, timeout=60)
    assert [data for stream, data in watcher.said if stream == "stdout"] == [b"one\n", b"three\n"]
    assert [data for stream, data in watcher.said if stream == "stderr"] == [b"two\n"]


def test_a_program_sees_its_root_and_nothing_of_this_machine(lab, tmp_path):
    (tmp_path / "secret").write_text("secret")
    watcher = Output()
    os.environ["IMAGELAB_TEST_SECRET"] = "secret"
    try:
        text = f"FROM base\nENV A=1\nRUN ls / {tmp_path} 2>&1; id -u; export; ls /proc/1/cwd/\n"
        lab.build({"Dockerfile": text}, watcher=watcher)
    finally:
        del os.environ["IMAGELAB_TEST_SECRET"]
    said = b"".join(data for _, data in watcher.said).decode()
    assert "secret" not in said.lower().replace("imagelab_test", "")
    assert "IMAGELAB" not in said
    assert "No such file" in said


def test_nothing_is_left_of_the_workspace(lab, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir(mode=0o755)
    lab.build({"Dockerfile": "FROM base\nRUN mkdir -p /a/b && touch /a/b/c && chmod 0 /a/b /a\n"})
    with pytest.raises(LabError):
        lab.build({"Dockerfile": "FROM base\nRUN mkdir /x && chmod 0 /x && exit 1\n"})
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not list((lab.home / "tmp").glob("imagelab-run-*"))
