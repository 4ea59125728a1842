"""The limits of the shell's interpreter: what goes over one is an error in words, and never a silently short result."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from imagelab.runtime.program import Program, Streams, named

MEGABYTE = 1_000_000
Answer = tuple[int, bytes, str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").write_bytes(b"#!imagelab-shell\n")
    (tmp_path / "bin/sh").chmod(0o755)
    (tmp_path / "dev").mkdir()
    return tmp_path


def run(root: Path, script: str, stdin: bytes = b"", timeout: float = 60) -> Answer:
    """Exit code, standard output and standard error of a script."""
    program = Program(("sh", "-c", script), {"PATH": "/bin"}, "/", timeout=timeout)
    with (root.with_name("in")).open("w+b") as given, root.with_name("err").open("w+b") as errors:
        given.write(stdin)
        given.seek(0)
        running = named("shell").start(root, program, Streams(given.fileno(), subprocess.PIPE, errors.fileno()))
        assert running.process.stdout
        out = running.process.stdout.read()
        code = running.process.wait()
        errors.seek(0)
        return code, out, errors.read().decode()


def test_a_service_that_loops_is_ended_by_its_time_alone(root):
    code, out, err = run(root, "i=0; while [ $i -lt 120000 ]; do i=$((i+1)); done; echo $i")
    assert (code, out, err) == (0, b"120000\n", "")


def test_time(root):
    code, out, err = run(root, "while true; do :; done", timeout=0.1)
    assert (code, out) == (1, b"") and "execution timeout" in err


@pytest.mark.parametrize("depth, reached", [(15, True), (16, False), (200, False)])
def test_functions_nest_16_deep(root, depth, reached):
    """A limit of the interpreter that cannot be set."""
    code, out, err = run(root, f"f() {{ [ $1 -eq 0 ] || f $(($1 - 1)); }}; f {depth}; echo reached")
    if reached:
        assert (code, out, err) == (0, b"reached\n", "")
    else:
        assert (code, out) == (1, b"") and "maximum function depth exceeded (16)" in err


@pytest.mark.parametrize("megabytes", [1, 30, 100])
def test_files_have_no_limit_of_their_own(root, megabytes):
    script = f"head -c {megabytes}000000 /dev/zero > a; cat a > b; cp b c; tail -c 2000000 c > d; tar -cf e.tar c"
    assert run(root, script) == (0, b"", "")
    assert {name: (root / name).stat().st_size for name in "abc"} == dict.fromkeys("abc", megabytes * MEGABYTE)
    assert (root / "e.tar").stat().st_size > megabytes * MEGABYTE


@pytest.mark.parametrize("script", ["cat big", "yes | head -c 12000000"])
def test_standard_output_that_is_lost_is_told(root, script):
    (root / "big").write_bytes(b"x" * 12 * MEGABYTE)
    code, out, err = run(root, script)
    assert code == 1 and len(out) == 10 << 20 and "are the limit: anything more is lost" in err


@pytest.mark.parametrize("script", ["x=$(cat big); echo ${#x}", "sort big | wc -l", "wc -c < big", "grep -c x big"])
def test_what_the_interpreter_cannot_hold_is_an_error(root, script):
    (root / "big").write_bytes(b"x" * 40 * MEGABYTE)
    code, out, err = run(root, script)
    assert (code, out) == (1, b"") and "limit exceeded" in err


def test_standard_input(root):
    assert run(root, "wc -c", b"x" * 9_000_000) == (0, b"9000000\n", "")
    code, out, err = run(root, "wc -c", b"x" * 10_000_001)
    assert (code, out) == (1, b"") and "more than 10000000 bytes is not supported" in err


@pytest.mark.parametrize("command", ["df", "free", "http a", "uptime", "watch true", "mkfifo a", "ssh a", "nosuch"])
def test_what_it_cannot_do_is_an_error(root, command):
    code, out, err = run(root, command)
    assert code and not out and command.split()[0] in err


def test_removing_everything_removes_what_it_can(root):
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    code, out, err = run(root, "rm -rf /; echo $?")
    assert (code, out) == (0, b"1\n") and "can't remove '/dev/null': Device or resource busy" in err
    assert sorted(path.name for path in root.iterdir()) in ([], ["dev"])


@pytest.mark.parametrize("folder", ["dev", "proc", "sys"])
@pytest.mark.parametrize("command", ["rm -r /{0}", "rm -rf /{0}", "mv /{0} /x"])
def test_a_mount_point_is_busy(root, folder, command):
    """As in docker, where something is mounted on each: `diff` has no line for it."""
    (root / folder).mkdir(exist_ok=True)
    code, out, err = run(root, command.format(folder))
    assert (code, out) == (1, b"") and "Device or resource busy" in err
    assert (root / folder).is_dir()
