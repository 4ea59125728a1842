"""A mistake is answered with a sentence, in a notebook too."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "mistake, sentence",
    [
        ("lab.append(None, {'..': 'x'})", "Invalid: path '..' holds '..'"),
        ("lab.image('nowhere')", "NotFound: No such image: nowhere"),
        (
            "lab.image('MyApp')",
            "InvalidReference: invalid reference format: 'MyApp': repository name must be lowercase",
        ),
        ("lab.build({'Dockerfile': 'FROM scratch\\nFOO'})", "DockerfileError: Dockerfile:2: unknown instruction: FOO"),
    ],
)
def test_ipython_shows_the_sentence_and_no_traceback(mistake: str, sentence: str) -> None:
    code = f"from imagelab import Lab; lab = Lab.temporary(); {mistake}"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", code], capture_output=True, text=True
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1 and sentence in printed
    assert "Traceback" not in printed and ".py" not in printed
