"""Files are read while programs move them: nothing of the host gets in, nothing fails, and nothing is mixed."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from contextlib import contextmanager, suppress

import pytest

from imagelab import Entry
from imagelab.containers import pause
from imagelab.errors import LabError
from unit.containers.conftest import started

pytestmark = pytest.mark.slow

SECRET = b"of the host, and of nobody else\n"
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs renameat2, which Linux has")

SWAP = """
import ctypes, os, sys
os.chdir(sys.argv[1])
exchange = ctypes.CDLL(None).renameat2
pairs = [tuple(pair.encode().split(b"=")) for pair in sys.argv[2:]]
print("swapping", flush=True)
while True:
    for one, other in pairs:
        exchange(-100, one, -100, other, 2)
"""


@contextmanager
def swapping(folder, *pairs: str):
    """Exchange two names in a folder, again and again, as fast as the kernel can."""
    with subprocess.Popen([sys.executable, "-c", SWAP, folder, *pairs], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        try:
            yield
        finally:
            assert process.poll() is None
            process.kill()


@pytest.fixture
def host(tmp_path):
    """A folder of the host with a file of the same name as the container's."""
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "f").write_bytes(SECRET)
    return folder


@pytest.fixture
def trapped(lab, base, host):
    """A container in which a folder and a file have twins that are links to the host's."""
    image = lab.append(base, {"d/e/f": "inside\n", "file": "inside\n", **{f"d/e/{n}": b"x" * n for n in range(1, 60)}})
    made = lab.create(image, "true")
    (made.root / "link").symlink_to(host)
    (made.root / "d" / "link").symlink_to(host)
    (made.root / "filelink").symlink_to(host / "f")
    return made


TWINS = ("d=link", "d/e=d/link", "file=filelink")


@linux_only
def test_200_exports_and_commits_beside_a_swapping_program_hold_nothing_of_the_host(lab, trapped):
    with swapping(trapped.root, *TWINS):
        for number in range(100):
            out = io.BytesIO()
            trapped.export(out)
            assert SECRET not in out.getvalue(), number
            with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
                assert "etc/passwd" in tar.getnames()
            image = trapped.commit()
            assert not any(SECRET in b"".join(layer.pieces()) for layer in image.layers), number


@linux_only
def test_what_else_reads_a_containers_folder_is_not_led_outside(trapped, tmp_path):
    with swapping(trapped.root, *TWINS):
        for number in range(100):
            trapped.diff()
            tree = trapped.tree()
            with trapped.still():
                read = [entry for path, entry in tree.items() if path.endswith("/f")]
            assert all(entry.size != len(SECRET) for entry in read)
            assert trapped.layer_size < 1_000_000
            trapped.copy_out("/", tmp_path / f"out{number}")
    copies = [path for path in tmp_path.glob("out*/**/f") if not path.is_symlink()]
    assert copies
    assert not [path for path in copies if path.read_bytes() == SECRET]


@linux_only
def test_copying_in_writes_nothing_outside_and_changes_no_mode(trapped, host, tmp_path):
    source = tmp_path / "source"
    (source / "e").mkdir(parents=True)
    (source / "e" / "f").write_text("copied in\n")
    (source / "e" / "new").write_text("copied in\n")
    (source / "e" / "f").chmod(0o777)
    mode = (host / "f").stat().st_mode
    with swapping(trapped.root, *TWINS, "d/new=filelink"):
        for _ in range(200):
            with suppress(LabError, OSError):  # a link or a folder that is in the way, or has just gone
                trapped.copy_in(f"{source}/.", "/d")
    assert sorted(os.listdir(host)) == ["f"]
    assert (host / "f").read_bytes() == SECRET
    assert (host / "f").stat().st_mode == mode


@linux_only
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root makes devices")
def test_a_device_that_takes_a_files_place_is_not_opened(trapped):
    os.mknod(trapped.root / "zero", 0o020666, os.makedev(1, 5))  # endless, if it were read
    with swapping(trapped.root, "file=zero"):
        for _ in range(100):
            trapped.export(io.BytesIO())
            trapped.commit()


WRITER = """
echo up
i=0
while :; do
    i=$((i+1)); echo $i > /count
    echo "line $i" >> /growing
    echo "$i" > /d/short$((i % 7))
    rm -f /d/short$(((i + 3) % 7))
    cat /growing > /copy; : > /growing
    mkdir -p /m/$i; echo x > /m/$i/x; rm -r /m/$i
done
"""


