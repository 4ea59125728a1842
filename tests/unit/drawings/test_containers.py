"""The picture of containers: what is shared, what is their own, who runs; the same bytes on every machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from imagelab import draw
from imagelab.drawings.containers import MOST, MOST_PATHS

SVG = "{http://www.w3.org/2000/svg}"
LOOP = "while true; do sleep 1; done"


@pytest.fixture
def shop(lab):
    """shop:1.0 on lab/shell:1.0, each of one layer."""
    image = lab.append(lab.base(), {"menu": "soup 4\n"}).with_config(Cmd=["sh", "-c", LOOP])
    lab.tag(image, "shop:1.0")
    return image


def words_in(drawing):
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(element.itertext()).replace("\xa0", " ").strip() for element in root.iter(f"{SVG}text")]


def edges(drawing):
    return re.findall(r"^\s*(\w+) -> (\w+) ", drawing.source, flags=re.M)


def test_one_box_for_a_layer_and_one_writable_layer_for_each_container(lab, shop):
    left, _ = (lab.run("shop:1.0", name=name, detach=True) for name in ("left", "right"))
    left.exec("sh", "-c", "echo more >> /menu; echo new > /new")
    drawing = draw.containers(lab)
    words = words_in(drawing)
    assert words.count("layer of 2 images and 2 containers, kept once") == 1
    assert words.count("layer of 1 image and 2 containers, kept once") == 1
    assert words.count(f"shared: {shop.size} bytes") == 2
    assert {"left: running", "right: running", "its writable layer: 16 bytes", "its writable layer: 0 bytes"} <= {
        *words
    }
    assert {"C  /menu", "A  /new"} <= {*words}
    bottom, top = (f"l{chain_id.hex}" for chain_id in shop.chain_ids)
    assert sorted(edges(drawing)) == sorted(
        [("i1", "c0"), ("i1", "c1"), (bottom, "i0"), (bottom, top), (top, "i1")]
    )  # oldest first, both ways
    assert (
        f"left (container {left.short}) is running; it shares {shop.size} bytes with image {shop.id.short}, and has "
        "16 bytes of its own: C /menu; A /new."
    ) in drawing.text


def test_who_runs_is_told_by_a_word(lab, shop):
    for name in ("made", "runs", "ended"):
        lab.create("shop:1.0", name=name)
    lab.container("runs").start()
    lab.container("ended").start().kill()
    assert {"made: created", "runs: running", "ended: exited (137)"} <= {*words_in(draw.containers(lab))}
    lab.container("ended").remove()
    assert "ended" not in draw.containers(lab).text


def test_a_commit_is_one_more_layer_and_the_container_stays_where_it_is(lab, shop):
    one = lab.run("shop:1.0", name="one", detach=True)
    one.exec("sh", "-c", "echo new > /new")
    new = one.commit("shop:2.0")
    drawing = draw.containers(lab)
    assert f"Layer {new.diff_ids[-1].short} (4 bytes) is of 1 image." in drawing.text
    assert f"with image {shop.id.short}" in drawing.text and f"with image {new.id.short}" not in drawing.text


def test_a_moved_tag_moves_no_container(lab, shop):
    lab.create("shop:1.0", name="one")
    before = [edge for edge in edges(draw.containers(lab)) if edge[1] == "c0"]
    lab.tag("lab/shell:1.0", "shop:1.0")
    assert [edge for edge in edges(draw.containers(lab)) if edge[1] == "c0"] == before
    assert shop.id.short in words_in(draw.containers(lab)), "its image has no name now, and is drawn"


def test_no_moment_and_no_process_is_in_it(lab, shop):
    one = lab.run("shop:1.0", name="one", detach=True)
    assert not re.search(r"20\d\d-|\bUp\b|ago", draw.containers(lab).text)
    assert str(one.pid) not in re.sub(r"[0-9a-f]{12,}", "", draw.containers(lab).text)


def test_many_containers_and_many_paths_are_counted(lab, shop):
    for number in range(MOST + 2):
        lab.create("shop:1.0", name=f"one{number}")
    lab.container("one9").start().exec("sh", "-c", "for n in 1 2 3 4 5 6 7 8; do echo $n > /file$n; done")
    words = words_in(draw.containers(lab))
    assert "and 2 older containers" in words and "one1: created" not in words and "one2: created" in words
    assert f"and {8 - MOST_PATHS} more paths" in words and "A  /file6" in words and "A  /file7" not in words
    assert "And 2 older containers, not drawn." in draw.containers(lab).text


def test_many_images_are_counted(lab):
    for number in range(MOST + 3):
        lab.append(None, {"n": str(number)}, f"app:{number}")
    words = words_in(draw.containers(lab))
    assert "and 3 more images" in words and "app:10" in words and "app:2" not in words


def test_an_empty_lab_is_told_in_words(lab):
    assert draw.containers(lab).text == "No images, and no containers."
    ElementTree.fromstring(draw.containers(lab).svg)


@pytest.mark.parametrize("name", ["<b>&amp;", 'quo"te', "ünï·日本", "back\\slash", "$HOME"])
def test_names_that_mean_something_to_svg_or_dot_are_only_shown(lab, shop, name):
    one = lab.create("shop:1.0", name="one")
    (one.root / name).write_text("x")
    drawing = draw.containers(lab)
    assert f"A  /{name}" in words_in(drawing)
    drawing._repr_html_().encode()


def test_what_is_damaged_is_told_and_the_rest_is_drawn(lab, shop):
    bad, good = lab.create("shop:1.0", name="bad"), lab.create("shop:1.0", name="good")
    shutil.rmtree(bad.root)
    (good.root / "new").write_text("x")
    assert "bad: created, its files cannot be read" in words_in(draw.containers(lab))
    assert "its writable layer: 1 byte" in words_in(draw.containers(lab))


def test_the_same_bytes_in_another_process():
    code = f"""
from imagelab import Lab, draw
lab = Lab.temporary()
lab.tag(lab.append(lab.base(), {{"menu": "4"}}).with_config(Cmd=["sh", "-c", {LOOP!r}]), "shop:1.0")
for name in ("left", "right", "third"):
    lab.run("shop:1.0", name=name, detach=True).exec("sh", "-c", "echo new > /new; rm /menu")
lab.container("right").kill()
print(draw.containers(lab).svg)
"""
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout and b"right: exited (137)" in runs[0].stdout.replace(b"&#160;", b" ")


def test_a_volume_is_one_box_for_all_that_mount_it(lab):
    lab.base()
    lab.run("lab/shell:1.0", "sh", "-c", "echo hi > /d/x", name="one", volumes=["notes:/d"])
    lab.run("lab/shell:1.0", "true", name="two", volumes=["notes:/x:ro", "/tmp:/h"], tmpfs=["/t"])
    lab.create_volume("spare")
    drawing = draw.containers(lab)
    words = words_in(drawing)
    assert [words.count(title) for title in ("volume notes", "volume spare", "this machine's /tmp")] == [1, 1, 1]
    assert {"/d", "/x (read-only)", "/h", "3 bytes", "tmpfs, empty at each start: /t"} <= {*words}
    assert {("c0", "v0"), ("c1", "v0"), ("c1", "v2")} <= {*edges(drawing)}
    lines = drawing.text.splitlines()
    assert "Volume notes (3 bytes) is mounted by one at /d and two at /x (read-only)." in lines
    assert "Volume spare (0 bytes) is mounted by no container." in lines
    assert 'id="volume:notes"' in drawing.svg
