"""`imagelab doctor`: what it tries on this machine, and the remedy that it names for each lack."""

from __future__ import annotations

import socket
import webbrowser
from importlib import metadata

import pytest

from imagelab.cli import doctor, run
from imagelab.runtime import bubblewrap


@pytest.fixture
def lines(capsys, monkeypatch, tmp_path):
    """`lines()` runs it; gives its exit code and its lines by subject, a remedy after its own."""
    monkeypatch.setenv("IMAGELAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("a-browser"))

    def answer():
        code = run(["doctor"])
        out, err = capsys.readouterr()
        rows, subject = {}, ""
        for line in out.splitlines():
            if "  -> " in line:
                rows[subject] += f" {line.strip()}"
            else:
                mark, _, rest = line.partition(" ")
                subject, _, state = rest.strip().partition("  ")
                rows[subject] = f"{mark}: {state.strip()}"
        return code, rows, err

    return answer


def test_on_this_machine_everything_is_tried(lines, tmp_path):
    code, rows, err = lines()
    assert (code, err) == (0, "")
    assert rows["Python"].startswith("ok: 3.")
    assert rows["containers"] == "ok: one has run and printed '42', exit code 0"
    assert rows["drawings"].startswith("ok: a picture of ")
    assert rows["packages"].startswith("ok: ") and metadata.version("jupyterlab") in rows["packages"]
    assert str(tmp_path / "home") in rows["store"]
    assert not (tmp_path / "home").exists(), "nothing is left behind"


def test_a_package_that_is_missing_or_too_old_is_a_problem(lines, monkeypatch):
    real = metadata.version

    def version(name):
        if name == "pandas":
            raise metadata.PackageNotFoundError(name)
        return "3.0" if name == "jupyterlab" else real(name)

    monkeypatch.setattr(doctor.metadata, "version", version)
    code, rows, err = lines()
    assert code == 1 and "2 of " in err and "need a remedy" in err
    assert rows["pandas"].startswith("PROBLEM: not installed -> ") and 'pip install "pandas' in rows["pandas"]
    assert rows["jupyterlab"].startswith("PROBLEM: 3.0, where ") and 'pip install "jupyterlab' in rows["jupyterlab"]


def test_a_store_that_cannot_be_written_is_a_problem(lines, monkeypatch):
    monkeypatch.setenv("IMAGELAB_HOME", "/proc/nowhere")
    code, rows, _ = lines()
    assert code == 1
    assert rows["store"].startswith("PROBLEM: /proc/nowhere: ") and "set IMAGELAB_HOME" in rows["store"]


def test_little_room_is_a_note_and_none_a_problem(lines, monkeypatch):
    for free, mark in ((doctor.ROOM - 1, "note"), (doctor.ROOM // 20, "PROBLEM")):
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _, free=free: type("", (), {"free": free}))
        code, rows, _ = lines()
        assert rows["store"].startswith(mark) and "make room" in rows["store"]
        assert code == (mark == "PROBLEM")


def test_a_registry_port_that_is_taken_is_a_note(lines, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor, "REGISTRY_PORT", port)
        code, rows, _ = lines()
    assert code == 0
    assert rows["registry port"].startswith(f"note: {port}: Address already in use")
    assert f"--port {port + 1}" in rows["registry port"]


@pytest.mark.skipif(doctor.sys.platform != "linux", reason="only Linux has user namespaces")
def test_without_user_namespaces_there_is_a_note_with_the_settings(lines, monkeypatch, tmp_path):
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2; exit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "program_path", lambda: str(refusing))
    code, rows, _ = lines()
    assert code == 0
    assert rows["Linux programs"].startswith("note: bubblewrap: setting up uid map: Permission denied")
    assert "sysctl" in rows["Linux programs"]


def test_without_a_browser_it_says_how_to_go_on(lines, monkeypatch):
    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    code, rows, _ = lines()
    assert code == 0 and "imagelab learn --no-browser" in rows["browser"]


def test_what_cannot_be_looked_at_is_a_problem_and_the_rest_is_shown(lines, monkeypatch):
    monkeypatch.setattr("imagelab.drawings.drawing._graphviz_pure", lambda: "/nowhere/graphviz-pure")
    code, rows, _ = lines()
    assert code == 1
    assert rows["drawings"].startswith("PROBLEM: ") and "graphviz-pure" in rows["drawings"]
    assert rows["browser"].startswith("ok: ")
