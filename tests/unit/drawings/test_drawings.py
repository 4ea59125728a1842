"""Drawings: the right facts, in words and in SVG; well-formed, named for a screen reader, the same bytes each time."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from imagelab import Changes, Entry, LabError, draw
from imagelab.analysis.layer_changes import stages
from imagelab.drawings import drawing as module

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def shop(lab):
    """Two images: a base, and one on it that adds, changes, removes and sets."""
    base = lab.append(None, {"etc/motd": "hi\n", "bin/sh": b"x" * 900}, "base:1", created_by="COPY rootfs /")
    image = lab.append(base, {"app/a.txt": "one\n", "app/b.txt": "two\n"}, created_by="COPY . /app")
    image = lab.append(image, {"app/a.txt": None, "etc/motd": "welcome\n"}, created_by="RUN tidy")
    lab.tag(image.with_config("ENV A=1", Env=["A=1"]), "shop:1.0")
    return lab.image("shop:1.0")


def words_in(drawing):
    """Every text of the picture itself, spaces as they are."""
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(element.itertext()).replace("\xa0", " ") for element in root.iter(f"{SVG}text")]


def all_drawings(lab, image):
    return [draw.anatomy(image), draw.stack(image), draw.sharing([lab.image("base:1"), image])]


def test_anatomy_shows_every_digest_of_the_chain(shop):
    drawing = draw.anatomy(shop)
    shown = words_in(drawing)
    for digest in (shop.digest, shop.id, *shop.diff_ids):
        assert f"sha256:{digest.short}" in shown
        assert f"sha256:{digest.short}" in drawing.text
    assert "shop:1.0" in shown
    for term in ("digest", "image ID", "layer digest", "diffID"):
        assert any(term in words for words in shown)
    assert f"digest = sha256 of its {len(shop.manifest_bytes):,} bytes" in shown
    assert f"image ID = sha256 of its {len(shop.config_bytes):,} bytes" in shown


def test_anatomy_tells_a_stored_digest_from_a_diff_id(lab, tmp_path):
    import gzip
    import io
    import tarfile

    image = lab.append(None, {"a": "1"}, "a:1")
    lab.save("a:1", tmp_path / "a.tar")
    repacked = tmp_path / "gz.tar"
    layer, packed = image.layers[0], gzip.compress(image.layers[0].open().read(), mtime=0)
    with tarfile.open(tmp_path / "a.tar") as old, tarfile.open(repacked, "w") as new:
        for member in old:
            data = old.extractfile(member).read() if member.isfile() else b""
            if member.name == "manifest.json":
                data = data.replace(layer.digest.hex.encode(), b"0" * 64)
            elif layer.digest.hex in member.name:
                member.name, data = f"blobs/sha256/{'0' * 64}", packed
            elif member.name in ("oci-layout", "index.json"):
                continue  # read it as docker's own format, whose layers may be compressed
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    from imagelab import Lab

    there = Lab.temporary()
    loaded = there.load(repacked)[0].image
    assert loaded.layers[0].compressed
    drawing = draw.anatomy(loaded)
    assert f"sha256:{loaded.layers[0].digest.short}" in words_in(drawing)
    assert f"layer digest sha256:{loaded.layers[0].digest.short}" in drawing.text
    assert any("compressed tar" in words for words in words_in(drawing))


def test_anatomy_of_an_image_with_no_layer_no_name_or_many_layers(lab):
    assert "0 layers" in draw.anatomy(lab.scratch).text
    assert "(none)" in words_in(draw.anatomy(lab.scratch))
    image = lab.scratch
    for number in range(15):
        image = image.append({f"f{number}": str(number)})
    shown = words_in(draw.anatomy(image))
    assert "and 3 more" in shown
    assert "layer 12" in shown and "layer 13" not in shown


def test_stack_says_what_each_layer_did(shop):
    shown = words_in(draw.stack(shop))
    assert "A  app/b.txt   4 bytes" in shown
    assert "C  etc/motd   8 bytes, over layer 1's" in shown
    assert "D  app/a.txt   a whiteout hides layer 2's" in shown
    assert "no layer: 1 step wrote only to the config" in shown
    assert "ENV A=1" in shown


def test_stack_draws_an_arrow_to_what_is_covered(shop):
    source = draw.stack(shop).source
    covered, hidden = "p" + b"etc/motd".hex(), "p" + b"app/a.txt".hex()
    assert f"s3:{covered}:e -> s1:{covered}:e" in source
    assert f"s3:{hidden}:e -> s2:{hidden}:e" in source


def test_stack_puts_in_the_shadow_what_a_later_layer_takes_out_of_sight(shop):
    drawing = draw.stack(shop)
    shown = words_in(drawing)
    assert shown.count("in the shadow: hidden by layer 3, and still here") == 1
    assert shown.count("in the shadow: covered by layer 3, and still here") == 1
    assert "  A app/a.txt (hidden by layer 3)\n" in drawing.text
    assert "  A etc/motd (covered by layer 3)\n" in drawing.text
    assert drawing.source.count(module.SHADOW) == 2, "and nothing else"


def test_a_folder_s_whiteout_has_a_long_shadow(lab):
    """All that lay in the folder is hidden, what lies beside it is not, and what comes back is in sight."""
    image = lab.append(None, {"d/x": "1", "d/e/y": "2", "z": "3"})
    image = lab.append(image, {"d": None})
    image = lab.append(image, {"d/x": "4"})
    assert draw.stack(image).text.split("\n") == [
        "Layer 1: added 5 paths; 3 bytes in files.",
        "  A d",
        "  A d/e",
        "  A d/e/y (hidden by layer 2)",
        "  A d/x (hidden by layer 2)",
        "  A z",
        "Layer 2: removed 1 path; 0 bytes in files.",
        "  D d",
        "Layer 3: added 2 paths; 1 byte in files.",
        "  A d",
        "  A d/x",
    ]


def test_stack_of_a_large_image_stays_small(lab):
    image = lab.append(None, {f"f{number:05}": "x" for number in range(3000)})
    shown = words_in(draw.stack(image))
    assert "and 2,992 more paths" in shown
    assert len(shown) < 30


def test_sharing_counts_each_shared_layer_once(lab, shop):
    base = lab.image("base:1")
    drawing = draw.sharing([base, shop, shop])
    assert "shop:1.0: 3 layers, 903 bytes shared, 16 its own." in drawing.text
    assert "base:1: 1 layer, 903 bytes shared, 0 its own." in drawing.text
    assert words_in(drawing).count("layer of 2 images, kept once") == 1
    together, kept = base.size + shop.size, shop.size
    assert f"The sizes add up to {together:,} bytes; kept on disk: {kept:,} bytes." in drawing.text


def test_sharing_is_by_chain_and_not_by_diff_id(lab):
    """The same layer on another base is another place on the disk."""
    first = lab.append(lab.append(None, {"a": "1"}), {"same": "x"})
    second = lab.append(lab.append(None, {"b": "2"}), {"same": "x"})
    assert first.diff_ids[1] == second.diff_ids[1]
    assert "kept once" not in "".join(words_in(draw.sharing([first, second])))


def test_every_drawing_is_named_and_described(lab, shop):
    for drawing in all_drawings(lab, shop):
        root = ElementTree.fromstring(drawing.svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == drawing.title == root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text == drawing.text
        assert drawing.text.count("\n") >= 1
        page = ElementTree.fromstring(drawing._repr_html_().replace("<br>", "<br/>").replace('">' + "<fig", '"/><fig'))
        alt = page.find("img").get("alt")
        assert alt.startswith(drawing.title) and len(alt) > len(drawing.title) + 20


def test_every_text_has_the_width_that_was_laid_out(lab, shop):
    """So that a reader without Helvetica sees no word leave its box."""
    for drawing in all_drawings(lab, shop):
        for element in ElementTree.fromstring(drawing.svg).iter(f"{SVG}text"):
            assert float(element.get("textLength")) > 0, element.text


def light(colour):
    """The relative luminance of a colour (WCAG 2)."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, bright = sorted([light(one), light(other)])
    return (bright + 0.05) / (dark + 0.05)


