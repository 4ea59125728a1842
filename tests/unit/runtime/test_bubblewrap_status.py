"""What bubblewrap cannot start is told in docker's words, with its exit codes, and never in bubblewrap's."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from imagelab import Entry, Lab
from imagelab.errors import LabError
from imagelab.runtime.process import watch
from imagelab.runtime.program import CannotStart, Program, Streams

WORDS = {  # (user, directory, program): the exit code and the words; None for one that starts
    ((0, 0), "/", "/srv/runs"): None,
    ((0, 0), "/", "/srv/for-root"): None,
    ((0, 0), "/srv/locked", "/srv/runs"): None,
    ((0, 0), "/", "/srv/gone"): (127, "exec /srv/gone: no such file or directory"),
    ((0, 0), "/", "/srv/folder"): (126, "exec /srv/folder: permission denied"),
    ((0, 0), "/", "/srv/plain"): (126, "exec /srv/plain: permission denied"),
    ((0, 0), "/", "/srv/runs/"): (125, "exec /srv/runs/: not a directory"),
    ((0, 0), "/", "/srv/loop"): (126, "exec /srv/loop: too many levels of symbolic links"),
    ((0, 0), "/", "/srv/no-loader"): (127, "the loader or interpreter that it names is not in the container"),
    ((0, 0), "/gone", "/srv/runs"): (127, 'chdir to cwd ("/gone"): no such file or directory'),
    ((0, 0), "/srv/plain", "/srv/runs"): (127, 'chdir to cwd ("/srv/plain"): not a directory'),
    ((1000, 50), "/", "/srv/runs"): None,
    ((1000, 50), "/", "/srv/for-root"): (126, "exec /srv/for-root: permission denied"),
    ((1000, 50), "/", "/srv/locked/runs"): (126, "exec /srv/locked/runs: permission denied"),
    ((1000, 50), "/srv/locked", "/srv/runs"): (126, 'chdir to cwd ("/srv/locked"): permission'),
}  # fmt: skip


@pytest.fixture
def image(tmp_path, busybox, bwrap):
    """Programs of many kinds, as an archive."""
    run = b"#!/bin/sh\necho ran\n"
    files = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "echo", "sleep", "kill")}
    files |= {
        "bin/busybox": Entry.file(busybox.read_bytes(), 0o755), "srv/runs": Entry.file(run, 0o755),
        "srv/for-root": Entry.file(run, 0o700), "srv/plain": Entry.file(run, 0o644), "srv/folder": Entry.dir(),
        "srv/loop": Entry.symlink("loop"), "srv/no-loader": Entry.file(b"#!/no/interpreter\n", 0o755),
        "srv/locked": Entry.dir(0o700), "srv/locked/runs": Entry.file(run, 0o755), "tmp": Entry.dir(0o1777),
    }  # fmt: skip
    lab = Lab(tmp_path / "home", current=False)
    lab.append(None, files, "programs:1")
    return lab


def outcome(root, case) -> tuple[int, str]:
    """What comes of a program that nobody has looked at beforehand: its exit code, and what was said."""
    from imagelab.runtime import bubblewrap

    user, cwd, name = case
    program = Program((name,), {"PATH": "/bin"}, cwd, user)
    out: list[str] = []
    try:
        code = watch(bubblewrap.start(root, program, Streams()), program, lambda _, data: out.append(data.decode()))
    except CannotStart as error:
        return error.code, str(error)
    return code, "".join(out)


def check(case, code: int, words: str) -> None:
    if WORDS[case] is None:
        assert (code, words) == (0, "ran\n"), case
    else:
        assert code == WORDS[case][0], (case, words)
        words = words.replace(" set in config.json failed", "")
        assert WORDS[case][1] in words and "bwrap" not in words and "\n" not in words


@pytest.mark.parametrize("case", WORDS, ids=lambda case: f"{case[0][0]}-{case[1]}-{case[2]}")
def test_as_root_or_whoever_runs_this(image, case):
    made = image.create("programs:1", "none")
    if os.geteuid() != 0 and (case[0] != (0, 0) or "root" in case[2]):  # one user has all the files here
        case = ((0, 0), "/", "/srv/runs")
    check(case, *outcome(made.root, case))


SCRIPT = """
import json, os, sys
from imagelab import Lab
from imagelab.runtime import bubblewrap
from imagelab.runtime.program import Program, Streams
from unit.runtime.test_bubblewrap_status import WORDS, outcome
lab = Lab(sys.argv[1], current=False)
made = lab.create("programs:1", "none")
made.remove()
warm = lab.create("programs:1", "none")
outcome(warm.root, [*WORDS][0])
os.system(f"chown -R 12345:12345 {lab.home}")
os.setgroups([]); os.setgid(12345); os.setuid(12345)
print(json.dumps([outcome(warm.root, case) for case in WORDS if case[0] == (0, 0)]))
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to become somebody else")
def test_as_an_ordinary_user(image, tmp_path):
    for folder in (tmp_path, *tmp_path.parents):
        if "pytest" in str(folder):
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, image.home], capture_output=True, cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    cases = [case for case in WORDS if case[0] == (0, 0)]
    for case, (code, words) in zip(cases, json.loads(done.stdout), strict=True):
        check(case, code, words)


