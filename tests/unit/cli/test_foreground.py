"""A foreground container is ours to interrupt and not ours to take along: real processes, real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from imagelab import Entry
from unit.cli.conftest import BASE, LOOP

TRAP = "trap 'echo heard; exit 9' INT TERM; echo up; while true; do sleep 0.1; done"


@contextmanager
def imagelab(home, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A command as a process of its own, which has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imagelab", "--home", str(home), *args],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout and process.stdout.readline() == "up\n"
        yield process


@pytest.fixture
def linux(box, busybox, bwrap):
    """An image whose programs are processes of Linux and can handle signals."""
    files = {f"bin/{name}": Entry.symlink("busybox") for name in ("sh", "sleep", "echo", "cat")}
    files["bin/busybox"] = Entry.file(busybox.read_bytes(), 0o755)
    box.tag(box.append(None, files).with_config(Env=["PATH=/bin"]), "linux:1")
    return "linux:1"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_the_containers(home, box, linux, number):
    with imagelab(home, "run", "--name", "one", linux, "sh", "-c", TRAP) as process:
        process.send_signal(number)
        assert process.communicate() == ("heard\n", "")
    assert process.returncode == box.container("one").exit_code == 9


def test_the_third_interrupt_leaves_it_running(home, box):
    """And those that follow, while it leaves, change nothing."""
    with imagelab(home, "run", "--name", "one", BASE, *LOOP) as process:
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr or []))
        reader.start()
        while len(lines) < 2 and process.poll() is None:  # those that come while one is handled are one with it
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.3)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
        reader.join()
        assert lines == [
            "Interrupted: so is the container. Once more, and it goes on without us.\n",
            "The container one goes on in the background; stop it with: stop one\n",
        ]
    assert process.returncode == 130
    assert box.container("one").running


def test_run_killed_leaves_it_running(home, box):
    with imagelab(home, "run", "--name", "one", BASE, *LOOP) as process:
        process.kill()
    assert box.container("one").running
    box.container("one").kill()
    assert box.container("one").exit_code == 137


def test_logs_that_are_followed_end_with_ctrl_c_or_with_the_container(home, box):
    box.run(BASE, *LOOP, name="one", detach=True)
    with imagelab(home, "logs", "-f", "one") as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate()[1] == ""
    assert process.returncode == 130
    with imagelab(home, "logs", "-f", "one") as process:
        box.container("one").kill()
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_endless_output_ends_with_its_reader(home, box):
    """As in `imagelab run … | head -1`; the container goes on, and its log does not grow for ever."""
    with imagelab(home, "run", "--name", "one", BASE, "sh", "-c", "while true; do echo up; done") as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
    box.container("one").remove(force=True)


def test_bytes_pass_as_they_are(home, box, linux):
    data = bytes(range(256)) * 300
    done = subprocess.run(
        [sys.executable, "-m", "imagelab", "--home", str(home), "run", "--rm", "-i", linux, "cat"],
        input=data, capture_output=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


def test_a_standard_input_that_is_closed_is_empty(home, box):
    line = f'"$PYTHON" -m imagelab --home "$HOME_OF_LAB" run --rm -i {BASE} sh -c "cat; echo end" <&-'
    env = {**os.environ, "PYTHON": sys.executable, "HOME_OF_LAB": str(home)}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=env, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