def test_on_a_dark_ground_every_arrow_and_every_word_outside_of_boxes_can_be_read(lab, shop):
    """A colour that no rule of its own lightens takes the common light ink."""
    own = {colour.lower(): lightened for colour, lightened in module.LIGHTENED.items()}
    lab.create("shop:1.0", "serve", name="web")
    seen = set()
    for drawing in [*all_drawings(lab, shop), draw.tags(lab), draw.containers(lab), draw.merkle(shop, "etc/motd")]:
        root = ElementTree.fromstring(drawing.svg)
        for element in root.iterfind(f".//{SVG}g[@class='edge']//*"):
            seen |= {element.get("fill"), element.get("stroke")} - {None, "none", "transparent", "black"}
    assert len(seen) > 3
    for colour in seen:
        assert contrast(own.get(colour, module.LIGHT_INK), module.DARK_GROUND) >= 4.5, colour
        assert colour in own or contrast(colour, "#FFFFFF") > 12, f"{colour} loses its meaning on a dark ground"


def test_only_an_image_or_a_file_of_a_drawing_has_the_style_for_dark_pages(shop):
    """In the page itself the style would reach other drawings, and follow the system's theme, not JupyterLab's."""
    drawing = draw.stack(shop)
    assert "<style>" not in drawing.svg
    data = re.search(r"base64,([^\"]+)", drawing._repr_html_())[1]
    assert base64.b64decode(data).decode() == drawing.standalone_svg
    style = ElementTree.fromstring(drawing.standalone_svg).find(f"{SVG}style").text
    assert style.startswith("@media (prefers-color-scheme: dark)") and module.DARK_GROUND in style


