"""A drawing one can take hold of: its groups and what is done to them. tests/browser has the browser's part."""

from __future__ import annotations

import pytest

from imagelab import Lab, LabError, draw
from imagelab.widgets.touch import Node, TouchDrawing


@pytest.fixture
def events():
    return []


@pytest.fixture
def touch(events):
    def handle(event, node, target):
        events.append((event, node, target))
        if target == "image:gone":
            raise LabError("no such image")
        return f"{event} {node}"

    return TouchDrawing(handle)


@pytest.fixture
def shown(touch):
    lab = Lab.temporary()
    image = lab.append(None, {"a": "b"}, "shop:1.0")
    nodes = {
        "tag:shop:1.0": Node("tag shop:1.0", drag=True, off=True),
        f"image:{image.id.short}": Node("image", drop=True),
    }
    touch.show(draw.tags(lab), nodes)
    return touch


def test_it_shows_graphviz_own_svg_and_says_the_same_in_words(shown):
    assert shown.svg.startswith("<svg") and 'id="tag:shop:1.0"' in shown.svg
    assert shown.label == "Tags, and where they have pointed"
    assert "shop:1.0 points to image" in shown.still.value and shown.parts == (shown, shown.still)
    assert shown.nodes["tag:shop:1.0"] == {
        "label": "tag shop:1.0", "drag": True, "drop": False, "off": True, "same": [],
        "note": "", "pressed": None, "edit": None,
    }  # fmt: skip


def test_what_is_done_reaches_the_handler_and_its_answer_is_announced(shown, events):
    shown._receive(None, {"event": "act", "node": "tag:shop:1.0", "target": None}, [])
    assert events == [("act", "tag:shop:1.0", None)]
    assert shown.announcement == "act tag:shop:1.0"


def test_an_error_is_announced_in_words(shown):
    shown.do("drop", "tag:shop:1.0", "image:gone")
    assert shown.announcement == "That did not work. no such image"


def test_the_same_words_are_announced_again(shown):
    words = []
    shown.observe(lambda change: words.append(change.new), "announcement")
    for _ in range(2):
        shown.do("act", "tag:shop:1.0")
    assert words == ["act tag:shop:1.0", "", "act tag:shop:1.0"]


def test_a_group_that_cannot_be_reached_is_not_acted_on(shown, events):
    shown._receive(None, {"event": "act", "node": "tag:other:1.0"}, [])
    shown._receive(None, {}, [])
    assert events == []


def test_each_drawing_is_counted_so_that_svg_and_nodes_change_together(shown):
    before = shown.drawn
    shown.show(draw.tags(Lab.temporary()), {})
    assert shown.drawn == before + 1 and shown.nodes == {}