def test_a_container_that_writes_all_the_time_can_be_exported_and_committed(lab, linux):
    image = lab.append(linux, {"d/": b"", "big": Entry.file(b"B" * 3_000_000)})
    web = started(lab, image, "sh", "-c", WRITER)
    for _ in range(40):
        out = io.BytesIO()
        web.export(out)
        with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as tar:
            assert {"d", "big", "etc/passwd"} <= set(tar.getnames())
        assert web.commit().id
        web.diff()
    last = web.read("/count").decode().strip()
    goes_on = f"while [ $(cat /count) = {last} ]; do :; done"
    assert web.exec("sh", "-c", goes_on, timeout=60) == 0


COUNT = "echo up; i=0; while :; do i=$((i+1)); echo $i > /one; echo $i > /two; done"


@pytest.mark.parametrize("kind", ["linux", "base"])
def test_programs_stand_still_while_files_are_read(lab, kind, request):
    web = started(lab, request.getfixturevalue(kind), "sh", "-c", COUNT)
    for _ in range(20):
        with web.still():
            tree = web.tree()
            first = [tree[name].read() for name in ("one", "two")]
            again = web.tree()
            assert first == [again[name].read() for name in ("one", "two")]
    assert web.running


def test_programs_beside_the_containers_own_stand_still_too(lab, linux):
    web = started(lab, linux)
    command = ["-m", "imagelab", "--home", lab.home, "exec", web.name, "sh", "-c", COUNT.replace("up", "beside")]
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE) as beside:
        assert beside.stdout.readline() == b"beside\n"
        with web.still():
            first = web.read("/one")
            assert web.read("/one") == first
        beside.kill()


KILLED = """
import os, signal, sys
from imagelab import Lab
web = Lab(sys.argv[1]).container(sys.argv[2])
with web.still():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_reader_that_is_killed_leaves_no_program_stopped(lab, linux):
    web = started(lab, linux, "sh", "-c", COUNT)
    subprocess.run([sys.executable, "-c", KILLED, lab.home, web.id])
    assert pause.left_stopped(web._record)
    assert web.running  # looking is enough
    assert not pause.left_stopped(web._record)
    goes_on = "last=$(cat /one); while [ $(cat /one) = $last ]; do :; done"
    assert web.exec("sh", "-c", goes_on, timeout=60) == 0


def test_two_readers_may_overlap(lab, linux):
    web = started(lab, linux, "sh", "-c", COUNT)
    with web.still():
        one = web.read("/one")
        with web.still():
            assert web.read("/one") == one
        assert web.read("/one") == one  # still stopped
    web.exec("sh", "-c", "true")
    assert web.running


AUDITED = """
import io, os, sys
from pathlib import Path
from imagelab import Lab
lab = Lab(sys.argv[1])
web = lab.container(sys.argv[2])
root, opened = str(web.root) + "/", []
def hook(event, arguments):
    if event.startswith(("open", "os.", "shutil.")):
        for value in arguments:
            value = os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else value
            if isinstance(value, str) and value.startswith(root):
                opened.append((event, value))
sys.addaudithook(hook)
web.diff(), web.tree(), web.read("/etc/passwd"), web.commit(), web.export(io.BytesIO()), web.layer_size
source = Path(sys.argv[1]).with_name("source")
(source / "sub").mkdir(parents=True)
(source / "sub" / "f").write_text("f")
web.copy_in(source, "/in"), web.copy_in(source / "sub" / "f", "/etc/hosts")
web.copy_out("/etc", source / "out"), web.copy_out("/etc/passwd", io.BytesIO())
web.exec("sh", "-c", "echo x > /etc/y")
web.remove(force=True)
print(opened)
"""


@pytest.mark.parametrize("kind", ["linux", "base"])
def test_nothing_opens_a_path_below_a_containers_root_but_by_descriptors(lab, kind, request, tmp_path):
    """Every file of a container is reached by its name in an open directory, never by its whole path."""
    web = started(lab, request.getfixturevalue(kind))
    done = subprocess.run([sys.executable, "-c", AUDITED, lab.home, web.id], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
