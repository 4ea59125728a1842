"""The cache simulator: real builds at every change, reasons beside each step, and mistakes in words."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imagelab.widgets import CacheSimulator

FILES = {"Dockerfile": 'FROM scratch\nCOPY . /app/\nCOPY a /a\nCMD ["x"]', "a": "a\n", "b": "b\n"}


@pytest.fixture
def simulator(lab):
    return CacheSimulator(lab, FILES)


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


def test_a_line_moves_and_the_order_counts(simulator):
    simulator.line.value = 2
    simulator.up.click()
    assert simulator.files["Dockerfile"].splitlines()[1] == "COPY a /a" and simulator.line.value == 1
    assert simulator.text.value == simulator.files["Dockerfile"]
    assert rows(simulator)[1] == ("COPY a /a", "MISS", "order changed: it came after 'COPY . /app/'")
    simulator.file.value = "b"
    simulator.edit.click()
    assert states(simulator) == ["HIT", "MISS", "MISS"], "what comes before the change is found"
    before = dict(simulator.files)
    simulator.up.click()
    assert simulator.files == before, "nothing goes above FROM"
    simulator.line.value = 3
    simulator.down.click()
    assert simulator.files == before, "and nothing below the end"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("FROM scratch\nCOPI . /\n", "Dockerfile:2: unknown instruction: COPI"),
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
    for row in simulator.page.value.split("<tr>")[2:]:
        assert ("background:#" in row) == ("<b>MISS</b>" in row or "<b>HIT</b>" in row)
        assert row.count("background:#") == row.count(";color:#")


def test_without_a_kernel_there_are_the_table_and_the_files(simulator):
    bundle = simulator._repr_mimebundle_()
    assert "not built before" in bundle["text/html"] and bundle["text/html"].count("<details>") == 3
    assert "   2  MISS  COPY . /app/ (not built before)" in bundle["text/plain"]
