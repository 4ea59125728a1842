"""What a script in a container is told when it cannot be run, or takes too much."""

from __future__ import annotations

import threading

import pytest

from imagelab import Entry
from imagelab.errors import LabError
from imagelab.runtime import sandbox
from imagelab.runtime.process import kill_watched_by
from imagelab.runtime.program import CannotStart
from unit.containers.conftest import Said, started


def test_a_script_that_is_none_is_told(lab, base):
    one, said = started(lab, base), Said()
    assert one.exec("sh", "-c", "if then", output=said) == 2
    assert said.on("stderr").startswith("sh: parse error at line 1") and said.on() == ""


def test_a_script_that_takes_too_long_is_stopped_and_told(lab, base):
    one, said = started(lab, base), Said()
    with pytest.raises(LabError, match="sh ran longer than 1 second and was stopped"):
        one.exec("sh", "-c", "echo begun; while true; do sleep 1; done", output=said, timeout=1)
    assert said.on() == "begun\n"
    assert one.running


def test_a_script_is_stopped_by_another_thread(lab, base):
    one, said = started(lab, base), Said()
    waiting = threading.get_ident()

    def output(stream, data):
        said(stream, data)
        threading.Thread(target=kill_watched_by, args=[waiting]).start()  # it has begun: stop it

    code = one.exec("sh", "-c", "echo begun; while true; do sleep 1; done; touch /late", output=output)
    assert code == 137 and said.on() == "begun\n" and one.running and one.diff() == []
    kill_watched_by(waiting)
    assert one.exec("sh", "-c", "exit 3") == 3, "what has ended before is not what is stopped"


def test_a_script_in_a_process_of_its_own_says_so_too(lab, base):
    one = lab.run(base, "sh", "-c", "if then")
    assert one.exit_code == 2 and one.logs().startswith("sh: parse error")


def test_where_nothing_shuts_workers_in_a_container_runs_one_kind_of_program_at_a_time(lab, linux, monkeypatch):
    web = started(lab, lab.append(linux, {"bin/lab": Entry.file(b"#!imagelab-shell\n", 0o755)}))
    assert web.exec("/bin/lab", "-c", "true") == 0
    monkeypatch.setattr(sandbox, "available", lambda: False)
    with pytest.raises(CannotStart, match="runs one kind of program at a time"):
        web.exec("/bin/lab", "-c", "true")
    assert web.exec("/bin/true") == 0


def test_removing_everything_changes_the_container_and_not_its_image(lab, base):
    before = {path: entry.mode for path, entry in base.tree().items()}
    one = lab.create(base, "sh", "-c", "rm -rf /; echo $?")
    one.start()
    assert one.wait() == 0 and "1" in one.logs().splitlines() and "can't remove '/'" in one.logs()
    assert one.diff() == [("D", "/bin"), ("D", "/etc"), ("D", "/root"), ("D", "/tmp")]
    assert {path: entry.mode for path, entry in base.tree().items()} == before
    assert {"bin", "etc", "root", "tmp"} <= set(lab.run(base, "sh", "-c", "ls /").logs().split())
