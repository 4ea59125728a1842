"""A container outlives whoever started it, and what is damaged or full harms nobody else."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import nullcontext, redirect_stderr

import pytest

from imagelab import Lab
from imagelab.containers.container import Container
from imagelab.containers.record import Record, State
from imagelab.errors import Interrupted, LabError, NotFound
from imagelab.runtime import worker
from unit.containers.conftest import LOOP, Said, exists, started

pytestmark = pytest.mark.slow


def test_by_name_by_id_and_by_its_start(lab, base):
    made = lab.create(base, "true", name="web")
    for text in ("web", "/web", made.id, made.short, made.id[:3]):
        assert lab.container(text) == made
    with pytest.raises(NotFound, match="No such container: nosuch"):
        lab.container("nosuch")
    assert lab.containers(all=False) == []


def test_it_outlives_the_process_that_started_it(lab, base):
    script = (
        "import os, signal, sys; from imagelab import Lab\n"
        f"web = Lab(sys.argv[1]).run('lab/shell:1.0', 'sh', '-c', {LOOP!r}, name='web', detach=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(lab.home)])
    assert done.returncode == -signal.SIGKILL
    web = lab.container("web")
    assert web.running
    assert exists(web.pid)
    assert web.exec("true") == 0


def test_it_outlives_somebody_who_watched(lab, base):
    script = (
        "import os, signal, sys; from imagelab import Lab\n"
        "def seen(stream, data): os.kill(os.getpid(), signal.SIGKILL)\n"
        "Lab(sys.argv[1]).run('lab/shell:1.0', 'sh', '-c', 'echo up; sleep 0.2; echo more; sleep 0.2; exit 4',"
        " name='web', output=seen)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(lab.home)]).returncode == -signal.SIGKILL
    web = lab.container("web")
    assert web.wait() == 4
    assert web.logs() == "up\nmore\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, whose kernel ends a program with its parent")
def test_a_killed_supervisor_takes_its_program_along_and_the_state_says_so(lab, base, linux):
    for image in (base, linux):
        web = started(lab, image)
        pid = web.pid
        shim = int(web.root.with_name("alive").read_text().removeprefix("shim "))
        os.kill(shim, signal.SIGKILL)
        assert web.wait() == 255
        assert (web.status, web.state.error) == ("exited", "its supervisor was killed")
        while exists(pid):  # the kernel is on its way
            pass
        web.start()
        assert web.running


def test_after_a_reboot_nothing_claims_to_run(lab, base):
    made = lab.create(base, "true")
    state = made.root.with_name("state.json")
    told = json.loads(state.read_bytes()) | {"status": "running", "pid": 1, "started": "2026-01-01T00:00:00Z"}
    state.write_text(json.dumps(told))
    assert (made.status, made.exit_code, made.pid) == ("exited", 255, None)
    assert json.loads(state.read_bytes())["status"] == "exited"


def test_an_interrupt_reaches_the_program_first(lab, linux):
    class Interrupts(Said):
        def __call__(self, stream, data):
            super().__call__(stream, data)
            if data == b"up\n":
                signal.raise_signal(signal.SIGINT)

    printed = Interrupts()
    script = "trap 'echo got; exit 5' INT; echo up; while :; do sleep 0.05; done"
    made = lab.run(linux, "sh", "-c", script, output=printed)
    assert (printed.on(), made.exit_code) == ("up\ngot\n", 5)


def test_one_that_ignores_an_interrupt_is_killed_by_the_second(lab, linux):
    """The first is its own to handle; that it goes on is said; and what it prints meanwhile is not lost."""

    class InterruptsTwice(Said):
        def __call__(self, stream, data):
            super().__call__(stream, data)
            if len(self.parts) == 1 or stderr.getvalue().endswith("interrupt again to kill it\n"):
                signal.raise_signal(signal.SIGINT)

    printed = InterruptsTwice()
    script = "trap 'echo got' INT; echo up; while :; do sleep 0.05; echo on; done"
    with redirect_stderr(io.StringIO()) as stderr, pytest.raises(Interrupted, match="the container web was killed"):
        lab.run(linux, "sh", "-c", script, name="web", output=printed)
    web = lab.container("web")
    assert (web.status, web.exit_code) == ("exited", 137)
    assert "up\n" in printed.on() and "got\n" in printed.on()


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_of_one_that_is_only_waited_for(lab, linux, times):
    """`lab.run` without an output: as with one."""
    script = "trap 'exit 7' INT; echo up; while :; do sleep 0.05; done"
    deaf = "trap '' INT; echo up; while :; do sleep 0.05; done"
    here = threading.main_thread().ident

    def press():
        web = next(iter(lab.containers()), None)
        while web is None or not web.running or "up" not in web.logs():
            web = next(iter(lab.containers()), None)
        signal.pthread_kill(here, signal.SIGINT)
        while times == 2 and "interrupt again to kill it" not in stderr.getvalue():
            pass
        if times == 2:
            signal.pthread_kill(here, signal.SIGINT)

    with redirect_stderr(io.StringIO()) as stderr:
        presses = threading.Thread(target=press)
        presses.start()
        try:
            if times == 1:
                assert lab.run(linux, "sh", "-c", script).exit_code == 7
            else:
                with pytest.raises(Interrupted, match="was killed"):
                    lab.run(linux, "sh", "-c", deaf, name="web")
                assert lab.container("web").exit_code == 137
        finally:
            presses.join()


@pytest.mark.parametrize("detach", [False, True])
def test_an_interrupt_while_it_is_being_started_counts(lab, linux, monkeypatch, detach):
    """It waits until the program runs, and is sent to it if the caller attends; no container is left half made.

    A shell that has only just begun, and is the first process of its container, does not hear SIGINT yet. So SIGKILL is
    sent in its place.
    """
    begin, send, sent = worker.begin, Container._signal, []

    def interrupted(*args, **named):
        signal.raise_signal(signal.SIGINT)
        return begin(*args, **named)

    def sent_as_kill(self, number):
        sent.append((number, self.status))
        send(self, signal.SIGKILL)

    monkeypatch.setattr(worker, "begin", interrupted)
    monkeypatch.setattr(Container, "_signal", sent_as_kill)
    with pytest.raises(KeyboardInterrupt) if detach else nullcontext():
        lab.run(linux, "sh", "-c", "while :; do sleep 0.05; done", name="web", detach=detach)
    web = lab.container("web")
    assert (web.status, sent) == (("running", []) if detach else ("exited", [(signal.SIGINT, "running")]))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("before", [True, False])
def test_an_interrupt_while_it_is_told_how_to_kill_it_kills_it(lab, linux, before):
    class Presses(io.StringIO):
        def write(self, text):
            if "interrupt again to kill it" in text and before:
                signal.raise_signal(signal.SIGINT)
            if text == "\n" and not before:
                signal.raise_signal(signal.SIGINT)
            return super().write(text)

    def press(stream, data):
        signal.raise_signal(signal.SIGINT)

    with redirect_stderr(Presses()), pytest.raises(Interrupted, match="was killed"):
        lab.run(linux, "sh", "-c", "trap '' INT; echo up; while :; do sleep 0.05; done", name="web", output=press)
    assert lab.container("web").exit_code == 137


# What is damaged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["state.json", "config.json", "before.json"])
def test_a_damaged_record_harms_nobody_else(lab, base, name):
    good, bad = lab.create(base, "true", name="good"), lab.create(base, "true", name="bad")
    (bad.root.with_name(name)).write_text("{nonsense")
    assert {one.id for one in lab.containers()} == {good.id, bad.id}
    found = lab.container(bad.id)
    with pytest.raises(LabError, match=f"is damaged.*{name}.*remove it with: rm -f"):
        found.diff() if name == "before.json" else found.start()
    found.remove(force=True)
    assert lab.containers() == [good]
    assert good.start(wait=True).exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, whose kernel ends a program with its parent")
def test_a_damaged_one_that_runs_is_ended_too(lab, base):
    web = started(lab, base)
    pid = web.pid
    web.root.with_name("state.json").write_text("")
    web.remove(force=True)
    while exists(pid):  # the kernel is on its way
        pass
    assert lab.containers() == []


def test_a_program_that_fills_the_disk_at_once_is_running_all_the_same(small_disk):
    """The room for its state is taken before it starts."""
    folder = small_disk(1) / "one"
    folder.mkdir()
    record = Record(folder)
    running = State("running", pid=os.getpid(), started="2026-01-01T00:00:00Z", runtime="shell")
    with record.room_for_state() as write, (folder / "big").open("wb", buffering=0) as big:
        with pytest.raises(OSError, match="No space left"):
            while big.write(bytes(4096)):
                pass
        with pytest.raises(OSError, match="No space left"):
            record.write(running)
        write(running)
    assert State.parse((folder / "state.json").read_bytes()) == running
    assert sorted(path.name for path in folder.iterdir()) == ["big", "state.json"]


def test_no_room_for_a_state_leaves_nothing(tmp_path):
    with pytest.raises(LabError), Record(tmp_path).room_for_state():
        raise LabError("it could not be started")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_ends_nothing_and_hides_nothing(small_disk, linux, lab, tmp_path):
    small = small_disk(6)
    lab.save(linux, tmp_path / "linux.tar")
    tight = Lab(small / "home")
    (loaded,) = tight.load(tmp_path / "linux.tar")
    shell = tight.base()
    web = started(tight, shell)
    fill = tight.run(loaded.image, "sh", "-c", "dd if=/dev/zero of=/big bs=1000000 count=20; exit 7")
    assert (fill.exit_code, fill.state.error) == (7, "")
    assert web.running
    for attempt in (lambda: tight.create(shell, "true"), lambda: fill.commit("x:1"), lambda: fill.start()):
        with pytest.raises((LabError, OSError), match=r"[Nn]o space left"):
            attempt()
    assert [path.name for path in (small / "home" / "containers").iterdir() if path.name.startswith(".new")] == []
    web.kill()
    assert web.exit_code == 137
    fill.remove()
    web.remove()
    assert tight.verify() == []
    assert tight.run(shell, "sh", "-c", "exit 3").exit_code == 3


def test_a_root_folder_that_is_gone_is_told(lab, base):
    made = lab.create(base, "true", name="web")
    os.rename(made.root, made.root.with_name("elsewhere"))
    with pytest.raises(LabError, match="the root folder of the container web is gone"):
        made.start()
    made.remove()


def test_no_word_may_hold_a_nul(lab, base):
    for settings in ({"env": ["A=\0"]}, {"workdir": "/\0"}, {"user": "\0"}):
        with pytest.raises(LabError, match="holds a NUL"):
            lab.create(base, "true", **settings)
    with pytest.raises(LabError, match="holds a NUL"):
        lab.create(base, "sh", "-c", "\0")
    assert lab.containers() == []


def test_a_file_that_looks_like_a_whiteout_cannot_be_committed(lab, linux):
    made = lab.run(linux, "touch", "/.wh.x")
    assert made.diff() == [("A", "/.wh.x")]
    with pytest.raises(LabError, match=r"\.wh\."):
        made.commit()


def test_a_crash_while_it_is_made_leaves_no_name_taken(lab, base, monkeypatch):
    monkeypatch.setattr("imagelab.containers.collection.remove_folder", lambda folder: None)  # as kill -9 would

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("imagelab.containers.collection.clone", full)
        with pytest.raises(LabError, match="no space left"):
            lab.create(base, "true", name="web")
    assert lab.containers() == []
    monkeypatch.undo()
    assert lab.create(base, "true", name="web").name == "web"
    assert not list((lab.home / "containers").glob(".new-*"))
