"""The picture of the tags: every arrow that is and was, every image left behind, said in words, shapes and SVG."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from imagelab import Lab, draw
from imagelab.drawings.drawing import QUIET
from imagelab.drawings.tags import MOST, draw_history, read_history
from imagelab.errors import NotFound

SVG = "{http://www.w3.org/2000/svg}"
ORDER = {"t0": "shop:1.0", "t1": "shop:latest", "t2": "shop:2.0"}  # of age, in `shop`


@pytest.fixture
def shop(lab):
    """shop:1.0 moves from the first image to the third, shop:latest from the first to the second."""
    first = lab.append(None, {"menu": "soup 4\n"}, "shop:1.0")
    lab.tag(first, "shop")
    second = lab.append(None, {"menu": "soup 5\n"}, "shop:2.0")
    lab.tag(second, "shop")
    third = lab.append(None, {"menu": "soup 4.50\n"}, "shop:1.0")
    return first, second, third


def words_in(drawing):
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(element.itertext()).replace("\xa0", " ").strip() for element in root.iter(f"{SVG}text")]


def edges(drawing):
    """(tail, head) → the attributes of every visible edge of the DOT source."""
    found = re.findall(r"^\s*(\w+)(?::e)? -> (\w+)(?::w)? \[(.*)\]$", drawing.source, flags=re.M)
    return {(tail, head): looks for tail, head, looks in found if "invis" not in looks}


def node(drawing, words):
    """The line of the DOT source that makes the node with these words."""
    return next(line for line in drawing.source.splitlines() if words in line and "shape=box" in line)


def test_full_arrows_are_now_and_dashed_ones_were(lab, shop):
    found = edges(draw.tags(lab))
    assert found.keys() == {("t0", "i0"), ("t0", "i2"), ("t1", "i0"), ("t1", "i1"), ("t2", "i1")}
    now = {edge for edge, looks in found.items() if "now" in looks}
    assert now == {("t0", "i2"), ("t1", "i1"), ("t2", "i1")}
    assert {edge for edge, looks in found.items() if "dashed" in looks} == found.keys() - now
    assert "move 1 " in found["t0", "i0"] and "now (move 5)" in found["t0", "i2"]


def test_a_label_has_the_colour_of_its_arrow_and_of_its_tag(lab, shop):
    drawing = draw.tags(lab)
    of_arrows = {}
    for (tail, _), looks in edges(drawing).items():
        colour, of_label = re.search(r'\bcolor="(#\w+)"', looks)[1], re.search(r'fontcolor="(#\w+)"', looks)[1]
        assert colour == of_label
        of_arrows.setdefault(tail, set()).add(colour)
    of_tags = {t: {re.search(r'\bcolor="(#\w+)"', node(drawing, name))[1]} for t, name in ORDER.items()}
    assert of_arrows == of_tags and len({*map(frozenset, of_tags.values())}) == 3


def test_tags_stand_in_order_of_age_and_keep_their_place_and_colour(lab, shop):
    before = draw.tags(lab)
    lab.tag(shop[0], "aaa:1.0")
    lab.rmi("shop:2.0")
    after = draw.tags(lab)
    for t, name in ORDER.items():
        assert node(after, name).split()[0] == t == node(before, name).split()[0]
    assert node(after, "aaa:1.0").split()[0] == "t3"
    assert edges(after)["t1", "i1"] == edges(before)["t1", "i1"]


def test_the_picture_as_it_was_after_each_move(lab, shop):
    """A second lab in which only the first moves were made draws the same arrows."""
    history = read_history(lab)
    twin = Lab.temporary(epoch=0, current=False)
    contents = ["soup 4\n", "soup 5\n", "soup 4.50\n"]
    assert draw_history(history.after(0), []).text == "No tags, and no images."
    moves = ((0, "shop:1.0"), (0, "shop"), (1, "shop:2.0"), (1, "shop"), (2, "shop:1.0"))
    for number, (of, name) in enumerate(moves, 1):
        twin.tag(twin.append(None, {"menu": contents[of]}), name)
        then, now = draw_history(history.after(number), []), draw.tags(twin)
        tags = len(history.after(number).names)
        assert edges(then) == edges(now) and then.text.splitlines()[:tags] == now.text.splitlines()[:tags]
    assert f"Image {shop[0].id.short} is untagged after this move." in draw_history(history.after(5), []).text


def test_a_removed_tag_was_there_before(lab, shop):
    lab.prune()
    lab.rmi("shop:2.0")
    history = read_history(lab)
    assert "dotted" not in node(draw_history(history.after(5), []), "shop:2.0")
    first = history.after(1).targets[shop[0].digest]
    assert (first.image, first.state) == (None, "tagged"), "its bytes are gone, and its name is known"
    assert history.after(2).targets.keys() == {shop[0].digest}


def test_a_dangling_image_differs_in_word_shape_and_colour(lab, shop):
    first, second, _ = shop
    drawing = draw.tags(lab)
    dangling, tagged = node(drawing, first.id.short), node(drawing, second.id.short)
    assert "&lt;none&gt;, dangling: no tag points here" in dangling and "none" not in tagged
    assert "rounded,dashed" in dangling and "rounded" not in tagged
    assert QUIET in dangling and QUIET not in tagged
    assert f"Image {first.id.short} is <none>, dangling: no tag points here." in drawing.text


def test_the_words_tell_the_whole_past(lab, shop):
    first, second, third = (image.id.short for image in shop)
    assert draw.tags(lab).text.splitlines()[:3] == [
        f"shop:1.0 points to image {third} (move 5). Before: {first} (move 1).",
        f"shop:latest points to image {second} (move 4). Before: {first} (move 2).",
        f"shop:2.0 points to image {second} (move 3).",
    ]


def test_back_and_forth_is_one_arrow_with_several_numbers(lab, shop):
    lab.tag_undo("shop:1.0")
    lab.tag(shop[2], "shop:1.0")
    shown = words_in(draw.tags(lab))
    assert "moves 1, 6" in shown and "now (moves 5, 7)" in shown
    for _ in range(4):
        lab.tag(shop[0], "shop:1.0")
        lab.tag(shop[2], "shop:1.0")
    assert "now (moves … 11, 13, 15)" in words_in(draw.tags(lab))


def test_what_is_removed_stays_in_the_picture_and_says_so(lab, shop):
    first, *_ = shop
    lab.prune()
    lab.rmi("shop:2.0")
    drawing = draw.tags(lab)
    assert "dotted" in node(drawing, "shop:2.0") and "removed" in node(drawing, "shop:2.0")
    assert "removed: its bytes are gone" in node(drawing, first.digest.short)
    assert "shop:2.0 was removed (move 6). Before:" in drawing.text
    assert first.id.short not in drawing.source, "the ID of what is gone is not known any more"


def test_who_holds_an_image_by_its_id_keeps_it(lab, shop):
    first, *_ = shop
    drawing = draw.tags(lab, held={"service": first})
    assert "back" in edges(drawing)["i0", "h0"]
    assert f"service (keeps the image ID): image {first.id.short}." in drawing.text
    lab.prune()
    assert "removed: its bytes are gone" in words_in(draw.tags(lab, held={"service": first}))


def test_a_container_keeps_the_image_it_was_made_from(lab, shop):
    first, _, third = shop
    web = lab.create("shop:1.0", "/bin/true", name="web")
    lab.tag(first, "shop:1.0")
    drawing = draw.tags(lab)
    assert f"web (container, created): image {third.id.short}." in drawing.text
    assert "container, created" in node(drawing, "web") and "back" in edges(drawing)["i2", "h0"]
    lab.rmi(third.id, force=True)
    assert "removed, but a container still uses its files" in node(draw.tags(lab), third.digest.short)
    web.remove()
    lab.gc()
    assert "its bytes are gone" in node(draw.tags(lab), third.digest.short)
    assert "web" not in draw.tags(lab).text


def test_an_image_that_another_was_made_from_is_not_called_dangling(lab):
    base = lab.append(None, {"a": "1"}, "base:1")
    child = lab.append(base, {"b": "2"}, "app:1")
    lab.tag(child, "base:1")
    assert read_history(lab).targets[base.digest].state == "untagged"
    assert f"Image {base.id.short} is untagged: another image was made from it." in draw.tags(lab).text


def test_an_image_that_never_had_a_tag_is_there(lab, shop):
    image = lab.append(None, {"x": "1"})
    assert "dangling" in node(draw.tags(lab), image.id.short)


def test_a_large_lab_gives_a_small_picture_of_what_moved_last(lab):
    for number in range(3 * MOST):
        lab.append(None, {"n": str(number)}, f"app:{number:02}")
    lab.tag("app:35", "app:00")
    drawing = draw.tags(lab)
    shown = words_in(drawing)
    assert f"and {2 * MOST} more tags" in shown and f"and {2 * MOST} more images" in shown
    assert "app:00" in shown and "app:35" in shown and "app:01" not in shown
    assert "app:01 points to image" in drawing.text


def test_nothing_is_a_picture_too(lab):
    drawing = draw.tags(lab)
    assert words_in(drawing) == ["no tags", "no images"]
    assert drawing.text == "No tags, and no images."


def test_names_that_mean_something_to_dot_are_only_shown(lab):
    for name in ("localhost:5000/team/a_b:1", "localhost:5000/team/a:b_1", "node", "graph"):
        lab.append(None, {"n": name}, name)
    shown = words_in(draw.tags(lab, held={'<b>"x\\n&amp;': lab.image("node")}))
    assert {"localhost:5000/team/a_b:1", "localhost:5000/team/a:b_1", "node:latest", '<b>"x\\n&amp;'} <= set(shown)


def test_the_same_bytes_in_another_process(lab, shop):
    """The times of the moves are not in it; a second lab with the same moves gives the same picture."""
    code = "import sys; from imagelab import Lab, draw; print(draw.tags(Lab(sys.argv[1])).svg, end='')"
    environment = {"PYTHONHASHSEED": "12345", "LC_ALL": "C", "PATH": "/usr/bin"}
    done = subprocess.run([sys.executable, "-c", code, lab.home], env=environment, capture_output=True, check=True)
    assert done.stdout.decode() == draw.tags(lab).svg
    twin = Lab.temporary(epoch=0, current=False)
    images = [twin.append(None, {"menu": text}) for text in ("soup 4\n", "soup 5\n", "soup 4.50\n")]
    for number, name in ((0, "shop:1.0"), (0, "shop"), (1, "shop:2.0"), (1, "shop"), (2, "shop:1.0")):
        twin.tag(images[number], name)
    assert draw.tags(twin).svg == draw.tags(lab).svg


def test_it_is_named_described_and_fits(lab, shop):
    drawing = draw.tags(lab)
    root = ElementTree.fromstring(drawing.svg)
    assert root.get("role") == "img" and root.find(f"{SVG}desc").text == drawing.text
    assert all(float(element.get("textLength")) > 0 for element in root.iter(f"{SVG}text"))
    assert "shop:1.0 points to image" in drawing._repr_html_()


def test_the_table_is_numbered_as_the_picture(lab, shop):
    table = lab.tag_log().table()
    assert list(table.index) == [1, 2, 3, 4, 5]
    assert table.loc[5].to_dict() == {"TAG": "shop:1.0", "FROM": shop[0].id, "TO": shop[2].id, "BY": "append"}
    assert list(lab.tag_log("shop:1.0").table().index) == [1, 5]
    assert shop[2].id.short in repr(table) and shop[2].id not in repr(table)
    assert list(lab.tag_log("shop").table(times=True)) == ["TAG", "WHEN", "FROM", "TO", "BY"]
    with pytest.raises(NotFound, match="has never pointed"):
        lab.tag_log("nosuch")
    lab.prune()
    assert list(lab.tag_log("shop:1.0").table()["FROM"]) == ["<none>", "<removed>"]
