"""Links that are swapped under an interpreter lead nowhere: the kernel shuts it in, and the shell opens by descriptors.

The attacker exchanges folders and files of the root with links to the host's, as fast as the kernel can, while an
interpreter reads, writes, appends, truncates, lists, copies, chmods and removes through them, 60,000 times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from imagelab.runtime import sandbox
from unit.containers.test_moving_files import SECRET, swapping

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces and Landlock are Linux's"),
]

SCRIPT = """
n=0
while [ $n -lt ROUNDS ]; do
    n=$((n+1))
    cat d/f; cat file; echo mine > d/f; echo more >> d/new; : > file; ls d; cp d/f copy$((n % 5)); chmod 777 d/f file
    touch d/e/f; rm -f d/e/g
done 2>/dev/null
echo done
"""
SHELL = """
import sys
from pathlib import Path
from imagelab.runtime import sandbox
from imagelab.runtime.program import Program
from imagelab.runtime.shell import interpreter as shell
root, rounds, without = Path(sys.argv[1]), sys.argv[2], sys.argv[4:]
for name in without:
    setattr(sandbox, name, lambda *paths: ())
shell.load()
sandbox.enter(root)
bash = shell.interpreter("/", {"PATH": "/bin"}, "host", 3600.0, (0, 0))
def tell(stream, data):
    sys.stdout.buffer.write(data)
sys.exit(shell._run(bash, root, Program(("sh",)), [], sys.argv[3].replace("ROUNDS", rounds), tell, None))
"""
NAIVE = """
import os, shutil, sys
from contextlib import suppress
from imagelab.runtime import sandbox
root, rounds, without = sys.argv[1], int(sys.argv[2]), sys.argv[4:]
for name in without:
    setattr(sandbox, name, lambda *paths: ())
sandbox.enter(root)

def looked_at(path):  # as an interpreter does that resolves links itself, and opens the path then
    path = os.path.join(root, path)
    if os.path.commonpath([os.path.realpath(path), root]) != root:
        raise PermissionError(path)
    return path

def write(path, mode, text=""):
    with open(looked_at(path), mode) as file:
        file.write(text)

out = sys.stdout.buffer
for n in range(rounds):
    for step in (
        lambda: out.write(open(looked_at("d/f"), "rb").read()),
        lambda: out.write(open(looked_at("file"), "rb").read()),
        lambda: write("d/f", "w", "mine\\n"),
        lambda: write("d/new", "a", "more\\n"),
        lambda: write("file", "w"),
        lambda: out.write("\\n".join(os.listdir(looked_at("d"))).encode()),
        lambda: shutil.copy(looked_at("d/f"), looked_at(f"copy{n % 5}")),
        lambda: os.chmod(looked_at("d/f"), 0o777),
        lambda: os.utime(looked_at("d/e/f")),
        lambda: os.remove(looked_at("d/e/g")),
    ):
        with suppress(OSError):
            step()
out.write(b"done\\n")
"""
NAMESPACE, LANDLOCK = "_into_namespace", "_landlock"


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    for path in ("d/e", "bin"):
        (folder / path).mkdir(parents=True)
    for path in ("d/f", "d/e/f", "file"):
        (folder / path).write_text("inside\n")
    host = tmp_path / "host"
    (host / "e").mkdir(parents=True)
    for path in ("f", "e/f", "e/g"):
        (host / path).write_bytes(SECRET)
    (folder / "link").symlink_to(host)
    (folder / "filelink").symlink_to(host / "f")
    return folder


def of_the_host(root) -> dict[str, tuple[int, int, bytes]]:
    """Everything about the host's files that a program could have changed."""
    host = root.with_name("host")
    facts = {}
    for path in [host, *host.rglob("*")]:
        info = path.stat()
        content = b"" if path.is_dir() else path.read_bytes()
        facts[str(path.relative_to(host))] = (info.st_mode, info.st_mtime_ns, content)
    return facts


def attacked(interpreter: str, root, rounds: int, *without: str) -> bytes:
    """What an interpreter prints that is shut in, but without some means, while its files are swapped."""
    with swapping(root, "d=link", "file=filelink"):
        command = [sys.executable, "-c", interpreter, root, str(rounds), SCRIPT, *without]
        done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.endswith(b"done\n")
    return done.stdout


