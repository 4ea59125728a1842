"""Columns as docker's tabwriter lays them out; the expected text is what docker 20.10.24 printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab.cli.command import Failed
from imagelab.cli.table import aligned, print_rows
from imagelab.golang.template import Row

ROWS = [Row("*formatter.imageContext", ID="138dd7ae249f", Repository="derived", Size="3.97MB"),
        Row("*formatter.imageContext", ID="99737dc0b161", Repository="<none>", Size="1.98MB")]  # fmt: skip
TITLES = {"ID": "IMAGE ID", "Repository": "REPOSITORY", "Size": "SIZE"}


def printed(capsys, template, **options):
    print_rows(ROWS, TITLES, ["Repository", "ID", "Size"], template, **options)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "text, columns",
    [
        ("A\tB\nlonger than ten\tx\n", "A                 B\nlonger than ten   x\n"),
        ("TAG\tID\n2\t1\n", "TAG       ID\n2         1\n"),
        ("SIZE\tCOMMENT\n0B\t\n", "SIZE      COMMENT\n0B        \n"),
        ("one column\nand no tab\n", "one column\nand no tab\n"),
        # a line without the column ends it: what follows is a column of its own
        ("long long long\tA\nalone\nx\tB\n", "long long long   A\nalone\nx         B\n"),
        ("a\tb\tc\nd\te\n", "a         b         c\nd         e\n"),
        ("", ""),
        ("é漢\tx\n", "é漢        x\n"),  # 20.10 counts characters, also those that terminals show in two columns
    ],
)
def test_aligned(text, columns):
    assert aligned(text) == columns


@given(st.text("ab\t\n"))
def test_aligning_changes_white_space_only(text):
    assert "".join(aligned(text).split()) == "".join(text.split())
    assert aligned(text).count("\n") == text.count("\n")
    assert "\t" not in aligned(text)


@pytest.mark.parametrize(
    "template, text",
    [
        (
            None,
            "REPOSITORY   IMAGE ID       SIZE\n"
            "derived      138dd7ae249f   3.97MB\n"
            "<none>       99737dc0b161   1.98MB\n",
        ),
        ("{{.ID}} {{.Size}}", "138dd7ae249f 3.97MB\n99737dc0b161 1.98MB\n"),
        (r"a\tb{{.Size}}\n", "a\tb3.97MB\n\na\tb1.98MB\n\n"),
        (
            r"table {{.ID}}\t{{upper .Repository}}",
            "IMAGE ID       REPOSITORY\n138dd7ae249f   DERIVED\n99737dc0b161   <NONE>\n",
        ),
        ("table {{.ID}} {{.Size}}", "IMAGE ID SIZE\n138dd7ae249f 3.97MB\n99737dc0b161 1.98MB\n"),
        ("table {{json .ID}}", 'IMAGE ID\n"138dd7ae249f"\n"99737dc0b161"\n'),
        ("raw text", "raw text\nraw text\n"),
        (
            "json",
            '{"ID":"138dd7ae249f","Repository":"derived","Size":"3.97MB"}\n'
            '{"ID":"99737dc0b161","Repository":"\\u003cnone\\u003e","Size":"1.98MB"}\n',
        ),
        (
            "table {{json .}}",
            "\n"
            '{"ID":"138dd7ae249f","Repository":"derived","Size":"3.97MB"}\n'
            '{"ID":"99737dc0b161","Repository":"\\u003cnone\\u003e","Size":"1.98MB"}\n',
        ),
    ],
)
def test_formats(capsys, template, text):
    assert printed(capsys, template) == text
    if template is None:
        assert printed(capsys, "") == printed(capsys, "table") == text


def test_quiet(capsys):
    assert printed(capsys, None, quiet=True) == "138dd7ae249f\n99737dc0b161\n"
    assert printed(capsys, "{{.Size}}", quiet=True) == "3.97MB\n1.98MB\n"


@pytest.mark.parametrize(
    "template, error",
    [
        (
            "{{.Nope}}",
            'template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type *formatter.imageContext',
        ),
        ("table {{.ID.X}}", 'template: :1:5: executing "" at <.ID.X>: can\'t evaluate field X in type string'),
        ("{{.ID", "template: :1: unclosed action"),
        ("{{foo}}", 'template: :1: function "foo" not defined'),
    ],
)
def test_a_template_that_cannot_be_done_prints_nothing(capsys, template, error):
    with pytest.raises(Failed) as caught:
        printed(capsys, template)
    assert (caught.value.message, caught.value.exit_code) == (f"template parsing error: {error}", 1)
    assert capsys.readouterr().out == ""
