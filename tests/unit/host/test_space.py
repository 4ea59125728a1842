"""A full disk anywhere is one sentence: which disk, how much is free, what to do; and nothing half written stays."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from imagelab import Lab
from imagelab.cli import run
from imagelab.errors import LabError
from imagelab.host.space import full, in_words

SENTENCE = r"(Dockerfile:2: COPY: )?no space left on {disk}: [\d.]+ (kB|MB|bytes) of [\d.]+ MB are free there; {cure}"
OF_LAB = r"make room with rmi, container prune and gc, or use another --home \(\$IMAGELAB_HOME\)"
ELSEWHERE = "remove files there, or write to another place"
RANDOM = os.urandom(1 << 20)


@pytest.fixture
def small(small_disk):
    return small_disk(4)


@pytest.fixture
def large(tmp_path):
    """A lab elsewhere, with an image of 1 MiB and a container of it, and files to use."""
    lab = Lab(tmp_path / "large", current=False)
    lab.append(lab.base(), {"big": RANDOM}, "big:1")
    lab.save("big:1", tmp_path / "big.tar")
    made = lab.create("big:1", "sh", name="web")
    made.export(tmp_path / "root.tar")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "big").write_bytes(RANDOM)
    (tmp_path / "folder" / "Dockerfile").write_text("FROM lab/shell:1.0\nCOPY big /big\n")
    return lab


def fill(disk: Path, left: int) -> None:
    """Leave so many bytes free."""
    found = os.statvfs(disk)
    with open(disk / "filler", "wb") as file:
        file.write(bytes(max(0, found.f_bavail * found.f_frsize - left)))


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "lock" not in path.name)


INTO = {  # what does not fit into a lab on the small disk
    "append": lambda lab, here: lab.append(None, {"big": RANDOM}, "x:1"),
    "append a folder": lambda lab, here: lab.append(None, here / "folder", "x:1"),
    "append a tar": lambda lab, here: lab.append(None, here / "root.tar", "x:1"),
    "load": lambda lab, here: lab.load(here / "big.tar"),
    "import": lambda lab, here: lab.import_(here / "root.tar", "x:1"),
    "build": lambda lab, here: lab.build(here / "folder", "x:1"),
    "build from a mapping": lambda lab, here: lab.build({"Dockerfile": "FROM scratch\nCOPY big /\n", "big": RANDOM}),
    "create": lambda lab, here: lab.create("small:1", "sh"),
    "run": lambda lab, here: lab.run("small:1", "true"),
    "copy_in": lambda lab, here: lab.container("one").copy_in(here / "folder" / "big", "/tmp/big"),
    "copy_in a folder": lambda lab, here: lab.container("one").copy_in(here / "folder", "/tmp"),
}
OUT = {  # what does not fit elsewhere on the small disk
    "save": lambda lab, disk: lab.save("big:1", disk / "x.tar"),
    "save to a file": lambda lab, disk: lab.save("big:1", open(disk / "file", "wb")),  # noqa: SIM115
    "export": lambda lab, disk: lab.container("web").export(disk / "x.tar"),
    "copy_out": lambda lab, disk: lab.container("web").copy_out("/big", disk / "x"),
    "copy_out of a folder": lambda lab, disk: lab.container("web").copy_out("/big", str(disk)),
    "unpack": lambda lab, disk: lab.unpack("big:1", disk / "x"),
    "a new lab": lambda lab, disk: Lab(disk / "home", current=False).append(None, {"big": RANDOM}),
}


@pytest.mark.parametrize("what", INTO)
def test_what_does_not_fit_into_the_lab(small, large, tmp_path, what):
    home = small / "home"
    lab = Lab(home, current=False)
    lab.append(lab.base(), {"file": RANDOM[: 1 << 18]}, "small:1")
    one = lab.create("small:1", "true", name="one")
    fill(small, 120_000)
    before = listing(small)
    with pytest.raises(LabError) as caught:
        INTO[what](lab, tmp_path)
    assert re.fullmatch(SENTENCE.format(disk=small, cure=OF_LAB), str(caught.value)), caught.value
    (small / "filler").unlink()
    after = [path for path in listing(small) if "/cache/" not in path and path != "filler"]
    kept = [path for path in before if "/cache/" not in path and path != "filler"]
    if "copy_in" in what:
        after = [path for path in after if not path.endswith(("/tmp/folder", "/tmp/folder/Dockerfile"))]
        assert "x" not in one.diff() and not [path for path in after if path.endswith("/big")]
    assert after == kept
    assert lab.verify() == []
    assert [image.names[0].familiar for image in lab.images()] == ["small:1", "lab/shell:1.0"]
    assert lab.append(None, {"big": RANDOM}).size == 1 << 20  # there is room again, and all works


@pytest.mark.parametrize("what", OUT)
def test_what_does_not_fit_elsewhere(small, large, what):
    fill(small, 200_000)
    with pytest.raises(LabError) as caught:
        OUT[what](large, small)
    cure = OF_LAB if what == "a new lab" else ELSEWHERE
    assert re.fullmatch(SENTENCE.format(disk=small, cure=cure), str(caught.value)), caught.value
    left = [path.name for path in small.rglob("*") if path.is_file() and path.stat().st_size > 100_000]
    assert left in (["filler"], ["filler", "file"], ["file", "filler"])


@pytest.mark.parametrize("command", ["append", "build", "save", "load", "cp", "save to stdout"])
def test_on_the_command_line(small, large, tmp_path, command):
    home = large.home if command in ("save", "cp", "save to stdout") else small / "home"
    words = {
        "append": ["append", "scratch", tmp_path / "folder"], "build": ["build", tmp_path / "folder"],
        "load": ["load", "-i", tmp_path / "big.tar"], "save": ["save", "-o", small / "x", "big:1"],
        "cp": ["cp", "web:/big", small / "x"], "save to stdout": ["save", "big:1"],
    }[command]  # fmt: skip
    Lab(home, current=False).base()
    fill(small, 200_000)
    out = open(small / "out", "wb") if "stdout" in command else subprocess.PIPE  # noqa: SIM115
    done = subprocess.run(
        [sys.executable, "-m", "imagelab", "--home", home, *words], stdout=out, stderr=subprocess.PIPE, timeout=100
    )  # fmt: skip
    last = done.stderr.decode().strip().splitlines()[-1]
    cure = OF_LAB if home != large.home else ELSEWHERE
    assert done.returncode == 1
    assert re.fullmatch(f"Error: {SENTENCE.format(disk=small, cure=cure)}", last), done.stderr
    assert b"Traceback" not in done.stderr


def test_in_a_notebook(small, capsys):
    lab = Lab(small / "home")
    lab.base()
    fill(small, 120_000)
    shell = InteractiveShell()
    shell.user_ns |= {"lab": lab, "data": RANDOM}
    shell.run_line_magic("load_ext", "imagelab")
    done = shell.run_cell("lab.append(None, {'big': data})")
    assert not done.success
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    (line,) = (line for line in (shown.out + shown.err).splitlines() if line.strip())
    assert re.fullmatch(f"NoSpace: {SENTENCE.format(disk=small, cure=OF_LAB)}", line)


def test_the_disk_that_the_error_names_and_others(tmp_path):
    named = OSError(errno.ENOSPC, "No space left on device", "/proc/none")
    assert full(named, tmp_path).startswith("no space left on /proc: ")
    quota = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert full(quota, tmp_path).startswith("the disk quota is used up on ")
    assert in_words(OSError(errno.EACCES, "Permission denied", "/x")) == "/x: permission denied"


def test_other_errors_of_the_system_stay_what_they_are(tmp_path):
    lab = Lab(tmp_path / "home", current=False)
    with pytest.raises(FileNotFoundError):
        lab.load(tmp_path / "none.tar")
    assert run(["--home", str(lab.home), "load", "-i", str(tmp_path / "none.tar")]) == 1
