"""The Merkle chain: every link with its name and what it is computed from, before and after a change."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest

from imagelab import Changes, Digest, Entry, LabError, draw
from imagelab.oci import mutate

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def shop(lab):
    """Three layers; the middle one holds the file whose chain is drawn."""
    image = lab.append(None, {"etc/motd": "hi\n"})
    image = lab.append(image, {"app/prices.csv": "tea,3\nsoup,4\n"})
    return lab.append(image, {"notes.txt": "x"}, "shop:1.0")


def words_in(drawing):
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(element.itertext()).replace("\xa0", " ") for element in root.iter(f"{SVG}text")]


def test_every_name_of_the_chain_is_shown_with_what_it_is_of(shop):
    drawing = draw.merkle(shop, "app/prices.csv")
    shown = words_in(drawing)
    layer = shop.layers[1]
    names = [Digest.of(b"tea,3\nsoup,4\n"), layer.diff_id, layer.digest, shop.chain_ids[1], shop.id, shop.digest]
    for name in names:
        assert f"sha256:{name.short}" in shown and f"sha256:{name.short}" in drawing.text
    for said in (
        "digest = sha256 of its 13 bytes", f"diffID = sha256 of its {layer.size:,} bytes",
        "chainID = sha256 of chainID 1 and diffID 2", f"image ID = sha256 of its {len(shop.config_bytes):,} bytes",
        f"digest = sha256 of its {len(shop.manifest_bytes):,} bytes", "shop:1.0",
    ):  # fmt: skip
        assert said in shown
    assert "changed" not in " ".join(shown)


def verdicts(image, other, path="app/prices.csv"):
    """For each link, whether the drawing says that its name has changed."""
    lines = [line for line in draw.merkle(image, path, other).text.splitlines() if "tag" not in line]
    return {line.split(":")[0]: "; changed: sha256:" in line for line in lines}


def test_a_byte_moves_every_name_that_follows(shop):
    other = mutate.byte(shop, mutate.find(shop, "app/prices.csv"), 11, ord("5"))
    drawing = draw.merkle(shop, "app/prices.csv", other)
    assert all(verdicts(shop, other).values())
    shown = words_in(drawing)
    for name in (other.layers[1].diff_id, other.id, other.digest):
        assert f"changed: sha256:{name.short}" in shown
    assert drawing.title.endswith("before and after")


def test_what_did_not_change_says_so(shop):
    config = verdicts(shop, shop.with_config(None, Env=["A=1"]))
    assert [link for link, moved in config.items() if moved] == ["config", "manifest"]
    wrapped = verdicts(shop, mutate.compressed(shop))
    assert [link for link, moved in wrapped.items() if moved] == ["layer 2 as stored", "manifest"]
    assert not any(verdicts(shop, shop).values())
    assert "the same as before" in words_in(draw.merkle(shop, "app/prices.csv", shop))


def test_a_compressed_layer_is_told_from_its_tar(shop):
    packed = mutate.compressed(shop)
    drawing = draw.merkle(packed, "app/prices.csv")
    assert "compressed" in words_in(drawing)
    assert f"layer digest = sha256 of its {packed.layers[1].size:,} bytes" in words_in(drawing)
    tar = len(shop.layers[1].open().read())
    assert f"diffID = sha256 of its {tar:,} bytes" in words_in(drawing)


def test_without_a_path_it_is_a_file_of_the_topmost_layer(shop):
    assert "notes.txt" in words_in(draw.merkle(shop))
    assert "layer 3" in words_in(draw.merkle(shop))


def test_the_first_layer_s_chain_id_is_its_diff_id(shop):
    assert "chainID = the diffID: no layer is below" in words_in(draw.merkle(shop, "etc/motd"))


@pytest.mark.parametrize(
    ("draw_it", "words"),
    [
        (lambda lab, shop: draw.merkle(shop, "nothing"), "no such file in the image"),
        (lambda lab, shop: draw.merkle(shop, "app"), "holds no file"),
        (lambda lab, shop: draw.merkle(lab.scratch), "no file with content"),
        (lambda lab, shop: draw.merkle(shop, "", shop.append({"y": "1"})), "not 3 and 4"),
    ],
)
def test_what_has_no_chain_is_said_in_words(lab, shop, draw_it, words):
    with pytest.raises(LabError) as error:
        draw_it(lab, shop)
    assert words in str(error.value)


def test_it_is_named_described_and_laid_out_as_every_drawing(shop):
    for drawing in (draw.merkle(shop), draw.merkle(shop, "", mutate.compressed(shop))):
        root = ElementTree.fromstring(drawing.svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == drawing.title == root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text == drawing.text and drawing.text.count("\n") >= 5
        assert next(root.iter(f"{SVG}polygon")).get("fill") == "#ffffff"
        for element in root.iter(f"{SVG}text"):
            assert float(element.get("textLength")) > 0, element.text


@pytest.mark.parametrize(
    "name", ["<b>&amp;", 'quo"te', "ünï·日本", "back\\slash", "new\nline", "\x1b[31m", "\udcff", " "]
)
def test_names_that_mean_something_to_svg_or_dot_are_only_shown(lab, name):
    image = lab.append(None, Changes({f"d/{name}": Entry.file(b"x")}))
    drawing = draw.merkle(image, f"d/{name}", image)
    ElementTree.fromstring(drawing.svg)
    drawing._repr_html_().encode()


def test_the_same_bytes_in_another_process(lab, shop, tmp_path):
    lab.save("shop:1.0", tmp_path / "shop.tar")
    code = (
        "import sys; from imagelab import Lab, draw; image = Lab.temporary().load(sys.argv[1])[0].image;"
        "print(draw.merkle(image, 'app/prices.csv').svg, end='')"
    )
    environment = {"PYTHONHASHSEED": "12345", "LC_ALL": "C", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "shop.tar"], env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode() == draw.merkle(shop, "app/prices.csv").svg
