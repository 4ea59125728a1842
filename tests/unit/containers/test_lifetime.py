"""A temporary lab leaves no process behind, whether it is forgotten, its maker ends, or its maker is killed."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.containers.record import Record
from imagelab.host.locks import flock
from unit.containers.conftest import LOOP

MAKER = f"""
import sys
import threading
from contextlib import suppress
from imagelab import Lab

lab = Lab.temporary()
one = lab.run(lab.base(), "sh", "-c", {LOOP!r}, detach=True)
next(one.log(follow=True))
print(lab.home, one.id, one.pid, flush=True)
sys.stdin.read()
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


@pytest.fixture
def maker():
    """A process that has made a temporary lab, with a container that runs: the process, the record, its PID."""
    process = subprocess.Popen([sys.executable, "-c", MAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    home, id_, pid = process.stdout.readline().split()
    yield process, Record(Path(home) / "containers" / id_), int(pid)
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_forgotten_lab_ends_its_containers_and_its_folder():
    lab = Lab.temporary()
    one = lab.run(lab.base(), "sh", "-c", LOOP, detach=True)
    pid, home = one.pid, lab.home
    assert one.running and not gone(pid)
    del lab, one
    gc.collect()
    assert not home.parent.exists()
    while not gone(pid):  # the kernel is on its way
        pass


def test_the_end_of_its_maker_is_its_end(maker):
    process, record, pid = maker
    assert record.alive()
    process.stdin.close()
    assert process.wait() == 0
    assert not record.folder.exists()
    assert gone(pid)


def test_a_killed_maker_takes_its_containers_along(maker):
    process, record, pid = maker
    process.send_signal(signal.SIGKILL)
    process.wait()
    with flock(record.folder / "alive", shared=True):  # free when its shim has ended
        assert gone(pid)
    assert (record.state().status, record.state().exit_code) == ("exited", 137)


def test_a_lab_that_stays_keeps_its_containers(lab, base):
    """Not every lab has a keeper: what runs in one with a folder of its own goes on."""
    assert not (lab.home / "containers" / ".owner").exists()


BEGINNING = """
import fcntl, os, sys
alive = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(alive, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.readline()
os.pwrite(alive, f"shim {os.getpid()}".encode(), 0)
sys.stdin.read()
"""


def test_a_shim_that_has_not_written_its_pid_yet_is_ended_too(tmp_path):
    """It holds its lock a moment before it writes its PID."""
    command = [sys.executable, "-c", BEGINNING, tmp_path / "alive"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shim:

        class Asked(Record):
            def alive(self):
                answer = super().alive()
                with suppress(BrokenPipeError):
                    shim.stdin.write(b"\n")  # it goes on only when it has been asked for
                    shim.stdin.flush()
                return answer

        try:
            assert shim.stdout.readline() == b"locked\n"
            ending = threading.Thread(target=Asked(tmp_path).end, daemon=True)
            ending.start()
            ending.join(30)
            assert not ending.is_alive()
            assert shim.wait(30) == -signal.SIGKILL
        finally:
            shim.kill()
