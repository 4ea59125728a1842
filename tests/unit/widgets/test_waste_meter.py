"""The waste meter: each choice is a real layer, measured; it answers at once, and says what cannot be done."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from imagelab import Changes, Entry, Lab, LabError
from imagelab.analysis.waste import waste
from imagelab.widgets import WasteMeter
from imagelab.widgets.waste_meter import ADD, CHMOD, DELETE, NEW, NOTHING, OVERWRITE

MB = 1_000_000


@pytest.fixture
def image(lab):
    image = lab.append(None, {"etc/motd": "hi\n", "data/big.zip": b"x" * MB}, created_by="COPY . /")
    return lab.append(image, {"data/small": "y" * 1000}, tag="album:1")


def choose(meter, number, action, path=None, size=None):
    """Set a step's three controls, as a learner would."""
    meter.actions[number - 1].value = action
    if path:
        meter.files[number - 1].value = path
    if size:
        meter.sizes[number - 1].value = size


def tables(meter):
    """The rows of each table on the page."""
    page = ElementTree.fromstring(f"<div>{meter.page.value}</div>")
    return [
        [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")] for table in page.iter("table")
    ]  # fmt: skip


def numbers(meter):
    """What the meter shows now: image size, as stored, merged, wasted, efficiency."""
    return [row[2] for row in tables(meter)[0][1:]]


def alerts(meter):
    return re.findall(r'<p role="alert"><b>(.*?)</b>', meter.page.value)


def test_at_first_nothing_is_done(image):
    meter = WasteMeter(image)
    assert numbers(meter) == ["1,001,003", f"{sum(layer.size for layer in image.layers):,}", "1,001,003", "0", "100.0%"]
    assert "No step makes a layer yet" in meter.page.value and not alerts(meter)
    assert all(control.disabled for control in (*meter.files, *meter.sizes))


def test_deleting_makes_the_image_no_smaller(image):
    meter = WasteMeter(image)
    choose(meter, 1, DELETE, "data/big.zip")
    size, stored, merged, wasted, efficiency = tables(meter)[0][1:]
    assert size == ["image size", "1,001,003", "1,001,003", "0"]
    assert stored[3] == "+2,048", "two headers and an end: a layer can only add"
    assert merged[3] == "−1,000,000" and wasted[3] == "+1,000,000"
    assert efficiency[1:3] == ["100.0%", "0.1%"]
    assert tables(meter)[1][1] == ["data/big.zip", "1,000,000 hidden", "", "removed", "0", "1,000,000"]
    assert meter.sizes[0].disabled and not meter.files[0].disabled


def test_the_layers_are_the_ones_that_the_engine_would_make(lab, image):
    """The meter's numbers are those of the same steps done for good."""
    meter = WasteMeter(image)
    choose(meter, 1, OVERWRITE, "data/big.zip", 2 * MB)
    choose(meter, 2, ADD, NEW, 1000)
    choose(meter, 3, DELETE, NEW)
    real = lab.append(image, {"data/big.zip": b"\1" * 2 * MB})
    real = lab.append(lab.append(real, {NEW: b"\2" * 1000}), {NEW: None})
    found = waste(real.layers)
    stored = sum(layer.size for layer in real.layers)
    expected = [real.size, stored, real.tree().files_size, found.wasted]
    assert numbers(meter)[:4] == [f"{number:,}" for number in expected]
    assert "More is wasted than the 1,001,000 bytes that are hidden: data/big.zip was once smaller" in meter.page.value


def test_a_changed_mode_writes_the_file_again(image):
    meter = WasteMeter(image, [(CHMOD, "data/big.zip")])
    assert numbers(meter)[0] == "2,001,003"
    assert tables(meter)[1][1] == ["data/big.zip", "1,000,000 hidden", "", "1,000,000", "1,000,000", "1,000,000"]


def test_what_cannot_be_done_is_told_and_the_rest_is_measured(image):
    meter = WasteMeter(image, [(DELETE, "data/big.zip"), (OVERWRITE, "data/big.zip"), (ADD, "data/small")])
    assert alerts(meter) == [
        "Step 2 makes no layer: data/big.zip does not exist at this step: add it first, or choose another file.",
        "Step 3 makes no layer: data/small exists already: overwrite it, or add another file.",
    ]
    assert numbers(meter)[3] == "1,000,000"
    choose(meter, 2, ADD)
    choose(meter, 3, NOTHING)
    assert not alerts(meter)
    assert numbers(meter)[3] == "2,000,000"


def test_start_again_sets_what_was_there_at_first(image):
    meter = WasteMeter(image, [(DELETE, "data/big.zip")])
    first = meter.page.value
    choose(meter, 1, OVERWRITE, "data/small", 2 * MB)
    choose(meter, 3, ADD, NEW)
    assert meter.page.value != first
    meter.again.click()
    assert meter.page.value == first


def test_every_control_has_a_name(image):
    meter = WasteMeter(image)
    assert [control.description for control in meter.actions] == ["Step 1", "Step 2", "Step 3"]
    assert (meter.actions[1].description, meter.actions[1].labels[3]) == ("Step 2", "delete")
    assert [control.description for control in meter.files] == ["Step 1 file", "Step 2 file", "Step 3 file"]
    assert [control.description for control in meter.sizes] == ["Step 1 size", "Step 2 size", "Step 3 size"]
    files = meter.files[0].values
    assert (files[0], files[-1]) == ("data/big.zip", NEW), "the largest first, and one that is not there"


def test_what_a_slider_stands_at_is_written_beside_it_in_full(image):
    """The page writes the label of the stop: test_layers.py of tests/browser."""
    meter = WasteMeter(image)

    def stops():
        sliders = [slider for pair in zip(meter.files, meter.sizes, strict=True) for slider in pair]
        return [slider.labels[slider.index] for slider in sliders]

    assert stops() == ["data/big.zip", "1 MB"] * 3
    choose(meter, 2, ADD, NEW, 2 * MB)
    assert stops()[2:4] == [NEW, "2 MB"]


def test_it_keeps_nothing_in_the_lab(lab, image):
    before = sorted(lab.store.blobs)
    meter = WasteMeter(image, [(ADD, NEW)])
    choose(meter, 2, DELETE, NEW)
    assert sorted(lab.store.blobs) == before
    assert WasteMeter(image).actions[0].value == NOTHING


def test_a_step_that_it_does_not_know(image):
    with pytest.raises(LabError, match="'shrink' is not an action of the waste meter: expected 'add', 'overwrite', 'd"):
        WasteMeter(image, [("shrink", "data/big.zip")])
    assert WasteMeter(image, [(ADD, "my/file", 7)]).sizes[0].value == 7


def test_names_are_only_shown(lab):
    image = lab.append(None, Changes({"<img src=x>": Entry.file(b"1"), "\x1b[1m\udcff": Entry.file(b"22")}))
    meter = WasteMeter(image, [(DELETE, "<img src=x>")])
    page = ElementTree.fromstring(f"<div>{meter.page.value}</div>")
    assert not list(page.iter("img"))
    assert {"<img src=x>", "\\x1b[1m\\xff"} == {row[0] for row in tables(meter)[1][1:]}
    meter._repr_mimebundle_()["text/html"].encode()
    assert all(label.encode() for label, _ in meter.files[0].options), "what is sent to the browser"


def test_empty_files_and_empty_images(lab):
    meter = WasteMeter(lab.append(None, {"empty": ""}))
    assert tables(meter)[1][1] == ["empty", "0", "0", "0"]
    meter = WasteMeter(lab.scratch)
    assert "This image has no bytes" in meter.page.value
    choose(meter, 1, ADD, NEW, 1000)
    assert numbers(meter)[0] == "1,000"


def test_colour_is_never_alone(image):
    """Every coloured cell names ground and ink together, and says in words what its colour says."""
    meter = WasteMeter(image, [(OVERWRITE, "data/big.zip")])
    coloured = re.findall(r'<td style="[^"]*background:[^"]*">(.*?)</td>', meter.page.value)
    assert coloured and any("hidden" in cell for cell in coloured)
    assert all(";color:#" in style for style in re.findall(r'<td style="([^"]*background:[^"]*)"', meter.page.value))


def test_without_a_kernel_it_is_a_page_to_read(image):
    bundle = WasteMeter(image, [(DELETE, "data/big.zip")])._repr_mimebundle_()
    assert "1,000,000 hidden" in bundle["text/html"]
    assert "Layer 3: delete data/big.zip\nimage size: 1,001,003 before, 1,001,003 now" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_damage_is_told_in_words(lab, image):
    lab.store.blobs.path(image.diff_ids[1]).unlink()
    meter = WasteMeter(Lab(lab.home).image("album:1"))
    assert "That did not work" in meter.page.value and "not in the store" in meter.page.value
    assert "not in the store" in repr(meter)
