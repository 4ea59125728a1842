"""The graph of a build: stages, what the cache had, what takes from where, and what was left out."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from imagelab import draw

STAGES = """\
FROM lab/shell:1.0 AS build
COPY a /src/a
RUN sort /src/a > /b
FROM build AS more
COPY --from=lab/shell:1.0 /etc/group /g
FROM lab/shell:1.0 AS check
RUN grep -q 1 /src/a
FROM scratch
COPY --from=more /b /b
LABEL a=b
"""
CONTEXT = {"Dockerfile": STAGES, "a": "2\n1\n"}


def shown(drawing):
    root = ElementTree.fromstring(drawing.svg)
    return ["".join(e.itertext()).replace("\xa0", " ") for e in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture
def built(lab):
    lab.build(CONTEXT, "x:1")
    return lab.build({**CONTEXT, "Dockerfile": STAGES.replace("a=b", "a=c")}, "x:1")


def test_every_step_says_what_the_cache_had_and_which_layer_it_is(built):
    words = shown(draw.build(built))
    assert "stage 0: build" in words and "stage 3" in words
    assert words.count("HIT layer 2, 4 bytes") + words.count("HIT   layer 2, 4 bytes") >= 1
    assert any(w.split() == ["MISS", "no", "layer"] for w in words)
    assert "instruction changed: it was 'LABEL a=b'" in words
    assert "  LABEL a=c: MISS   no layer (instruction changed: it was 'LABEL a=b')" in draw.build(built).text


def test_what_takes_from_where_is_an_arrow(built):
    source = draw.build(built).source
    for tail, head, how in (("i0", "s0:p1", "FROM"), ("s0:head", "s1:p4", "FROM"), ("i0", "s1:p5", "--from"),
                            ("s1:head", "s3:p7", "--from")):  # fmt: skip
        assert any(f"{tail} -> {head} " in line and f'" {how} "' in line for line in source.splitlines()), (tail, head)
    assert "s3:head -> image" in source


def test_a_stage_that_nothing_needs_stands_aside_with_its_lines(built):
    drawing = draw.build(built)
    assert "Stage 2: check was not built: the target needs nothing of it." in drawing.text
    assert "RUN grep -q 1 /src/a" in shown(drawing)
    assert "s2" not in {word.partition(":")[0] for line in drawing.source.splitlines() if "->" in line
                        for word in line.split()}  # fmt: skip


def test_many_steps_are_counted_and_names_are_only_shown(lab):
    text = "FROM scratch\n" + "".join(f'LABEL l{n}="<b>&amp;"\n' for n in range(40))
    words = shown(draw.build(lab.build({"Dockerfile": text})))
    assert "and 17 more steps" in words
    assert 'LABEL l0="<b>&amp;"' in words
