"""The cache simulator: real builds at every change, reasons beside each step, and mistakes in words."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest

from imagelab.build.progress import BuildStep
from imagelab.errors import Interrupted
from imagelab.widgets import CacheSimulator
from imagelab.widgets.cache_simulator import _Rows
from imagelab.widgets.stop import press

FILES = {"Dockerfile": 'FROM scratch\nCOPY . /app/\nCOPY a /a\nCMD ["x"]', "a": "a\n", "b": "b\n"}


@pytest.fixture
def simulator(lab):
    return CacheSimulator(lab, FILES)


@pytest.fixture
def narrow(lab):
    """One whose Dockerfile is in no layer."""
    return CacheSimulator(lab, FILES | {"Dockerfile": 'FROM scratch\nCOPY b /app/\nCOPY a /a\nCMD ["x"]\n'})


def rows(widget):
    """(instruction, HIT or MISS, reason) of each step on the page."""
    page = ElementTree.fromstring(widget.page.value)
    found = [["".join(cell.itertext()) for cell in row.iter("td")] for row in page.iter("tr")]
    return [tuple(row[1:4]) for row in found if row]


def states(widget):
    return [state for _, state, _ in rows(widget)[1:]]


def test_it_begins_with_a_real_build(simulator, lab):
    assert rows(simulator) == [
        ("FROM scratch", "", ""), ("COPY . /app/", "MISS", "not built before"),
        ("COPY a /a", "MISS", "not built before"), ('CMD ["x"]', "MISS", "not built before"),
    ]  # fmt: skip
    assert lab.image("simulator:latest").read("a") == b"a\n"
    assert lab.image("simulator:latest").id.short in simulator.page.value


def test_building_again_hits_and_no_cache_misses(simulator):
    simulator.again.click()
    assert states(simulator) == ["HIT"] * 3
    simulator.fresh.click()
    assert {reason for _, _, reason in rows(simulator)[1:]} == {"--no-cache"}


def test_an_edited_file_is_named(simulator, lab):
    simulator.file.value = "b"
    assert simulator.text.value == "b\n"
    simulator.edit.click()
    assert simulator.text.value == "b\nline 2\n"
    assert rows(simulator)[1:] == [
        ("COPY . /app/", "MISS", "b changed"), ("COPY a /a", "MISS", "parent changed"),
        ('CMD ["x"]', "MISS", "parent changed"),
    ]  # fmt: skip
    assert lab.image("simulator").read("app/b") == b"b\nline 2\n"
    simulator.text.value = "typed"
    assert rows(simulator)[1][2] == "b changed" and lab.image("simulator").read("app/b") == b"typed"


def shown(simulator):
    """line → what the picture says of it: HIT or MISS, and why."""
    return {node: part["note"] for node, part in simulator.picture.nodes.items()}


def test_a_line_is_dragged_and_the_order_counts(simulator):
    simulator.picture.do("drop", "line:3", "line:2")
    assert simulator.files["Dockerfile"].splitlines()[1] == "COPY a /a" and simulator.picture.focused == "line:2"
    assert simulator.text.value == simulator.files["Dockerfile"]
    assert rows(simulator)[1] == ("COPY a /a", "MISS", "order changed: it came after 'COPY . /app/'")
    assert shown(simulator)["line:2"] == "MISS order changed: it came after 'COPY . /app/'"
    simulator.file.value = "b"
    simulator.edit.click()
    assert states(simulator) == ["HIT", "MISS", "MISS"], "what comes before the change is found"
    assert shown(simulator)["line:3"] == "MISS b changed" and shown(simulator)["line:4"] == "MISS parent changed"


def test_what_can_be_dragged_removed_and_edited(simulator):
    nodes = simulator.picture.nodes
    assert {name for name, node in nodes.items() if node["drag"] and node["drop"] and node["off"]} == {
        "line:2", "line:3", "line:4"
    }, "nothing goes above FROM"  # fmt: skip
    assert nodes["line:1"]["edit"] == "FROM scratch" and nodes["line:new"]["edit"] == ""


def test_what_is_above_a_change_keeps_its_state_while_the_rest_builds(simulator, monkeypatch):
    simulator.again.click()
    drawn = []
    monkeypatch.setattr(simulator, "build", lambda **_: drawn.append(shown(simulator)))
    simulator.picture.do("drop", "line:4", "line:3")
    assert drawn == [{"line:1": "", "line:2": "HIT", "line:3": "building …", "line:4": "building …", "line:new": ""}]


def test_a_line_is_edited_added_and_removed_in_place(narrow, lab):
    narrow.again.click()
    narrow.picture.do("edit", "line:3", "COPY b /b")
    assert rows(narrow)[2][:2] == ("COPY b /b", "MISS") and states(narrow)[0] == "HIT"
    assert narrow.picture.focused == "line:3" and lab.image("simulator").read("b") == b"b\n"
    narrow.picture.do("edit", "line:new", "LABEL a=1")
    assert narrow.files["Dockerfile"].endswith('CMD ["x"]\nLABEL a=1\n')
    narrow.picture.do("off", "line:2")
    assert [row[0] for row in rows(narrow)[1:]] == ["COPY b /b", 'CMD ["x"]', "LABEL a=1"]
    narrow.picture.do("edit", "line:2", " ")
    assert narrow.files["Dockerfile"] == 'FROM scratch\n \nCMD ["x"]\nLABEL a=1\n'


def test_a_mistake_in_a_line_is_told_and_the_picture_stays_to_mend_it(narrow):
    narrow.picture.do("edit", "line:3", "COPI a /a")
    assert "Dockerfile:3: unknown instruction: COPI" in narrow.error.value
    assert narrow.picture.nodes["line:3"]["edit"] == "COPI a /a" and shown(narrow)["line:3"] == "not run"
    narrow.picture.do("edit", "line:3", "COPY a /a")
    assert narrow.error.value == "" and states(narrow) == ["HIT"] * 3


def test_a_line_is_added_below_one_without_a_newline(simulator):
    """`RUN echo hi > /x` and no newline: the line that is added is a line of its own."""
    simulator.edit.click()
    assert simulator.files["Dockerfile"].splitlines()[-2:] == ['CMD ["x"]', "LABEL edit=5"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Interrupted("the build was interrupted: no image was made")])
def test_an_interrupt_is_told_and_the_step_says_so(simulator, monkeypatch, error):
    class Stopped(type(simulator.lab)):
        def build(self, *args, watcher, **kwargs):
            step = BuildStep(2, 2, "", 2, "RUN sleep 100")
            watcher.started(step)
            assert simulator.stop.running and "Step 2 of 2 is running" in simulator.page.value
            raise error

    simulator.lab.__class__ = Stopped
    simulator.again.click()
    assert "<b>Stopped.</b>" in simulator.error.value and "no image was made" in simulator.error.value
    assert rows(simulator) == [("RUN sleep 100", "stopped", "")] and not simulator.stop.running
    assert shown(simulator)["line:2"] == "stopped"


def test_the_button_ends_a_program_that_another_thread_waits_for(lab, monkeypatch):
    simulator = CacheSimulator(lab, {"Dockerfile": "FROM lab/shell:1.0\n"})
    begun = threading.Event()
    monkeypatch.setattr(_Rows, "output", lambda *_: begun.set())
    with ThreadPoolExecutor() as threads:
        run = "RUN echo begun; while true; do sleep 1; done"
        edited = threads.submit(simulator.picture.do, "edit", "line:new", run)
        assert begun.wait(60)
        press(simulator.stop.key)
        edited.result(15)
    assert "<b>Stopped.</b>" in simulator.error.value and shown(simulator)["line:2"] == "stopped"
    press(simulator.stop.key)  # nothing runs
    simulator.picture.do("off", "line:2")
    assert simulator.error.value == ""


def test_a_run_without_end_is_stopped_at_the_limit(lab, monkeypatch):
    monkeypatch.setattr("imagelab.widgets.cache_simulator.SECONDS", 1.0)
    simulator = CacheSimulator(lab, {"Dockerfile": "FROM lab/shell:1.0\nRUN while true; do sleep 1; done\n"})
    assert "ran longer than 1 second and was stopped" in simulator.error.value
    assert rows(simulator)[-1][1] == "failed" and shown(simulator)["line:2"] == "failed"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("FROM scratch\nCOPI . /\n", "Dockerfile:2: unknown instruction: COPI"),
        ("FROM 127.0.0.1:1/x\n", "Dockerfile:1: FROM: there is no image &#x27;127.0.0.1:1/x&#x27; here: load or"),
        ("FROM scratch\nCOPY <b> /\n", "Dockerfile:2: COPY: &#x27;&lt;b&gt;&#x27; is not in"),
        ("FROM lab/shell\nRUN echo last words; exit 3\n", "Dockerfile:2: RUN: process"),
        ("", "there is no FROM"),
    ],
)
def test_a_mistake_is_told_in_words_with_its_line_and_can_be_mended(simulator, typed, words):
    good = simulator.text.value
    simulator.text.value = typed
    assert 'role="alert"' in simulator.error.value and words in simulator.error.value
    if "last words" in typed:
        assert "<pre>last words</pre>" in simulator.page.value
    simulator.text.value = good
    assert simulator.error.value == ""
    assert states(simulator) == ["HIT"] * 3


def test_colour_is_never_alone(simulator):
    for row in simulator.page.value.split("<tr>")[2:]:  # below the titles
        assert ("background:#" in row) == ("<b>MISS</b>" in row or "<b>HIT</b>" in row)
        assert row.count("background:#") == row.count(";color:#")


def test_without_a_kernel_there_are_the_table_and_the_files(simulator):
    bundle = simulator._repr_mimebundle_()
    assert "not built before" in bundle["text/html"] and bundle["text/html"].count("<pre>") == 3
    assert "<img alt=" in bundle["text/html"]
    assert "   2  MISS  COPY . /app/ (not built before)" in bundle["text/plain"]