def test_what_checks_a_path_and_then_opens_it_is_led_outside(root):
    """So the tests below attack something."""
    before = of_the_host(root)
    assert any(
        SECRET in attacked(NAIVE, root, 500, NAMESPACE, LANDLOCK) or of_the_host(root) != before for _ in range(50)
    )


@pytest.mark.parametrize("without", [(), (LANDLOCK,)], ids=["both", "namespace alone"])
def test_60_000_tries_of_it_read_nothing_of_the_host_and_change_nothing(root, without):
    if "mount namespace" not in sandbox.means():
        pytest.skip("this machine lets nobody make a mount namespace")
    before = of_the_host(root)
    printed = attacked(NAIVE, root, 6_000, *without)
    assert SECRET not in printed
    assert printed.count(b"\n") > 500  # it has read and listed what is its own
    assert of_the_host(root) == before


def test_landlock_alone_keeps_contents_safe_but_not_modes_and_times(root):
    """What needs no opening (chmod, touch) is beyond it, and README says so."""
    if "Landlock" not in sandbox.means():
        pytest.skip("this kernel has no Landlock")
    before = of_the_host(root)
    printed = attacked(NAIVE, root, 6_000, NAMESPACE)
    assert SECRET not in printed
    assert {path: facts[2] for path, facts in of_the_host(root).items()} == {p: facts[2] for p, facts in before.items()}


def test_the_shell_is_led_nowhere_even_where_nothing_shuts_it_in(root):
    """As on macOS: its files are opened by descriptors from the root folder on."""
    before = of_the_host(root)
    printed = attacked(SHELL, root, 2_000, NAMESPACE, LANDLOCK)
    assert SECRET not in printed
    assert printed.count(b"\n") > 100
    assert of_the_host(root) == before


def shut_in(root, code: str, *, user: int | None = None) -> dict[str, str]:
    """What lines of Python do in a process that is shut in: their value, or the name of the error."""
    script = f"""
import json, os, socket, sys
from pathlib import Path
from imagelab.runtime import sandbox
import ctypes, errno
sandbox.enter(Path(sys.argv[1]))
results = {{}}
for line in {code.strip().splitlines()!r}:
    try:
        results[line] = repr(eval(line))
    except OSError as error:
        results[line] = errno.errorcode[error.errno]
print(json.dumps(results))
"""
    who = {"user": user, "group": user, "extra_groups": []} if user else {}
    done = subprocess.run([sys.executable, "-c", script, root], capture_output=True, cwd="/", **who)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_nothing_but_the_root_and_what_python_reads_is_there(root):
    tried = shut_in(root, f"""
open({str(root / "d/f")!r}).read()
open({str(root.with_name("host") / "f")!r}).read()
os.chmod({str(root.with_name("host") / "f")!r}, 0o777)
os.stat({str(root.with_name("host"))!r})
open("/etc/passwd")
open("/proc/1/root/etc/passwd")
os.listdir("/proc/self/root/etc")
open(os.__file__, "a")
os.listdir("/home")
len(open("/dev/null", "w").name)
socket.create_connection(("127.0.0.1", 9))
os.kill(os.getppid(), 0)
os.execv("/bin/sh", ["sh"])
os.mknod({str(root / "zero")!r}, 0o20666, os.makedev(1, 5))
""")  # fmt: skip
    values = list(tried.values())
    assert values[0] == "'inside\\n'"
    assert values[1:9] == [v if v in ("ENOENT", "EACCES", "EROFS") else "refused" for v in values[1:9]], tried
    assert values[9] == "9"
    assert all(value in ("EACCES", "EPERM", "ENOENT", "ENETUNREACH") for value in values[10:]), tried


@pytest.mark.parametrize("move", ["os.rename(a, b)", "os.link(a, b)", "os.symlink('/x', b)", "os.truncate(a, 0)"])
def test_what_is_inside_can_be_changed_in_every_way(root, move):
    places = {"a": str(root / "d/f"), "b": str(root / "d/e/new")}
    for name, place in places.items():
        move = move.replace(f"{name},", f"{place!r},").replace(f" {name})", f" {place!r})")
    assert shut_in(root, move) == {move: "None"}


def test_what_the_machine_can_do_is_said(root):
    assert set(sandbox.means()) <= {"mount namespace", "Landlock"}
    if os.geteuid() == 0:
        assert sandbox.means()  # as root, on a machine that runs these tests, one of them at least
