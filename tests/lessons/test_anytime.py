"""A lesson's cells can be run twice, and a section alone; its scene is what the sections before it leave."""

from __future__ import annotations

import json
import re

import pytest

from imagelab.lesson import scenes
from imagelab.lesson.exercises import exercise
from lessons.kernels import ROOT, code, comparable, kernel, sections

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

STATE = """
def _state(lab):
    import hashlib, json
    beside = lab.home.parent
    files = [path for path in beside.rglob("*") if path.is_file() and lab.home not in path.parents]
    print(json.dumps({
        "images": sorted({(image.id, image.digest) for image in lab.images(True)}),
        "tags": {str(name): digest for name, digest in lab.store.tags().items()},
        "registry": lab.registry().tags() if (lab.home / "registry").is_dir() else {},
        "moves": [[str(move.name), move.old, move.new] for move in lab.tag_log()],
        "containers": sorted([one.name, one.status, one.image_id, one.exit_code, repr(one.diff())]
                             for one in lab.containers()),
        "files": {str(path.relative_to(beside)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }))
"""


def state(running):
    """What is in the lab of a kernel: names, digests, moves of tags, containers, and files beside the store."""
    (output,) = running.run("_state(lab)")
    assert output["output_type"] == "stream", output
    return json.loads(output["text"])


def own_lab(cells):
    return any(cell.source.startswith("lab = scene(") for cell in cells)


@each
def test_every_cell_can_be_run_twice_a_scene_is_what_was_left_and_exercises_are_solved(path, tmp_path):
    """One run of the lesson, from its first cell to its last, and then each exercise's solution."""
    exercises = {}
    with kernel(tmp_path) as running:
        running.run(STATE)
        left = None
        for cells in sections(path).values():
            if left is not None and own_lab(cells):
                running.run(cells[0].source.splitlines()[0])
                scene = state(running)
                moves = [scene.pop("moves"), left.pop("moves")]
                assert scene == left, cells[0].source
                assert all(move in moves[1] for move in moves[0]), "a tag has moved as in the cells, which ran twice"
            for cell in cells:
                committed = comparable(cell.outputs)
                for time in ("once", "twice"):
                    assert running.run(cell.source) == committed, f"run {time}:\n{cell.source}"
                if made := re.match(r'(\w+) = exercise\("([\w.]+)"\)', cell.source):
                    exercises[made[1]] = exercise(made[2])
            if own_lab(cells):
                left = state(running)
        assert exercises
        for name, task in exercises.items():
            running.run(task.solution_code)
            (answer,) = running.run(f"{name}.check()")
            assert ": solved." in answer["data"]["text/plain"]


@pytest.mark.parametrize(
    ("path", "number"),
    [(path, number) for path in NOTEBOOKS for number in sections(path) if number != "0"],
    ids=lambda value: getattr(value, "stem", value),
)
def test_a_section_runs_after_a_restart_with_only_the_first_cell_before_it(path, number, tmp_path):
    first, *_ = code(path)
    with kernel(tmp_path) as running:
        running.run(first.source)
        for cell in sections(path)[number]:
            assert running.run(cell.source) == comparable(cell.outputs), cell.source


@each
def test_every_section_that_has_a_lab_begins_with_its_scene(path):
    lesson = path.name[:2]
    numbers = [number for number, cells in sections(path).items() if own_lab(cells)]
    for number in numbers:
        assert sections(path)[number][0].source.splitlines()[0] == f'lab = scene("{lesson}.{number}")'
    assert numbers[-1] == str(len(scenes.sections(lesson))), "scenes end with the last section that has a lab"
