"""The layer explorer: what it shows at each layer, how it stays quick, and how it fails in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from imagelab import Changes, Entry, Lab
from imagelab.widgets import LayerExplorer


@pytest.fixture
def image(lab):
    image = lab.append(None, {"etc/motd": "hi\n", "app/notes.txt": "secret\n"}, created_by="COPY . /")
    image = lab.append(image, {"etc/motd": "welcome\n", "app/notes.txt": None}, created_by="RUN tidy & <b>bold</b>")
    return lab.append(image, {"z.txt": "last"}, created_by="COPY z.txt /")


def rows(explorer):
    """The rows on the page: (letter, path as shown, bytes, from layer)."""
    page = ElementTree.fromstring(f"<div>{explorer.page.value}</div>")
    found = [tuple("".join(cell.itertext()) for cell in row.iter("td")) for row in page.iter("tr")]
    return [row for row in found if row]


def test_it_starts_at_the_first_layer_and_moves_up(image):
    explorer = LayerExplorer(image)
    assert explorer.slider.value == 1
    assert rows(explorer) == [
        ("A", "app/", "", "1"), ("A", "notes.txt", "7", "1"), ("A", "etc/", "", "1"), ("A", "motd", "3", "1"),
    ]  # fmt: skip
    explorer.slider.value = 2
    assert rows(explorer) == [
        ("", "app/", "", "1"), ("D", "notes.txt", "7", "hidden, still in 1"),
        ("", "etc/", "", "1"), ("C", "motd", "8", "2"),
    ]  # fmt: skip
    explorer.slider.value = 3
    assert rows(explorer)[-1] == ("A", "z.txt", "4", "3")
    assert ("", "motd", "8", "2") in rows(explorer)


def test_it_can_show_only_what_changed(image):
    explorer = LayerExplorer(image)
    explorer.slider.value = 3
    explorer.only_changes.value = True
    assert rows(explorer) == [("A", "z.txt", "4", "3")]


def test_colour_is_never_alone(image):
    """Each coloured row has a letter, and every coloured cell names ground and ink together."""
    explorer = LayerExplorer(image)
    explorer.slider.value = 2
    for row in re.findall(r"<tr .*?</tr>", explorer.page.value, flags=re.S):
        coloured = "background:#" in row
        assert coloured == bool(re.search(r">[ACD]</abbr>", row))
        assert row.count("background:#") == row.count(";color:#")


def test_names_and_commands_are_only_shown(lab):
    files = {"<img src=x>": Entry.file(b""), "\x1b[1m\udcff": Entry.file(b"")}
    image = lab.append(None, Changes(files), created_by="<b>x")
    explorer = LayerExplorer(image)
    page = ElementTree.fromstring(f"<div>{explorer.page.value}</div>")
    assert not list(page.iter("img")) and not list(page.iter("b"))[1:]
    assert {"<img src=x>", "\\x1b[1m\\xff"} == {row[1] for row in rows(explorer)}
    explorer._repr_mimebundle_()["text/html"].encode()


def test_without_a_kernel_every_layer_can_be_opened(image):
    bundle = LayerExplorer(image)._repr_mimebundle_()
    assert bundle["text/html"].count("<summary>Layer ") == 3 and "<img alt=" in bundle["text/html"]
    assert bundle["text/html"].count("<details open") == 1
    assert "Layer 2 (RUN tidy & <b>bold</b>): changed 1 path, removed 1 path" in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_it_holds_nothing_but_the_image(image):
    """Two explorers of one image do not move each other, and moving one leaves the image as it was."""
    first, second = LayerExplorer(image), LayerExplorer(image)
    first.slider.value = 3
    assert second.slider.value == 1 and second.image is first.image


def test_an_image_without_layers(lab):
    explorer = LayerExplorer(lab.scratch)
    assert explorer.slider.disabled
    assert "no layers" in explorer.page.value
    assert "no layers" in repr(explorer)


def test_damage_is_told_in_words(lab, image):
    lab.tag(image, "a:1")
    lab.store.blobs.path(image.diff_ids[1]).unlink()
    explorer = LayerExplorer(Lab(lab.home).image("a:1"))
    assert "cannot be shown" in explorer.page.value and "not in the store" in explorer.page.value
    assert "not in the store" in repr(explorer)


def test_a_large_image_stays_short(lab):
    """20,000 files: a page under 100 kB that says how much it leaves out."""
    image = lab.append(None, {f"usr/d{n % 100}/f{n}": "x" for n in range(20_000)})
    image = lab.append(image, {f"usr/d{n}/new": "y" for n in range(300)} | {"usr/d7/f7": None})
    explorer = LayerExplorer(image)
    explorer.slider.value = 2
    assert len(explorer.page.value) < 100_000
    shown = rows(explorer)
    assert ("D", "f7", "1", "hidden, still in 1") in shown
    counted = [int(row[1].split()[1].replace(",", "")) for row in shown if len(row) == 2]
    everything = 1 + 300 + 20_000 + 300  # usr, its folders, the files, the new files; f7 is among them, struck out
    assert sum(counted) + len(shown) - len(counted) == everything
    explorer.only_changes.value = True
    assert len(explorer.page.value) < 100_000
