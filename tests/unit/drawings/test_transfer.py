"""The picture of a transfer: each blob with both of its names, what happened to it, and nothing that did not."""

from __future__ import annotations

import re
from html import unescape

import pytest

from imagelab import Lab, draw
from imagelab.drawings.transfer import kinds, layout, totals


@pytest.fixture
def registry(lab):
    with lab.registry(name="registry.test") as running:
        yield running


@pytest.fixture
def first(lab, registry):
    below = lab.append(None, {"photo.jpg": bytes(range(256)) * 40})
    lab.append(below, {"menu.txt": "soup 4\n"}, "registry.test/shop:1.0")
    return lab.push("registry.test/shop:1.0")


def ids(drawing):
    found = [unescape(name) for name in re.findall(r'<g id="([^"]*)"', drawing.svg)]
    assert len(found) == len(set(found)), found
    return {name for name in found if not re.fullmatch(r"graph0|(node|edge|clust)\d+", name)}


def test_a_push_shows_both_names_of_each_layer(first):
    drawing = draw.transfer(first)
    assert drawing.title == "Push of registry.test/shop:1.0"
    for number, blob in enumerate(first.blobs[:2], 1):
        line = f"layer {number}, diffID {blob.diff_id.short}, as blob {blob.digest[7:19]}: sent, {blob.size:,} bytes."
        assert line in drawing.text.splitlines()
        assert blob.diff_id.short in drawing.svg and blob.digest[7:19] in drawing.svg
    sent = sum(request.sent for request in first.requests)
    assert drawing.text.splitlines()[-1] == f"Pushed: 4 sent ({sent:,} bytes)."
    names = ("layer:1", "layer:2", "config", "manifest")
    rows = {*names, *(f"blob:{name}" for name in names)}
    assert ids(drawing) == rows | {f"{name}->blob:{name}" for name in names}


def test_what_did_not_travel_has_no_arrow_head(lab, first):
    lab.tag("registry.test/shop:1.0", "registry.test/copy/shop:1.0")
    copied = draw.transfer(lab.push("registry.test/copy/shop:1.0"))
    again = draw.transfer(lab.push("registry.test/shop:1.0"))
    assert copied.text.count("mounted from shop") == 2 and again.text.count("already there, ") == 3
    assert again.text.splitlines()[-1].endswith(", 3 already there.")
    for drawing, heads in ((copied, 2), (again, 1)):
        arrows = re.findall(r'<g id="[^"]*->[^"]*" class="edge">.*?</g>', unescape(drawing.svg), flags=re.S)
        assert len(arrows) == 4 and sum("<polygon" in arrow for arrow in arrows) == heads


def test_a_pull_of_an_index_shows_the_manifest_that_was_not_needed(lab, registry):
    import json
    from urllib.request import Request, urlopen

    other = Lab.temporary(epoch=0, platform="linux/arm64", current=False)
    pushed = []
    for one in (lab, other):
        one.append(None, {"menu.txt": "soup 4\n"}, "registry.test/both:one")
        pushed.append(one.push("registry.test/both:one"))
    kind = "application/vnd.oci.image."
    entries = [
        {"mediaType": f"{kind}manifest.v1+json", "digest": one.digest, "size": one.blobs[-1].size,
         "platform": {"os": "linux", "architecture": one.image.architecture}} for one in pushed
    ]  # fmt: skip
    index = json.dumps({"schemaVersion": 2, "mediaType": f"{kind}index.v1+json", "manifests": entries}).encode()
    headers = {"Content-Type": f"{kind}index.v1+json"}
    urlopen(Request(f"{registry.url}/v2/both/manifests/1", index, headers, method="PUT"))
    pulled = Lab.temporary(epoch=0, current=False).pull("registry.test/both:1", platform="linux/arm64")
    drawing = draw.transfer(pulled)
    assert drawing.title == "Pull of registry.test/both:1"
    assert sorted(kinds(pulled.blobs)) == ["config", "index", "layer 1", "manifest 1", "manifest 2"]
    assert drawing.text.count("not needed, ") == 1 and totals(pulled.blobs).endswith(", 1 not needed")
    assert "blob:manifest:2" in ids(drawing)


def test_step_by_step_only_what_is_done_is_told(first):
    for done in range(5):
        drawing = layout(first, done)
        assert drawing.text.count(": sent, ") == done and drawing.text.count(": not yet, ") == 4 - done
        assert drawing.svg.count("not there yet") == 4 - done
    assert layout(first, 0).text.endswith("Pushed: nothing yet.")
    assert layout(first, 4).svg == draw.transfer(first).svg


def test_names_and_tags_stand_above(lab, registry, first):
    names = {name.familiar: str(lab.image(name.familiar).id.short) for name in lab.tags()}
    drawing = layout(first, None, names, registry.tags(), registry.name)
    found = ids(drawing)
    assert {"lab", "name:registry.test/shop:1.0", "repository:shop", "pointer:shop:1.0"} <= found
    assert f"The registry has shop:1.0, digest {first.digest.short}." in drawing.text
    empty = layout(None, None, {}, {}, "registry.test")
    assert empty.title == "The lab and registry.test" and "no repositories" in empty.svg


def test_of_many_layers_the_last_ones_are_shown(lab, registry):
    image = lab.scratch
    for number in range(15):
        image = image.append({f"{number}": f"{number}"})
    lab.tag(image, "registry.test/many:1")
    drawing = draw.transfer(lab.push("registry.test/many:1"))
    assert "and 5 more layers below" in drawing.svg and "layer:15" in ids(drawing) and "layer:5" not in ids(drawing)
    assert "layer 5, diffID" not in drawing.text and "layer 6, diffID" in drawing.text