def test_a_program_may_print_what_bubblewrap_would(image):
    line = "bwrap: execvp /bin/x: No such file or directory"
    made = image.run("programs:1", "/bin/sh", "-c", f"echo '{line}' >&2; exit 1")
    assert (made.exit_code, made.logs(), made.status) == (1, f"{line}\n", "exited")
    assert image.run("programs:1", "/bin/sh", "-c", "kill -9 $$; exit 7").exit_code == 7


@pytest.mark.parametrize("how", ["start", "run", "exec"])
def test_what_goes_away_between_the_look_and_the_start(image, monkeypatch, how):
    """The program is there when it is looked for, and gone when it is to run; the container stays created."""
    from imagelab.containers import container

    made = image.create("programs:1", *(("/bin/sleep", "99") if how == "exec" else ("/srv/runs",)))
    if how == "exec":
        made.start()
    look = container.runtime_of

    def look_and_remove(*args, **more):
        runtime = look(*args, **more)
        (made.root / "srv/runs").unlink()
        return runtime

    monkeypatch.setattr(container, "runtime_of", look_and_remove)
    try:
        with pytest.raises(CannotStart, match="exec /srv/runs: no such file or directory") as caught:
            if how == "start":
                made.start()
            elif how == "run":
                made.start(wait=True, output=lambda *_: None)
            else:
                made.exec("/srv/runs")
        assert caught.value.code == 127
        assert made.status == ("running" if how == "exec" else "created")
        if how != "exec":
            assert made.state.exit_code == 127
            assert made.logs() == ""
    finally:
        made.remove(force=True)


def test_too_long_an_argument_is_told(image):
    with pytest.raises(CannotStart, match="exec /srv/runs: argument list too long") as caught:
        image.run("programs:1", "/srv/runs", "x" * 200_000)
    assert caught.value.code == 126
    with pytest.raises(LabError, match="argument list too long"):
        image.build({"Dockerfile": f"FROM programs:1\nENV A={'x' * 140_000}\nRUN /srv/runs\n"})


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x7fELF", "exec format error: it is a damaged ELF program"),
        (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x01\x00\x3e\x00" + bytes(100), "it is a damaged ELF program"),
        (b"#!", "exec format error"),
        (b"#!/srv/odd\n", "too many levels of symbolic links"),
        (b"", "exec format error"),
    ],
)
def test_what_is_no_program_is_not_run_as_a_script(image, head, words):
    """The C library would give a file that the kernel refuses to /bin/sh."""
    lab = image
    odd = lab.append("programs:1", {"srv/odd": Entry.file(head, 0o755)})
    with pytest.raises(CannotStart, match=words) as caught:
        lab.run(odd, "/srv/odd")
    assert caught.value.code == 126


@pytest.mark.parametrize("command", ['["/srv/for-root"]', '["/srv/locked/runs"]', '["/srv/loop"]', '["/srv/runs/"]'])
def test_a_build_tells_it_too(image, command):
    with pytest.raises(LabError) as caught:
        image.build({"Dockerfile": f"FROM programs:1\nUSER 1000:50\nRUN {command}\n"})
    assert "bwrap" not in str(caught.value) and "exec" in str(caught.value)
