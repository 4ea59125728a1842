"""The steps of a docker solution: notebook cells, each with a `%docker` command or with a file to write.

    %%writefile {me.folder}/Dockerfile
    FROM scratch

    %docker build -t me:1.0 {me.folder}

A learner can put them into cells of their own. The card of an exercise runs them one by one, in the exercise's lab.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..lab import Lab

WRITE, DOCKER = "%%writefile ", "%docker "
LOOKING = ("history", "images", "inspect", "tag-log", "verify")  # commands of solutions that change nothing


def changes_the_lab(step: str) -> bool:
    """Whether a step is a docker command that changes the lab, and not one that only looks or a file to write."""
    return step.startswith(DOCKER) and step.removeprefix(DOCKER).split()[0] not in LOOKING


def run(step: str, names: Mapping[str, object], lab: Lab) -> tuple[str, int]:
    """Run a step in a lab, with `names` for the words in braces; returns what it printed, and its exit code."""
    from .. import cli
    from ..cli.command import Session
    from ..cli.magic import words

    head, _, body = step.partition("\n")
    if head.startswith(WRITE):
        path = Path(words(head.removeprefix(WRITE), names)[0])
        path.write_text(body, "utf-8")
        return f"Writing {path.name}", 0
    printed = StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        session = Session(lab=lab, notebook=True)
        exit_code = cli.run(words(head.removeprefix(DOCKER), names), name="docker", session=session)
    return printed.getvalue(), exit_code
