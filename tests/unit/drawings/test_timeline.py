"""The timeline: every move, container and manifest once, in the order in which it happened; one letter a digest."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from imagelab import Lab, draw
from imagelab.drawings.timeline import MOST, Event, draw_events
from imagelab.oci.digest import Digest
from imagelab.oci.reference import Reference


@pytest.fixture(scope="module")
def incident():
    """One host pushes shop:1.0 twice; the other pulled it in between, and ran a container of it."""
    lab, other = (Lab.temporary(epoch=0, current=False) for _ in range(2))
    with lab.registry(name="timeline.test") as registry:
        old = lab.append(lab.base(), {"menu.txt": "soup 4\n"}, "timeline.test/shop:1.0")
        lab.push("timeline.test/shop:1.0")
        other.pull("timeline.test/shop:1.0")
        other.run("timeline.test/shop:1.0", "true", name="till")
        new = lab.append(lab.base(), {"menu.txt": "soup 5\n"}, "timeline.test/shop:1.0")
        lab.push("timeline.test/shop:1.0")
        yield {"host one": lab, "host two": other}, registry, old, new


def test_the_events_are_in_order_and_each_image_has_one_letter(incident):
    hosts, registry, old, new = incident
    name = "timeline.test/shop:1.0"
    lines = draw.timeline(hosts, registry).text.splitlines()
    digests = [line.rpartition(", digest ")[2].rstrip(".") for line in lines]
    assert [line.partition(", digest ")[0] for line in lines] == [
        "1. host one: lab/shell:1.0 → A, by base",
        f"2. host one: {name} → B, by append",
        "3. timeline.test: shop:1.0 → B, pushed",
        "4. timeline.test: shop:1.0 → B, looked up",
        "5. timeline.test: shop → B, pulled by digest",
        f"6. host two: {name} → B, by pull",
        f"7. host two: till → B, started from {name}",
        "8. host two: till → B, exited (0)",
        f"9. host one: {name} → C, by append",
        "10. timeline.test: shop:1.0 → C, pushed",
    ]
    assert digests[2:8] == [Digest(hosts["host two"].tags()[Reference.parse(name)]).short] * 6
    assert digests[1] == old.digest.short != digests[2]  # the push has compressed the layers: another manifest
    assert digests[8] == new.digest.short


def test_the_picture_has_a_column_for_each_place_and_a_part_for_each_event(incident):
    hosts, registry, *_ = incident
    drawing = draw.timeline(hosts, registry)
    parts = re.findall(r'<g id="(event:\d+)"', unescape(drawing.svg))
    assert parts == [f"event:{number}" for number in range(1, 11)]
    shown = unescape(re.sub(r"<desc>.*?</desc>", "", drawing.svg, flags=re.S)).replace("\xa0", " ")
    assert all(f">{place}<" in shown for place in (*hosts, registry.name))
    assert drawing.svg == draw.timeline(hosts, registry).svg


def test_the_times_are_in_no_picture(incident):
    hosts, registry, *_ = incident
    times = [move.time for lab in hosts.values() for move in lab.tag_log()]
    times += [request.time for request in registry.log()]
    assert all(times) and not any(time in draw.timeline(hosts, registry).svg for time in times)


def test_nothing_has_happened():
    assert draw_events(["host"], []).text == "Nothing yet."


def test_of_many_events_the_last_are_drawn_with_their_own_numbers():
    first = Event("2026-01-01T00:00:00.000Z", "host", "tag", "shop:1.0", "by tag")
    lines = draw_events(["host"], [replace(first, how=f"by {n}") for n in range(MOST + 2)]).text.splitlines()
    assert lines[0] == "Left out: 2 earlier events." and lines[1] == "3. host: shop:1.0, by 2."
    assert len(lines) == MOST + 1
