"""Goals: each condition tells true from false and says what it saw; the picture is made of the same conditions."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imagelab.lesson.goals import goal


@pytest.fixture
def shop(lab):
    base = lab.append(None, {"app/a": "1", "empty": ""}, "base:1")
    image = lab.append(base, {"app/b": "2"}).with_config(Cmd=["run", "it"], Env=["PORT=80"])
    lab.tag(image, "shop:1")
    return lab


CONDITIONS = [  # (one that holds, one that does not, what is seen then)
    (goal.Exists("shop:1"), goal.Exists("shop:2"), "there is no image called shop:2"),
    (goal.Layers("shop:1", 2), goal.Layers("shop:1", 1), "it has 2 layers"),
    (goal.HasFile("shop:1", "app/a"), goal.HasFile("shop:1", "empty"), "`empty` is a file of 0 bytes"),
    (goal.HasFile("shop:1", "app/b"), goal.HasFile("shop:1", "app/c"), "it shows no `app/c`"),
    (goal.NoFile("shop:1", "app/c"), goal.NoFile("shop:1", "app/a"), "`app/a` exists, 1 byte"),
    (goal.Command("shop:1", ("run", "it")), goal.Command("shop:1", ("run it",)), "Cmd is `run it`"),
    (goal.Command("shop:1", ("run", "it")), goal.Command("base:1", ("run", "it")), "its config has no Cmd"),
    (goal.Variable("shop:1", "PORT", "80"), goal.Variable("shop:1", "PORT", "8"), "Env is `PORT=80`"),
    (goal.BuiltOn("shop:1", "base:1", 1), goal.BuiltOn("shop:1", "base:1", 0), "1 of the 1 layers of base:1, and 1"),
    (goal.BuiltOn("base:1", "base:1", 0), goal.BuiltOn("base:1", "shop:1", 0), "1 of the 2 layers of shop:1, and 0"),
]


@pytest.mark.parametrize(("true", "false", "saw"), CONDITIONS, ids=lambda value: type(value).__name__)
def test_a_condition_looks_and_says_what_it_saw(shop, true, false, saw):
    assert true.check(shop).holds
    assert not false.check(shop).holds
    assert saw in false.check(shop).actual


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


def test_the_picture_holds_every_condition_and_marks_it_as_the_check_does(shop):
    conditions = [condition for pair in CONDITIONS for condition in pair[:2]]
    drawing = goal.draw(conditions, shop)
    ElementTree.fromstring(drawing.svg)
    for condition in conditions:
        mark = "met" if condition.check(shop).holds else "missing"
        assert f"{mark}: {condition.name} {condition.sentence}".replace("`", "") in drawing.text


def test_the_goal_before_the_start_carries_no_mark(shop):
    drawing = goal.draw([goal.BuiltOn("shop:1", "base:1", 1)])
    assert drawing.text == "shop:1 has all layers of base:1, and 1 more layer"
    assert "n0 -> n1" in drawing.source and "exists from the start" in drawing.svg
