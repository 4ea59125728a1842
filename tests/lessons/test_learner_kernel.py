"""A kernel of a learner's copy, before any cell of the notebook has been run in it."""

from __future__ import annotations

import pytest

from imagelab.lesson.learner_copy import Copy
from lessons.kernels import kernel

RUN_FIRST = "run the notebook's first cell, then this section's cells from its first one.\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A kernel as `imagelab learn` starts it."""
    copy = Copy(tmp_path_factory.mktemp("learner") / "course")
    copy.put()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in copy.environment().items():
            patch.setenv(name, value)
        with kernel(copy.folder) as running:
            yield running


def outputs(running, source):
    """What a cell shows: its texts, and the last line of an error."""
    shown = running.run(source)
    return [output["text"] if output["output_type"] == "stream" else output["traceback"][-1] for output in shown]


def test_docker_is_known_and_a_command_without_its_lab_is_answered(running):
    assert outputs(running, "%docker images")[0].startswith("REPOSITORY")
    message, error, advice = outputs(running, "%docker tag shop:1.0 shop")
    assert "No such image: shop:1.0" in message and "exit code 1" in error
    assert advice == f"No lab has been made in this kernel yet: {RUN_FIRST}"


def test_a_name_of_an_earlier_cell_is_answered(running):
    error, advice = outputs(running, 'lab = scene("04.1")')
    assert "name 'scene' is not defined" in error
    assert advice == f"This cell needs 'scene', which an earlier cell makes: {RUN_FIRST}"


def test_it_is_in_a_copy(running):
    assert outputs(running, "from imagelab.lesson import learner\nprint(learner.is_copy())") == ["True\n"]


def test_with_a_lab_an_error_is_the_error_alone(running):
    shown = outputs(running, 'from imagelab import Lab\nlab = Lab.temporary()\nlab.image("shop:1.0")')
    assert len(shown) == 1 and "No such image" in shown[0] and "Traceback" not in shown[0]
