"""What a lesson must be, and a guard against lessons that pass without being looked at.

nbval runs every notebook and compares every output; here it is made sure that there is something to compare.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from imagelab.lesson import course, minutes
from imagelab.lesson.exercises import EXERCISES
from imagelab.lesson.predictions import PREDICTIONS

ROOT = Path(__file__).parents[2]
SANITIZE = ROOT / "tests" / "lessons" / "sanitize.cfg"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_RULES = 4
WIDGET = "application/vnd.jupyter.widget-view+json"

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind="code"):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def outputs(path):
    return [output for cell in cells(path) for output in cell.outputs]


def html(path):
    return "".join(output.get("data", {}).get("text/html", "") for output in outputs(path))


def test_the_lessons_are_there():
    assert [path.name for path in NOTEBOOKS] == [lesson.notebook for lesson in course.LESSONS]
    for path, lesson in zip(NOTEBOOKS, course.LESSONS, strict=True):
        assert cells(path, "markdown")[0].source.splitlines()[0] == f"# {lesson.number} · {lesson.title}"


@each
def test_every_cell_has_been_run_in_order_and_without_error(path):
    assert [cell.execution_count for cell in cells(path)] == [*range(1, len(cells(path)) + 1)]
    kinds = {output.output_type for output in outputs(path)}
    assert kinds <= {"stream", "execute_result", "display_data"}
    assert all(output.name == "stdout" for output in outputs(path) if output.output_type == "stream")


@each
def test_a_cell_that_ends_in_a_value_shows_it(path):
    """An output that was wiped would pass nbval unseen, were it not there before either."""
    for cell in cells(path):
        last = cell.source.strip().splitlines()[-1]
        if re.match(r"[a-z_.]+(\(.*\))?$|print\(|%docker |\w+\[", last) and not last.startswith("lab.save"):
            assert cell.outputs, f"cell {cell.id} shows nothing: {last}"


@each
def test_nothing_in_it_hides_an_output_or_escapes_comparison(path):
    for cell in cells(path):
        assert not re.search(r";\s*$", cell.source, flags=re.M), cell.source
        forbidden = re.search(r"\bOutput\b|\binteract|clear_output|update_display|%%capture|NBVAL|nbval", cell.source)
        assert not forbidden, cell.source
        assert not cell.metadata.get("tags")
    text = path.read_text("utf-8")
    assert not re.search(r"0x[0-9a-f]{6,}", text)
    assert not re.search(r"/(home|root|tmp|Users|work)/", text), "a path of the machine it was run on"


@each
def test_it_is_readable_without_a_kernel(path):
    notebook = nbformat.read(path, as_version=4)
    assert "widgets" not in notebook.metadata
    assert not any(WIDGET in output.get("data", {}) for output in outputs(path))
    for output in outputs(path):
        if output.output_type == "execute_result":
            assert "text/html" in output.data, output.data
    pictures = re.findall(r"<img [^>]*>", html(path))
    assert pictures
    for picture in pictures:
        alt = re.search(r'alt="([^"]*)"', picture)
        assert alt and len(alt[1]) > 40


@each
def test_cells_are_short_and_prose_keeps_the_voice(path):
    for cell in cells(path):
        assert len(cell.source.splitlines()) <= 12, cell.source
    for cell in cells(path, "markdown"):
        prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.S)
        assert not re.search(r"[^<]!(?!\[)|\bsimply\b|\bjust\b|\bobviously\b", prose), prose


@each
def test_it_has_the_shape_of_a_lesson(path):
    prose = "\n".join(cell.source for cell in cells(path, "markdown"))
    assert re.search(r"^\*\d+ minutes\.", prose, flags=re.M)
    assert len(re.findall(r"^\d\. .*", prose.split("##")[0], flags=re.M)) == 3, "three objectives"
    assert "Your turn" in prose and "What you have seen" in prose and "**Where next:**" in prose
    number = path.stem[:2]
    code = "\n".join(cell.source for cell in cells(path))
    assert set(re.findall(r'exercise\("([\w.]+)"\)', code)) == {name for name in EXERCISES if name.startswith(number)}
    asked = re.findall(r'predict\("([\w.]+)"\)', code)
    assert asked == [name for name in PREDICTIONS if name.startswith(number)]
    order = re.findall(r'(predict|reveal)\("([\w.]+)"', code)
    pairs = [(verb, name) for name in asked for verb in ("predict", "reveal")]
    assert order == pairs, "each prediction is revealed before the next is made"


@each
def test_its_sections_are_numbered_and_those_marked_more_open_folded(path):
    """A folded heading hides what follows it up to the next one, so a heading begins its cell."""
    numbers = []
    for cell in cells(path, "markdown"):
        headings = re.findall(r"^## (\d+)\. (.*)", cell.source, flags=re.M)
        numbers += [int(number) for number, _ in headings]
        more = [title for _, title in headings if title.startswith("More: ")]
        assert dict(cell.metadata) == ({minutes.FOLDED: True} if more else {})
        assert not more or (cell.source.startswith("## ") and len(headings) == 1)
    assert numbers == [*range(1, len(numbers) + 1)]
    assert not any(cell.metadata for cell in cells(path))


def test_a_link_to_another_lesson_leads_somewhere():
    for path in NOTEBOOKS:
        for cell in cells(path, "markdown"):
            for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
                assert (path.parent / target).exists(), target


def test_the_sanitize_file_is_short_and_plain():
    lines = [line for line in SANITIZE.read_text("ascii").splitlines() if line and not line.startswith("#")]
    assert [line.split(":")[0] for line in lines] == ["regex", "replace"] * (len(lines) // 2)
    assert len(lines) // 2 <= MOST_RULES
    for line in lines[::2]:
        pattern = line.removeprefix("regex: ")
        assert not re.search(pattern, "sha256:0123456789ab 1.02kB <Image shop:1.0> 1,024 bytes"), "it hides facts"


def run_nbval(folder):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, "--nbval",
         "--nbval-current-env", "--nbval-sanitize-with", SANITIZE, "--nbval-cell-timeout", "120", folder],
        capture_output=True, text=True, cwd=folder,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lesson", "was", "would_be"),
    [("00-start-here", "a blob of 2048", "a blob of 2049"), ("01-what-an-image-contains", " 0644 ", " 0664 ")],
)
def test_a_wrong_output_is_noticed_and_a_run_leaves_nothing_behind(tmp_path, lesson, was, would_be):
    """One digit changed in a committed output, and the run fails; the learner's folder holds what it held."""
    text = (ROOT / "notebooks" / f"{lesson}.ipynb").read_text("utf-8")
    assert was in text
    (tmp_path / "lesson.ipynb").write_text(text.replace(was, would_be, 1), "utf-8")
    done = run_nbval(tmp_path)
    assert done.returncode == 1, done.stdout
    assert re.search(r"1 failed, \d+ passed", done.stdout)
    assert [item.name for item in tmp_path.iterdir()] == ["lesson.ipynb"]
