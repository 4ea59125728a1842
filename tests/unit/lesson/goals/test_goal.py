"""Goals: each condition tells true from false and says what it saw; the picture is made of the same lines."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imagelab.lesson.goals import goal, picture


@pytest.fixture
def shop(lab):
    base = lab.append(None, {"app/a": "1", "empty": ""}, "base:1")
    image = lab.append(base, {"app/b": "2"}).with_config(Cmd=["run", "it"], Env=["PORT=80"])
    lab.tag(image, "shop:1")
    lab.append(None, {"app/b": "2"}, "one:1")
    lab.tag(image.with_config(Entrypoint=["sh"], Cmd=["-c", "x"]), "entry:1")
    lab.tag(image.with_config(Env=["PORT=80", "PORT=81"]), "twice:1")
    return lab


CONDITIONS = [  # (one that holds, one that does not, what is seen then)
    (goal.Exists("shop:1"), goal.Exists("shop:2"), "there is no image called shop:2"),
    (goal.Layers("shop:1", 2), goal.Layers("shop:1", 1), "it has 2 layers"),
    (goal.HasFile("shop:1", "app/a"), goal.HasFile("shop:1", "empty"), "`empty` is a file of 0 bytes"),
    (goal.HasFile("shop:1", "app/b"), goal.HasFile("shop:1", "app/c"), "it shows no `app/c`"),
    (goal.NoFile("shop:1", "app/c"), goal.NoFile("shop:1", "app/a"), "`app/a` exists, 1 byte"),
    (goal.OnlyFile("one:1", "app/b"), goal.OnlyFile("shop:1", "app/b"), "it also shows app/a, empty"),
    (goal.Command("shop:1", ("run", "it")), goal.Command("shop:1", ("run it",)), 'Cmd is `["run", "it"]`'),
    (goal.Command("entry:1", ("sh", "-c", "x")), goal.Command("entry:1", ("-c", "x")), 'Entrypoint is `["sh"]`'),
    (goal.Command("shop:1", ("run", "it")), goal.Command("base:1", ("run", "it")), "its config has no Cmd"),
    (goal.Variable("shop:1", "PORT", "80"), goal.Variable("shop:1", "PORT", "8"), "Env is `PORT=80`"),
    (goal.Variable("twice:1", "PORT", "81"), goal.Variable("twice:1", "PORT", "80"), "Env is `PORT=80, PORT=81`"),
]


@pytest.mark.parametrize(("true", "false", "saw"), CONDITIONS, ids=lambda value: type(value).__name__)
def test_a_condition_looks_and_says_what_it_saw(shop, true, false, saw):
    assert true.check(shop).holds
    assert not false.check(shop).holds
    assert saw in false.check(shop).actual


def test_built_on(shop):
    def built(name, base, more):
        return goal.BuiltOn.of(name, base, shop, more)

    assert built("shop:1", "base:1", 1).check(shop).holds
    assert built("shop:1", "base:1", None).check(shop).holds and built("base:1", "base:1", None).check(shop).holds
    assert built("base:1", "base:1", 0).check(shop).holds
    assert not built("one:1", "base:1", None).check(shop).holds
    for condition, seen in (
        (built("shop:1", "base:1", 0), "it has 1 of the 1 layers of base:1, and 1 of its own"),
        (built("base:1", "shop:1", 0), "it has 1 of the 2 layers of shop:1, and 0 of its own"),
    ):
        assert condition.check(shop) == goal.Verdict(False, seen)
    condition = built("shop:1", "base:1", 1)
    shop.tag("one:1", "base:1")
    assert condition.check(shop).holds, "the layers of base:1 are those it had when the condition was made"


def test_holds_layer(shop):
    image = shop.image("shop:1")
    assert goal.HoldsLayer("shop:1", image.diff_ids[0], "it").check(shop).holds
    assert not goal.HoldsLayer("base:1", image.diff_ids[1], "it").check(shop).holds


def test_leads(shop):
    image = shop.image("shop:1")
    assert goal.PointsTo("shop:1", image.digest, "it").check(shop).holds
    seen = goal.PointsTo("base:1", image.digest, "it").check(shop)
    assert not seen.holds and seen.actual == f"it points to {shop.image('base:1').id.short}"


def test_unmoved(shop):
    unmoved = goal.Unmoved("both", tuple(shop.store.tags().items()))
    assert unmoved.check(shop) == goal.Verdict(True, "all do")
    shop.tag("base:1", "shop:1")
    assert unmoved.check(shop) == goal.Verdict(False, "moved or gone: shop:1")
    shop.rmi("shop:1")
    assert not unmoved.check(shop).holds


def test_a_lab_that_cannot_be_read_fails_a_condition_in_words(shop):
    for layer in shop.image("base:1").layers:
        shop.store.blobs.path(layer.digest).write_bytes(b"no tar")
    verdict = goal.HasFile("base:1", "app/a").check(shop)
    assert not verdict.holds and verdict.actual != "it shows no `app/a`"


def test_the_picture_shows_what_each_condition_compares(shop):
    conditions = sorted((condition for pair in CONDITIONS for condition in pair[:2]), key=lambda one: one.name)
    of_goal, now = picture.draw(conditions), picture.draw(conditions, shop)
    for drawing in (of_goal, now):
        ElementTree.fromstring(drawing.svg)
    for condition, line, line_now in zip(conditions, of_goal.text.splitlines(), now.text.splitlines(), strict=True):
        if condition.check(shop).holds:
            assert line_now == f"as in the goal: {line}"
        else:
            assert line_now.startswith("not yet: ") and line_now != f"not yet: {line}"


def test_both_pictures_have_the_same_boxes_in_the_same_order(shop):
    conditions = [goal.Layers("shop:1", 2), goal.Exists("base:1"), goal.Layers("base:1", 5)]
    of_goal, now = picture.draw(conditions), picture.draw(conditions, shop)
    assert of_goal.title == "The goal: shop:1 and base:1" and now.title == "Now: shop:1 and base:1"
    for drawing in (of_goal, now):
        boxes = [drawing.source.index(f"s{number} ") for number in (0, 1)]
        assert boxes == sorted(boxes) and "s0 -> s1" in drawing.source
    assert 'id="tag:shop:1"' in now.svg and "✗" in now.svg and "✗" not in of_goal.svg


def test_a_name_that_is_not_there_is_a_box_that_says_so(shop):
    drawing = picture.draw([goal.Layers("none:1", 2)], shop)
    assert "no image of this name" in drawing.svg and drawing.text == "not yet: none:1: not there"
