"""A module of ours in a process of its own, by a fork or in a new Python: it cannot tell which."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import pytest

PARENT = """
import os, sys, subprocess, signal
from imagelab.runtime import worker
worker.alone = sys.argv[1] == "fork"
open_file, (answers, ready) = open(os.devnull), os.pipe()
os.set_inheritable(open_file.fileno(), True)
signal.signal(signal.SIGTERM, lambda *_: None)
sys.stdout.write("the parent's\\n")  # stays in its buffer while the worker runs
process = worker.begin(subprocess.Popen, "told", [str(ready), *sys.argv[2:]], keep=[ready], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
os.close(ready)
if "gone" in sys.argv:
    process.stdout.close()
out, err = process.communicate()
with open("answer", "w") as file:
    file.write(repr([process.args[0] == "told", process.returncode, out, err, os.read(answers, 99)]))
"""
TOLD = """
import json, os, signal, sys, threading

def main():
    ready, how = int(sys.argv[1]), sys.argv[2]
    os.write(ready, b"ready")
    if how == "raise":
        raise ValueError("of the worker's")
    if how == "gone":
        while True:
            try:
                os.write(1, b"x")
            except BrokenPipeError:
                return 7
    files = [int(name) for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]
    same = [sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__]
    print(json.dumps([sys.argv[2:], sorted(files) == [0, 1, 2, ready], same, threading.active_count(), sys.stdin.read(),
                      "imagelab" in os.listdir(os.environ["PYTHONPATH"].split(os.pathsep)[0])]))
    del sys.stdout
    print("last", file=sys.stderr)
    sys.stdout = sys.__stdout__
    return 3

if __name__ == "__main__":
    sys.exit(main())
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are for Linux")


@pytest.fixture(params=["fork", "new Python"])
def begun(request, tmp_path):
    """`begun("how")`: what a worker answered: exit code, stdout, stderr, and what it said when it was ready."""
    (tmp_path / "told.py").write_text(TOLD)

    def begin(how: str):
        path = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
        done = subprocess.run(
            [sys.executable, "-c", PARENT, request.param, how], capture_output=True, cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": ""},
        )  # fmt: skip
        assert (done.stdout, done.stderr) == (b"the parent's\n", b"")
        forked, *told = literal_eval((tmp_path / "answer").read_text())
        assert forked == (request.param == "fork")
        return told

    return begin


def test_it_has_its_arguments_its_streams_and_nothing_else(begun):
    code, out, err, ready = begun("say")
    assert (code, err, ready) == (3, b"last\n", b"ready")
    assert json.loads(out) == [["say"], True, [True, True, True], 1, "", True]


def test_what_goes_wrong_is_told_and_is_a_failure(begun):
    code, out, err, _ = begun("raise")
    assert (code, out) == (1, b"")
    assert err.endswith(b"ValueError: of the worker's\n")


def test_a_reader_that_is_gone_is_an_error_and_not_its_end(begun):
    assert begun("gone")[0] == 7
