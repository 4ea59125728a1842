"""Linux programs in their namespaces: what they see, what they do not, and what they cannot take with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from imagelab import Entry, Lab
from imagelab.errors import LabError
from unit.containers.conftest import Said, started

LOOP = ("sh", "-c", "echo up; while :; do sleep 0.1; done")


def said(container, *command: str, **settings) -> str:
    output = Said()
    container.exec(*command, output=output, **settings)
    return output.on()


def test_user_environment_directory_and_host_name_are_as_told(lab, linux):
    script = "id -u; id -g; pwd; hostname; echo $A $B $HOME; ls -ln /etc/passwd"
    made = lab.run(
        linux, "sh", "-c", script, user="me", env=["A=1", "B=2 3"], workdir="/new/dir", hostname="box",
    )  # fmt: skip
    lines = made.logs().splitlines()
    assert lines[:5] == ["1000", "1001", "/new/dir", "box", "1 2 3 /home/me"]
    if os.geteuid() == 0:
        assert lines[5].split()[2:4] == ["0", "0"]
    assert ("A", "/new/dir") in made.diff()


def test_it_is_the_first_process_of_its_own(lab, linux):
    web = started(lab, linux, *LOOP)
    rows = said(web, "ps").splitlines()[1:]
    assert rows[0].split()[0] == "1"
    assert "up" in rows[0]
    assert len(rows) < 8  # nothing of this machine
    other = started(lab, linux, *LOOP)
    assert web.pid != other.pid


def test_another_program_beside_it_shares_files_and_processes_and_ends_with_it(lab, linux):
    web = started(lab, linux, *LOOP, user="me")
    assert said(web, "id", "-u") == "1000\n"
    assert said(web, "sh", "-c", "echo $A; pwd; echo x > /tmp/x", env=["A=b"], workdir="/tmp") == "b\n/tmp\n"
    assert ("A", "/tmp/x") in web.diff()
    seen = Said()

    class KillsIt(Said):
        def __call__(self, stream, data):
            super().__call__(stream, data)
            web.kill()

    seen = KillsIt()
    assert web.exec("sh", "-c", "echo here; sleep 1000", output=seen) == 137
    assert seen.on() == "here\n"


def test_there_is_no_network(lab, linux):
    made = lab.run(linux, "sh", "-c", "ls /sys/class/net 2>&1; cat /proc/net/dev")
    devices = [line.split(":")[0].strip() for line in made.logs().splitlines() if ":" in line and "bytes" not in line]
    assert [name for name in devices if name != "ls"] == ["lo"]


def test_a_fork_bomb_stays_in_its_container(lab, linux):
    web = started(lab, linux, *LOOP)
    bomb = lab.run(linux, "sh", "-c", "f() { f | f & }; f; sleep 1")
    assert "can't fork" in bomb.logs()
    assert said(web, "echo", "well") == "well\n"
    assert lab.run(linux, "echo", "well").logs() == "well\n", "its processes ended with it"


def test_a_file_has_a_limit(lab, linux):
    made = lab.run(linux, "sh", "-c", "dd if=/dev/zero of=/big bs=1 count=1 seek=3000000000; echo $?")
    assert made.logs().endswith("1\n") or "File" in made.logs()
    assert not (made.root / "big").exists() or (made.root / "big").stat().st_size < 3_000_000_000


NULL = Entry("char", 0o666, device=(1, 3))  # which only root can make
SCRIPT = """
import json, os, resource, sys, tempfile
from imagelab import Lab
from imagelab.host import snapshot
warm = Lab(tempfile.mkdtemp() + "/store")  # so that all modules are loaded: Python may lie where only root can read
warm.load(sys.argv[2])
one = warm.create("linux:1", "true"); one.diff(); one.tree(); one.commit(); one.remove()
os.setgroups([]); os.setgid(12345); os.setuid(12345)
snapshot.PRIVILEGED = False
import imagelab.containers.rootfs, imagelab.cp.copy
imagelab.containers.rootfs.PRIVILEGED = imagelab.cp.copy.PRIVILEGED = False
from imagelab.runtime import bubblewrap
from imagelab.runtime.program import Program, Streams
from imagelab.runtime.process import watch
lab = Lab(sys.argv[1])
lab.load(sys.argv[2])
made = lab.create("linux:1", "sh", "-c", "id -u; chmod 0 /etc/passwd; echo x > /new; mkdir /locked; chmod 0 /locked")
program = Program(made.argv, {"PATH": "/bin"})
out = []
code = watch(bubblewrap.start(made.root, program, Streams()), program, lambda stream, data: out.append(data.decode()))
tree = made.commit().tree()
print(json.dumps([code, "".join(out), made.diff(), {path: [tree[path].mode, tree[path].uid] for path in
                  ("etc/passwd", "new", "locked", "mine", "null")}]))
made.remove()
print(os.listdir(lab.home / "containers"))
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to become somebody else")
def test_an_ordinary_user_keeps_owners_and_modes_that_the_disk_cannot(lab, linux, tmp_path):
    """Files of other users, and files that nobody may read, come back from `commit` as they are."""
    image = lab.append(linux, {"mine": Entry.file(b"m", 0o600, uid=77, gid=78), "null": NULL}, "linux:1")
    lab.save("linux:1", tmp_path / "linux.tar")
    assert image
    home = tmp_path / "other"
    home.mkdir()
    os.chown(home, 12345, 12345)
    for folder in (tmp_path, *tmp_path.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, home, tmp_path / "linux.tar"], capture_output=True, cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    first, second = done.stdout.decode().splitlines()
    code, out, diff, modes = json.loads(first)
    assert (code, out) == (0, "0\n")
    assert diff == [["C", "/etc"], ["C", "/etc/passwd"], ["A", "/locked"], ["A", "/new"]]
    assert modes == {"etc/passwd": [0, 0], "new": [0o644, 0], "locked": [0, 0], "mine": [0o600, 77], "null": [0o666, 0]}
    assert second in ("['.lock']",)


def test_a_runtime_can_be_asked_for_by_name(lab, linux, base):
    assert lab.run(base, "echo", "x", runtime="shell").logs() == "x\n"
    with pytest.raises(LabError, match="unknown or invalid runtime name: runc"):
        lab.create(linux, "true", runtime="runc")


def test_labs_do_not_mix(tmp_path, linux, lab):
    other = Lab(tmp_path / "other", current=False)
    lab.create(linux, "true", name="web")
    assert other.containers() == []
