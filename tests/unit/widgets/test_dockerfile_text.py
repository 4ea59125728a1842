"""A Dockerfile's text by its instructions: the same ones as the parser's, moved, replaced, removed and added."""

from __future__ import annotations

import pytest
from e2b_dockerfile_utils import parse_dockerfile_ast
from hypothesis import given
from hypothesis import strategies as st

from imagelab.widgets.dockerfile_text import added, blocks, moved, replaced, without

TEXT = (
    "FROM a\n\n# of the copy\nCOPY x \\\n  # inside\n\n  y /z/\nRUN <<EOF\nRUN not one\nEOF\n"
    "COPY <<-A <<'B' /\nl\n\tA\nCOPY no\nB\nCMD x"
)
PARTS = [
    "FROM a", "RUN x", "RUN x \\\n  y", "RUN x \\\n# c\n\n y", "RUN <<E\nRUN z\nE", "COPY <<-E /a\n\tb\n\tE", "# c", "",
]  # fmt: skip
WRONG = ["", "\n\n", "# c", "COPI", "RUN <<EOF\nno end", "RUN x \\", "# escape=`\nRUN x `\n y"]


def ranges(text):
    return [(block.line, block.last) for block in blocks(text)]


@given(st.lists(st.sampled_from(PARTS)).map("\n".join))
def test_the_instructions_are_the_parser_s(text):
    parsed = parse_dockerfile_ast(text).instructions
    assert ranges(text) == [(each.start_line, each.end_line) for each in parsed]


def test_an_instruction_has_its_lines_and_the_comment_above_it():
    assert [block.text.split("\n")[0] for block in blocks(TEXT)] == [
        "FROM a", "COPY x \\", "RUN <<EOF", "COPY <<-A <<'B' /", "CMD x",
    ]  # fmt: skip
    assert (blocks(TEXT)[1].first, blocks(TEXT)[1].line) == (3, 4)


@pytest.mark.parametrize("text", WRONG)
def test_a_text_that_does_not_build_is_read_all_the_same(text):
    assert len(blocks(text)) == any(line and not line.startswith("#") for line in text.splitlines())


@given(st.lists(st.sampled_from(PARTS)).map("\n".join), st.data())
def test_a_move_takes_an_instruction_to_the_place_of_another(text, data):
    every = blocks(text)
    if not every:
        return
    source, target = (data.draw(st.integers(0, len(every) - 1)) for _ in range(2))
    result, line = moved(text, every[source], every[target])
    texts = [block.text for block in every]
    texts.insert(target, texts.pop(source))
    assert [block.text for block in blocks(result)] == texts
    assert [block.line for block in blocks(result)][target] == line


def test_an_instruction_is_replaced_removed_and_added():
    copy = blocks(TEXT)[1]
    assert "# of the copy\nCOPY w /z/\nRUN" in replaced(TEXT, copy, "COPY w /z/")
    assert without(TEXT, copy).startswith("FROM a\n\nRUN <<EOF")
    assert added(TEXT, "USER u\nCMD y").endswith("\nCMD x\nUSER u\nCMD y\n")
    assert added("", "FROM a") == "FROM a\n"