def test_a_drawing_brings_its_own_white_ground(lab, shop):
    for drawing in all_drawings(lab, shop):
        ground = next(ElementTree.fromstring(drawing.svg).iter(f"{SVG}polygon"))
        assert ground.get("fill") == "#ffffff"


def test_the_notebook_gets_svg_html_and_words(shop):
    bundle = draw.anatomy(shop)._repr_mimebundle_()
    assert sorted(bundle) == ["image/svg+xml", "text/html", "text/plain"]
    assert bundle["text/plain"].startswith("Anatomy of shop:1.0\n")


def test_the_same_bytes_in_another_process(lab, shop, tmp_path):
    lab.save("shop:1.0", tmp_path / "shop.tar")
    code = (
        "import sys; from imagelab import Lab, draw; lab = Lab.temporary(); image = lab.load(sys.argv[1])[0].image;"
        "print(draw.anatomy(image).svg + draw.stack(image).svg, end='')"
    )
    environment = {"PYTHONHASHSEED": "12345", "LC_ALL": "C", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "shop.tar"], env=environment, capture_output=True, check=True
    )
    assert done.stdout.decode() == draw.anatomy(shop).svg + draw.stack(shop).svg


@pytest.mark.parametrize(
    "name", ["<b>&amp;", 'quo"te', "ünï·日本", "back\\slash", "new\nline", "\x1b[31m", "\udcff", " "]
)
def test_names_that_mean_something_to_svg_or_dot_are_only_shown(lab, name):
    image = lab.append(None, Changes({f"d/{name}": Entry.file(b"x")}))
    for drawing in (draw.stack(image), draw.anatomy(image)):
        ElementTree.fromstring(drawing.svg)
        drawing._repr_html_().encode()


def test_save_writes_the_svg(shop, tmp_path):
    drawing = draw.stack(shop)
    assert drawing.save(tmp_path / "stack.svg").read_text("utf-8") == drawing.standalone_svg


def test_without_graphviz_pure_the_error_says_what_to_install(shop, monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda *_, **__: None)
    with pytest.raises(LabError, match="pip install graphviz-pure"):
        _ = draw.anatomy(shop).svg


def test_stages_agree_with_the_engine(shop):
    """The last stage is the merged file system, and its origins are the engine's."""
    last = stages(shop)[-1]
    assert last.tree == shop.tree()
    assert {path: number - 1 for path, number in last.origin.items() if path} == {
        path: index for path, index in shop.origin().items() if path
    }


def test_stages_of_a_replaced_folder_and_a_readded_file(lab):
    image = lab.append(None, {"d/x": "1", "f": "same"})
    image = lab.append(image, Changes({"d": Entry.file(b"now a file"), "f": Entry.file(b"same")}))
    image = lab.append(image, {"d": None})
    marks = [{path: mark.letter for path, mark in stage.marks.items()} for stage in stages(image)]
    assert marks == [{"d": "A", "d/x": "A", "f": "A"}, {"d": "C", "d/x": "D", "f": "C"}, {"d": "D"}]
    assert stages(image)[2].marks["d"].was_in == 2
