"""`--format`: tables and templates of rows.

A listing consists of rows of named fields. `--format` prints each row through a Go template; `table …` adds a line of
titles and aligns the columns; without a format, a command prints its default columns. Columns are aligned as in Go's
text/tabwriter: at least 10 wide and 3 apart, the last one unpadded. Every character counts as one column, as in Go.

Follows docker/cli (formatter/formatter.go, formatter/tabwriter).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..golang.template import Row, Struct, Template, to_json
from ..golang.template_syntax import ParseError, TemplateError
from ..units import harmless
from .command import fail, say

_LEAST, _APART = 10, 3
SYNTAX = 64  # docker's exit code for a template with a syntax error, for one value


def print_rows(
    rows: Sequence[Row], titles: Mapping[str, str], columns: Sequence[str], template: str | None, *,
    quiet: bool = False, unknown: str = "",
) -> None:  # fmt: skip
    """Print rows through the template of `--format`, or without one in these columns (with `quiet` only the IDs).

    `unknown` fills the cells of a table that have no CreatedSince.
    """
    if not template or template == "table":
        if quiet:
            say("".join(f"{row['ID']}\n" for row in rows))
            return
        cells = [[str(row[name]) or unknown * (name == "CreatedSince") for name in columns] for row in rows]
        lines = [[titles[name] for name in columns], *cells]
        say(aligned("".join("\t".join(line) + "\n" for line in lines)))
        return
    if template == "raw":
        fail("Error: --format raw is not supported: name the fields you want, as in '{{.ID}}', or use json")
    try:
        say(_templated(rows, titles, template))
    except TemplateError as error:
        fail(f"template parsing error: {error}")


def try_template(row: Row, titles: Mapping[str, str], template: str) -> None:
    """End the command if a template cannot be rendered, even if there are no rows."""
    try:
        _templated([row], titles, template)
    except ParseError as error:
        fail(f"failed to parse template: {error}")
    except TemplateError as error:
        fail(f"failed to execute template: {error}")


def _templated(rows: Sequence[Row], titles: Mapping[str, str], template: str) -> str:
    is_table = template.startswith("table")
    source = "{{json .}}" if template == "json" else template.removeprefix("table").strip(" ")
    parsed = Template(source.replace("\\t", "\t").replace("\\n", "\n"))
    text = "".join(parsed.render(row) + "\n" for row in rows)
    if not is_table:
        return text
    try:
        head = parsed.render(dict(titles), header=True)
    except TemplateError:  # a template that fails on titles, such as `json .`: docker omits them
        head = ""
    return aligned(f"{head}\n{text}")


def print_value(value: Struct, template: str) -> None:
    """Print one value, rather than rows, through a template, or as JSON."""
    if template == "json":
        say(to_json(value) + "\n")
        return
    try:
        say(parse_template(template, syntax_code=SYNTAX).render(value) + "\n")
    except TemplateError as error:
        fail(str(error))


def parse_template(template: str, *, syntax_code: int = 1) -> Template:
    """Parse a template for one value; ends the command with docker's message for a syntax error."""
    try:
        return Template(template)
    except ParseError as error:
        fail(f"template parsing error: {error}", 1 if error.left_out else syntax_code)


def aligned(text: str) -> str:
    """Text with tabs replaced by padding that aligns the columns; a column is a block of adjacent lines, as in Go."""
    lines = [line.split("\t") for line in harmless(text).split("\n")]
    widths: list[list[int]] = [[] for _ in lines]

    def measure(first: int, last: int, column: int) -> None:
        start = first
        while start < last:
            if len(lines[start]) - 1 <= column:
                start += 1
                continue
            end = start
            while end < last and len(lines[end]) - 1 > column:
                end += 1
            wide = max(_LEAST, *(len(line[column]) + _APART for line in lines[start:end]))
            for line in widths[start:end]:
                line.append(wide)
            measure(start, end, column + 1)
            start = end

    measure(0, len(lines), 0)
    return "\n".join(
        "".join(cell.ljust(wide) for cell, wide in zip(line, wides, strict=False)) + line[-1]
        for line, wides in zip(lines, widths, strict=True)
    )
