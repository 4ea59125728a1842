"""Every group of a drawing that stands for something carries an id from the model, once."""

from __future__ import annotations

import re
from html import unescape

import pytest

from imagelab import Lab, draw


@pytest.fixture(scope="module")
def lab():
    lab = Lab.temporary()
    shop = lab.append(lab.base(), {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")
    shop = lab.append(shop, {"menu.txt": "soup 4\n"}, "shop:2.0")
    lab.append(shop, {"menu.txt": "soup 4\n"}, "shop:2.0")  # the same layer once more: its diffID stands there twice
    lab.create("shop:1.0", "sh", name="web")
    return lab


def ids(drawing):
    found = [unescape(name) for name in re.findall(r'<g id="([^"]*)"', drawing.svg)]
    assert len(found) == len(set(found)), found
    return {name for name in found if not re.fullmatch(r"graph0|(node|edge|clust)\d+", name)}


def test_tags(lab):
    one, two = lab.image("shop:1.0").id.short, lab.image("shop:2.0").id.short
    found = ids(draw.tags(lab))
    assert {"tag:shop:1.0", "tag:shop:2.0", f"image:{one}", f"image:{two}", "container:web"} <= found
    assert {f"tag:shop:1.0->image:{one}", f"tag:shop:2.0->image:{two}"} <= found


def test_containers_and_sharing(lab):
    image = lab.image("shop:2.0")
    layers = {f"layer:{chain_id.short}" for chain_id in image.chain_ids}
    assert layers | {f"image:{image.id.short}", "container:web"} <= ids(draw.containers(lab))
    assert layers | {f"image:{image.id.short}"} <= ids(draw.sharing([image, lab.image("shop:1.0")]))


def test_the_parts_of_one_image(lab):
    image = lab.image("shop:1.0")
    top = len(image.layers)
    assert {"layer:1", f"layer:{top}", f"file:{top}:menu.txt"} <= ids(draw.stack(image))
    anatomy = {"tag:shop:1.0", "manifest", "manifest.config", "config", "layer:1", "manifest.layer:1", "config.layer:1"}
    assert anatomy <= ids(draw.anatomy(image))
    links = {"link:file", "link:tar", "link:chain", "link:config", "link:blob", "link:manifest", "link:tag"}
    arrows = {part for part in ids(draw.merkle(image)) if "->" in part}
    assert ids(draw.merkle(image)) - arrows == links
    assert {"link:file->link:tar", "link:config->link:manifest"} <= arrows
    assert all(end in links for arrow in arrows for end in arrow.split("->"))


def test_a_build(lab):
    built = lab.build({"Dockerfile": "FROM shop:1.0\nCOPY a .\nENV A=1\n", "a": "x"}, "b:1")
    found = ids(draw.build(built))
    assert {"stage:0", "step:1", "step:2", "step:3", "from:shop:1.0", f"image:{built.image.id.short}"} <= found


def test_a_path_with_every_character_is_an_id_too(lab):
    path = 'a "b" <c> & d\'s.txt'
    image = lab.append(None, {path: "x"})
    assert f"file:1:{path}" in ids(draw.stack(image))
    assert "<a " not in draw.stack(image).svg, "a picture has no links"
