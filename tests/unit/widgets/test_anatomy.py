"""The anatomy one can take hold of: which places light up together, what is said of them, and their digests in full."""

from __future__ import annotations

import gzip
import re
from html import unescape

import pytest

from imagelab import draw
from imagelab.widgets import Anatomy
from unit.archives import file, oci_layout, packed, tar


@pytest.fixture
def image(lab):
    first = lab.append(None, {"menu": "soup 4\n"}, "shop:1.0")
    return lab.append(first, {"price": "5\n"}, "shop:2.0")


@pytest.fixture
def widget(image):
    return Anatomy(image)


def words(area):
    return unescape(re.sub(r"<[^>]*>", " ", area.value))


def drawn_ids(widget):
    return {unescape(each) for each in re.findall(r'<g id="([^"]*)"', widget.drawing.svg)}


def test_every_place_is_a_group_of_the_drawing_and_lights_up_with_its_like(widget, image):
    nodes = widget.drawing.nodes
    assert nodes.keys() <= drawn_ids(widget)
    assert set(nodes["manifest"]["same"]) == {"tag:shop:2.0", "manifest"} == set(nodes["tag:shop:2.0"]["same"])
    assert set(nodes["config"]["same"]) == {"manifest.config", "config"}
    assert set(nodes["manifest.layer:2"]["same"]) == {"manifest.layer:2", "layer:2", "config.layer:2"}
    for name, node in nodes.items():
        assert all(name in nodes[other]["same"] for other in node["same"])


def test_the_note_names_the_places(widget, image):
    short = image.id[:19]
    assert widget.drawing.nodes["manifest.config"]["note"] == (
        f"{short} stands in 2 places: the manifest's config; the name of the config: sha256 of its bytes, which is the "
        "image ID."
    )
    assert "under the tag shop:2.0" in widget.drawing.nodes["manifest"]["note"]
    assert widget.drawing.nodes["manifest.layer:1"]["label"].startswith("the manifest's layer 1: sha256:")


def test_a_compressed_layer_has_two_names_in_two_places_each(lab, tmp_path):
    (tmp_path / "app.tar").write_bytes(packed(oci_layout(gzip.compress(tar(file("a"))))))
    image = lab.load(tmp_path / "app.tar")[0].image
    assert image.layers[0].compressed
    nodes = Anatomy(image).drawing.nodes
    assert set(nodes["layer:1"]["same"]) == {"manifest.layer:1", "layer:1", "config.layer:1"}
    assert set(nodes["manifest.layer:1"]["same"]) == {"manifest.layer:1", "layer:1"}
    assert set(nodes["config.layer:1"]["same"]) == {"config.layer:1", "layer:1"}
    assert nodes["layer:1"]["note"].count("stands in 2 places") == 2


def test_a_click_keeps_it_and_shows_all_digits(widget, image):
    widget.drawing.do("act", "manifest.config")
    assert image.id in words(widget.output) and "the manifest's config" in words(widget.output)
    assert widget.drawing.nodes["manifest.config"]["pressed"] and not widget.drawing.nodes["config"]["pressed"]
    assert widget.drawing.announcement == widget.drawing.nodes["config"]["note"]
    widget.drawing.do("act", "layer:2")
    assert image.layers[1].digest in words(widget.output) and image.id not in words(widget.output)
    widget.drawing._receive(None, {"event": "act", "node": "nosuch"}, [])


def test_the_same_layer_twice_is_said_to_be_in_all_its_places(lab):
    image = lab.append(lab.append(None, {"a": "1"}), {"a": "1"}, "twice:1")
    nodes = Anatomy(image).drawing.nodes
    assert {"manifest.layer:1", "manifest.layer:2", "layer:1", "layer:2"} <= set(nodes["config.layer:1"]["same"])


def test_an_image_with_nothing_in_it_has_an_anatomy_too(lab):
    widget = Anatomy(lab.scratch)
    assert widget.drawing.nodes.keys() == {"manifest", "manifest.config", "config"}


def test_without_a_kernel_it_is_the_static_drawing(widget, image):
    bundle = widget._repr_mimebundle_()
    assert draw.anatomy(image)._repr_html_() in bundle["text/html"]
    assert repr(draw.anatomy(image)) in bundle["text/plain"]
    assert widget.drawing.still.value == draw.anatomy(image)._repr_html_()
