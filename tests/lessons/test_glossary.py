"""Words before they are used: each term of the glossary has its note where the course first uses it."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from imagelab.lesson import course, glossary, minutes

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PICTURES = NOTEBOOKS / "pictures"
each = pytest.mark.parametrize("lesson", course.LESSONS, ids=lambda lesson: lesson.number)


def cells(lesson):
    return nbformat.read(NOTEBOOKS / lesson.notebook, as_version=4).cells


def prose(lesson):
    return [cell.source for cell in cells(lesson) if cell.cell_type == "markdown"]


@each
def test_a_term_has_its_note_before_it_is_used(lesson):
    reader = glossary.Reader()  # of the lessons before this one too: what they miss is theirs to say
    missing = [reader.read(cells(one)) for one in course.LESSONS[: course.LESSONS.index(lesson) + 1]][-1]
    assert not missing, f"python tools/notes.py --write notebooks/{lesson.notebook}"


@each
def test_a_note_says_what_the_glossary_says(lesson):
    for text in prose(lesson):
        for written in glossary.notes(text):
            assert written == glossary.note(glossary.name_of(written))
        assert text.count("<details") == len(glossary.notes(text)), "a note that is not of the glossary"


def test_a_note_stands_once_in_the_course():
    """And once more at most in a section that opens folded, for the core alone has to be read."""
    for more in (False, True):
        sections = [part for one in course.LESSONS for part in minutes.sections(NOTEBOOKS / one.notebook)]
        texts = [minutes.source(cell) for part in sections if part.more is more for cell in part.cells]
        names = [glossary.name_of(note) for text in texts for note in glossary.notes(text)]
        assert len(names) == len(set(names))


def test_every_term_is_used_by_a_lesson():
    used = {name for lesson in course.LESSONS for text in prose(lesson)[1:] for name in glossary.uses(text)}
    assert used == set(glossary.TERMS)


def test_a_note_is_short_and_uses_few_words():
    assert 25 <= len(glossary.TERMS) <= 40
    assert list(glossary.TERMS) == sorted(glossary.TERMS, key=str.lower)
    for term in glossary.TERMS.values():
        assert len(re.findall(r"[.;:](?:\s|$)", term.text)) <= 5 and len(term.text.split()) <= 50, term.name
    assert {term.picture for term in glossary.TERMS.values()} == set(glossary.PICTURES)


def test_the_pictures_are_what_the_code_draws_today(tmp_path):
    runpy.run_path(str(ROOT / "tools" / "pictures.py"))["glossary"](tmp_path)
    assert {path.name for path in PICTURES.iterdir()} == {f"{name}.svg" for name in glossary.PICTURES}
    for name in glossary.PICTURES:
        drawn, committed = (folder / f"{name}.svg" for folder in (tmp_path, PICTURES))
        assert drawn.read_bytes() == committed.read_bytes(), "run python tools/pictures.py"


@pytest.mark.parametrize("name", glossary.PICTURES)
def test_a_picture_is_small_and_has_a_white_ground(name):
    data = (PICTURES / f"{name}.svg").read_bytes()
    assert len(data) <= 20_000
    assert re.search(rb'<polygon fill="white"|<polygon fill="#ffffff"', data[:20_000], flags=re.I)
    assert len(glossary.PICTURES[name]) > 40, "the alternative text"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Two Layers, one config.", ["layer", "config"]),
        ("A `layer` in code, and ```\na manifest\n``` too", []),
        ("[open the layer](01-config.ipynb)", ["layer"]),
        ("from `scratch`, with signal 9", ["scratch", "signal"]),
        ("the containerd store", ["containerd store"]),
        (glossary.note("blob") + "\n\nAnd a tag.", ["tag"]),
    ],
)
def test_uses(text, terms):
    assert glossary.uses(text) == terms


def markdown(source, **metadata):
    return {"cell_type": "markdown", "source": source, "metadata": metadata}


HEAD, USE = markdown("# About layers and tags"), markdown("A layer has a name.")
CODE = {"cell_type": "code", "source": "manifest", "metadata": {}}
NOTE = glossary.note("layer")


def test_a_reader_misses_a_note():
    reader = glossary.Reader()
    assert reader.read([HEAD, CODE, USE, USE]) == [glossary.Gap("layer", 2)]
    assert reader.read([HEAD, USE]) == [], "in the next lesson it counts as explained"
    assert glossary.Reader().read([HEAD, USE, CODE, markdown(NOTE)]) == [glossary.Gap("layer", 1)]


@pytest.mark.parametrize(
    "noted",
    [
        [HEAD, markdown(f"{USE['source']}\n\n{NOTE}")],
        [HEAD, USE, markdown(NOTE)],
        [HEAD, markdown(NOTE), CODE, USE],
    ],
    ids=["in the cell", "in the next", "before"],
)
def test_a_reader_sees_a_note(noted):
    assert glossary.Reader().read(noted) == []


def test_a_note_in_a_section_that_opens_folded_counts_in_such_sections_alone():
    more = markdown(f"## 2. More: layers\n\n{NOTE}", **{minutes.FOLDED: True})
    core = markdown("## 3. On")
    assert glossary.Reader().read([HEAD, more, USE]) == []
    assert glossary.Reader().read([HEAD, more, core, USE]) == [glossary.Gap("layer", 3)]
    reader = glossary.Reader()
    assert reader.read([HEAD, more]) == reader.read([HEAD, markdown("## More", **{minutes.FOLDED: True}), USE]) == []
    assert reader.read([HEAD, USE]) == [glossary.Gap("layer", 1)]


def test_the_tool_says_what_is_missing_and_puts_it_in(tmp_path):
    """In a course without any note, --write leaves nothing to say, and only adds to the ends of cells."""
    for folder in ("tools", "notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
    for lesson in course.LESSONS:
        path = tmp_path / "notebooks" / lesson.notebook
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            for written in glossary.notes(cell.source):
                cell.source = cell.source.replace(written, "").rstrip()
        nbformat.write(notebook, path)
    tool = [sys.executable, str(tmp_path / "tools" / "notes.py")]
    before = subprocess.run(tool, capture_output=True, text=True)
    assert before.returncode == 1
    assert {line.split("'")[1] for line in before.stdout.splitlines()} == set(glossary.TERMS)
    subprocess.run([*tool, "--write"], check=True, capture_output=True)
    after = subprocess.run(tool, capture_output=True, text=True)
    assert (after.returncode, after.stdout) == (0, "")
