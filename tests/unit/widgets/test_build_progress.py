"""A build's bar: what it shows while it runs, what stays, and how little of a long output it keeps."""

from __future__ import annotations

import pytest

from imagelab import LabError
from imagelab.build.progress import BuildStep
from imagelab.widgets.build_progress import TAIL, WIDEST, BuildProgress, Tail, is_watched


class Handle:
    """What IPython's display gives, which remembers what it is told to show instead."""

    def __init__(self):
        self.shown = []

    def update(self, value):
        self.shown.append(value)


@pytest.fixture
def handle(monkeypatch):
    handle = Handle()
    monkeypatch.setattr("IPython.display.display", lambda *what, **how: handle)
    return handle


def test_a_step_that_runs_is_shown_with_its_number_and_last_lines(handle):
    progress = BuildProgress()
    step = BuildStep(2, 3, "build", 4, "RUN make <all>", at=0)
    progress.started(step)
    progress.output(step, "stdout", b"one\ntwo <b>\nthr")
    progress._show()
    assert (progress.bar.value, progress.bar.max) == (0, 3)
    assert "step 2 of 3" in progress.line.value and "RUN make &lt;all&gt;" in progress.line.value
    assert "one\ntwo &lt;b&gt;\nthr</pre>" in progress.printed.value and "running" in progress.table.value
    step.reason, step.size, step.seconds, step.layer = "a changed", 2000, 1.25, 1
    progress.done(step)
    progress._show()
    assert progress.bar.value == 1 and progress.printed.value == ""
    assert "MISS: a changed" in progress.table.value and "1.2" in progress.table.value and "2kB" in progress.table.value
    progress.failed(LabError("no"))


def test_the_end_is_a_table_that_needs_no_kernel(handle, lab):
    progress = BuildProgress()
    built = lab.build({"Dockerfile": "FROM lab/shell:1.0\nRUN echo said\n"}, "x:1", watcher=progress)
    assert handle.shown == [progress]
    assert repr(progress).startswith("Built x:1 in ") and "1 step after FROM, 0 from the cache" in repr(progress)
    html = progress._repr_html_()
    assert "RUN echo said" in html and "Output of step 2" in html and "said</pre>" in html
    assert html.startswith("<details><summary>") and built.steps[1].cache == "MISS"


def test_a_failure_stands_open_with_the_last_words(handle, lab):
    progress = BuildProgress()
    with pytest.raises(LabError):
        lab.build({"Dockerfile": "FROM lab/shell:1.0\nRUN echo last words; exit 3\n"}, watcher=progress)
    html = progress._repr_html_()
    assert html.startswith("<details open>") and "Failed" in html and "last words</pre>" in html
    assert ">failed</td>" in html and "running" not in html  # of a step that has ended
    assert "at step 2." in repr(progress)


def test_a_dockerfile_that_cannot_be_read_shows_no_bar(handle, lab):
    with pytest.raises(LabError):
        lab.build({"Dockerfile": "FRUM x\n"}, watcher=BuildProgress())
    assert handle.shown == []


def test_however_much_is_printed_little_is_kept():
    tail = Tail()
    for number in range(5000):
        tail.add(b"%d\n" % number)
    tail.add(b"x" * 1_000_000)
    tail.add(b"\n10%\r20%\r30%")
    assert tail.count == 5001 and len(tail.lines) == TAIL
    assert tail.lines[-1] == "30%" and tail.lines[-3] == "4999"
    assert all(len(line) <= WIDEST for line in tail.lines)


def test_nobody_looks_where_there_is_no_kernel():
    assert not is_watched()
