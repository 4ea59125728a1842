"""The learner's copy: lessons as they are opened, put into any folder, and never over the learner's work."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from imagelab.errors import Invalid, NotFound
from imagelab.lesson import course, progress
from imagelab.lesson.learner_copy import Copy

NAMES = [lesson.notebook for lesson in course.LESSONS]
TAGS = "04-tags.ipynb"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy with every lesson in it."""
    monkeypatch.delenv("IMAGELAB_PROGRESS", raising=False)
    copy = Copy(tmp_path / "course")
    copy.put()
    return copy


@pytest.fixture
def originals(tmp_path, monkeypatch):
    """The course's notebooks in a folder where a test may change them."""
    folder = tmp_path / "originals"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((course.notebooks() / name).read_bytes())
    shutil.copytree(course.notebooks() / "pictures", folder / "pictures")
    monkeypatch.setattr(course, "notebooks", lambda: folder)
    return folder


def edit(path: Path) -> bytes:
    """Change a notebook as a learner does; returns what it holds now."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell("My notes"))
    nbformat.write(notebook, path)
    return path.read_bytes()


def notebooks(copy: Copy) -> list[str]:
    return sorted(path.name for path in copy.folder.glob("*.ipynb"))


def test_the_lessons_have_no_outputs_and_their_sections_stay_folded(originals, tmp_path):
    notebook = nbformat.read(originals / TAGS, as_version=4)
    notebook.cells[2].metadata["jp-MarkdownHeadingCollapsed"] = True
    nbformat.write(notebook, originals / TAGS)
    copy = Copy(tmp_path / "course")
    assert copy.put() == {"new": NAMES, "updated": [], "yours": [], "older": []}
    for name in NAMES:
        original, own = (nbformat.read(folder / name, as_version=4) for folder in (originals, copy.folder))
        nbformat.validate(own)
        assert [(cell.id, cell.source) for cell in own.cells] == [(cell.id, cell.source) for cell in original.cells]
        code = [cell for cell in own.cells if cell.cell_type == "code"]
        assert code and not any(cell.outputs or cell.execution_count for cell in code)
    assert nbformat.read(copy.folder / TAGS, as_version=4).cells[2].metadata["jp-MarkdownHeadingCollapsed"] is True


def test_jupyterlab_trusts_them(copy):
    data = copy.environment()["JUPYTER_DATA_DIR"]
    for name in NAMES:
        assert NotebookNotary(data_dir=data).check_signature(nbformat.read(copy.folder / name, as_version=4))


def test_a_second_time_nothing_happens(copy):
    before = {path: path.stat().st_mtime_ns for path in copy.folder.glob("*.ipynb")}
    assert copy.put() == {"new": [], "updated": [], "yours": [], "older": []}
    assert {path: path.stat().st_mtime_ns for path in copy.folder.glob("*.ipynb")} == before


def test_work_stays_and_what_is_missing_is_put_there_again(copy):
    mine = edit(copy.folder / TAGS)
    (copy.folder / NAMES[2]).unlink()
    (copy.folder / NAMES[3]).write_bytes(b"")  # as a crash may leave it
    (copy.folder / "shop.txt").write_text("mine")
    assert copy.put() == {"new": [NAMES[2], NAMES[3]], "updated": [], "yours": [TAGS], "older": []}
    assert (copy.folder / TAGS).read_bytes() == mine
    assert notebooks(copy) == NAMES


def test_the_pictures_of_notes_are_there_and_the_learner_s_own_stay(copy):
    names = [path.name for path in (course.notebooks() / "pictures").glob("*.svg")]
    for name in names:
        assert (copy.folder / "pictures" / name).read_bytes() == (course.notebooks() / "pictures" / name).read_bytes()
    (copy.folder / "pictures" / names[0]).write_text("mine")
    (copy.folder / "pictures" / names[1]).unlink()
    copy.put()
    assert (copy.folder / "pictures" / names[0]).read_text() == "mine"
    assert sorted(path.name for path in (copy.folder / "pictures").iterdir()) == sorted(names)


def test_other_files_of_the_folder_stay(tmp_path):
    own = {"notes.txt": "soup", TAGS: "my own notebook of that name"}
    for name, text in own.items():
        (tmp_path / name).write_text(text)
    outcome = Copy(tmp_path).put()
    assert outcome["older"] == [TAGS] and outcome["new"] == [name for name in NAMES if name != TAGS]
    assert {name: (tmp_path / name).read_text() for name in own} == own


def test_a_newer_lesson_takes_the_place_of_an_untouched_one_only(originals, tmp_path):
    copy = Copy(tmp_path / "course")
    copy.put()
    mine = edit(copy.folder / NAMES[1])
    for name in (NAMES[1], TAGS):
        edit(originals / name)
    assert copy.put() == {"new": [], "updated": [TAGS], "yours": [], "older": [NAMES[1]]}
    assert (copy.folder / NAMES[1]).read_bytes() == mine
    assert "My notes" in (copy.folder / TAGS).read_text("utf-8")
    assert notebooks(copy) == NAMES, "nothing is kept beside of what the learner did not change"


def test_running_a_cell_counts_as_work(copy):
    path = copy.folder / TAGS
    notebook = nbformat.read(path, as_version=4)
    next(cell for cell in notebook.cells if cell.cell_type == "code").execution_count = 1
    nbformat.write(notebook, path)
    assert copy.put()["yours"] == [TAGS]


def test_opening_and_saving_does_not(copy):
    path = copy.folder / TAGS
    before = path.read_bytes()
    nbformat.write(nbformat.read(path, as_version=4), path)  # as JupyterLab's server writes it
    assert path.read_bytes() == before


def test_a_reset_lesson_is_as_at_first_and_the_learner_s_is_kept_beside(copy):
    before = (copy.folder / TAGS).read_bytes()
    first = edit(copy.folder / TAGS)
    assert copy.reset(["04"]) == {TAGS: "04-tags.bak-1.ipynb"}
    second = edit(copy.folder / TAGS) + b"\n"
    (copy.folder / TAGS).write_bytes(second)
    assert copy.reset(["04", "05"]) == {TAGS: "04-tags.bak-2.ipynb", NAMES[5]: None}
    assert (copy.folder / TAGS).read_bytes() == before
    assert (copy.folder / "04-tags.bak-1.ipynb").read_bytes() == first
    assert (copy.folder / "04-tags.bak-2.ipynb").read_bytes() == second
    assert len(notebooks(copy)) == len(NAMES) + 2


def test_a_reset_lesson_s_progress_is_forgotten_and_kept_beside(copy, monkeypatch):
    monkeypatch.chdir(copy.folder)
    progress.predicted("04.same", "a", False)
    progress.predicted("05.names", "b", True)
    progress.tried("04.twins", solved=True)
    before = (copy.folder / progress.NAME).read_bytes()
    copy.reset(["04"])
    assert list(progress.read()["predictions"]) == ["05.names"] and progress.read()["exercises"] == {}
    assert (copy.folder / ".imagelab-progress.bak-1.json").read_bytes() == before
    copy.reset(["04"])
    assert not (copy.folder / ".imagelab-progress.bak-2.json").exists(), "there was nothing more to forget"


def test_progress_is_kept_in_the_copy_wherever_in_it_a_notebook_runs(copy, monkeypatch):
    (copy.folder / "mine").mkdir()
    monkeypatch.chdir(copy.folder / "mine")
    progress.predicted("04.same", "a", False)
    assert (copy.folder / progress.NAME).exists()


def test_a_reset_needs_a_copy(tmp_path):
    with pytest.raises(NotFound, match="imagelab learn"):
        Copy(tmp_path).reset(["04"])
    assert list(tmp_path.iterdir()) == []


def test_the_course_s_own_notebooks_are_no_copy():
    with pytest.raises(Invalid, match="name another folder"):
        Copy(course.notebooks()).put()
    assert not (course.notebooks() / ".imagelab-course").exists()


def test_a_notebook_saved_in_the_middle_of_a_reset_is_kept(copy, monkeypatch):
    """JupyterLab may save at any moment: here between the move of the learner's notebook and the lesson's arrival."""
    path = copy.folder / TAGS
    first = edit(path)
    saves = [b"saved meanwhile"]
    real = os.link

    def link(source, target):
        if saves:
            path.write_bytes(saves.pop())
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    copy.reset(["04"])
    kept = [(copy.folder / f"04-tags.bak-{number}.ipynb").read_bytes() for number in (1, 2)]
    assert kept == [first, b"saved meanwhile"]
    assert not any(cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
    assert [name for name in os.listdir(copy.folder) if name.startswith(f".{TAGS}")] == []


def test_a_file_system_without_links_will_do(tmp_path, monkeypatch):
    def link(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    copy = Copy(tmp_path)
    copy.put()
    assert notebooks(copy) == NAMES and copy.put()["new"] == []


def test_many_at_once_put_each_lesson_there_once(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: Copy(tmp_path / "course").put(), range(4)))
    assert sorted(name for outcome in outcomes for name in outcome["new"]) == NAMES
    assert notebooks(Copy(tmp_path / "course")) == NAMES


def test_jupyterlab_is_given_the_words_for_a_widget_without_its_kernel(copy):
    style = Path(copy.environment()["JUPYTER_CONFIG_DIR"], "custom", "custom.css").read_text()
    assert "made by a kernel that has ended" in style


def test_jupyterlab_s_settings_are_written_once(copy):
    file = Path(copy.environment()["JUPYTERLAB_SETTINGS_DIR"], "@jupyterlab/apputils-extension")
    file /= "notification.jupyterlab-settings"
    assert json.loads(file.read_text())["fetchNews"] == "false"
    file.write_text("{}")
    copy.put()
    assert file.read_text() == "{}", "the learner may have set something"
