"""imagelab's own command `learn`: a copy of the course for the learner, opened in JupyterLab.

The copy is a folder of notebooks without outputs; `learner_copy` says what it holds. The command line finds this module
by its name in `cli`'s table of commands, as lessons use the command line.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from typing import TYPE_CHECKING, NoReturn

from ..cli.command import Session, fail, flag, option, say, verb, whole

if TYPE_CHECKING:
    from .learner_copy import Copy

FOLDER = "imagelab-course"
FIRST = "00-start-here.ipynb"


@verb("[DIR]", takes=(0, 1))
@option("--reset", "lesson", kind="LESSON", help="Put a lesson (04) or all back as they were; yours are kept beside")
@flag("--where", help="Print the folder and do nothing else")
@flag("--no-open", help="Put the lessons there, but do not start JupyterLab")
@flag("--no-browser", help="Start JupyterLab without a browser, and print its address")
@option("--port", kind="int", read=whole, help="The port of JupyterLab (default 8888, or the next free one)")
def learn(
    session: Session, args: tuple[str, ...], lesson: str | None, where: bool, no_open: bool, no_browser: bool,
    port: int | None,
) -> None:  # fmt: skip
    """Open the course in JupyterLab, in a folder of your own (default imagelab-course).

    The lessons in the folder have no outputs: you run them. What you change stays yours when you run this again, also
    with a newer version of the course.
    """
    from . import learner
    from .learner_copy import Copy

    copy = Copy(args[0] if args else learner.folder() or FOLDER)
    if where:
        say(f"{copy.folder}\n")
    elif lesson is not None:
        _reset(copy, lesson)
    else:
        _put(copy)
        if not no_open:
            _open(session, copy, port, no_browser)


def _put(copy: Copy) -> None:
    outcome = copy.put()
    say(f"The course is in {copy.folder}\n")
    for became, words in [
        ("new", "put there"), ("updated", "a newer version, which takes the place of one you had not changed"),
        ("yours", "yours, left as it is"),
    ]:  # fmt: skip
        if names := outcome[became]:
            say(f"  {_numbers(names)}: {words}\n")
    for name in outcome["older"]:
        say(
            f"  {name}: the course has another version; yours is left as it is. "
            f"To take the course's and keep yours beside it: imagelab learn --reset {name[:2]}\n"
        )


def _reset(copy: Copy, lesson: str) -> None:
    from . import course

    numbers = [each.number for each in course.LESSONS] if lesson == "all" else [course.lesson(lesson.zfill(2)).number]
    for name, kept in copy.reset(numbers).items():
        say(f"{name}: as it was at first" + (f"; yours is {kept}\n" if kept else "\n"))
    say(
        "What was done in it is forgotten. If the lesson is open in JupyterLab: "
        "File > Reload Notebook from Disk, then Kernel > Restart Kernel\n"
    )


def _open(session: Session, copy: Copy, port: int | None, no_browser: bool) -> None:
    """Open the course where it is open already, or else become JupyterLab."""
    if session.notebook:
        fail("learn: this notebook runs in JupyterLab already; --no-open puts the lessons there")
    if address := _address(copy):
        say(f"JupyterLab is running for this folder: {address}\n")
        if not no_browser:
            import webbrowser

            webbrowser.open(address)
        return
    where = "Open the address below" if no_browser else "JupyterLab opens in your browser"
    say(f"{where}. To end it, press Ctrl-C here; your work stays in the folder.\n")
    _become_jupyterlab(copy, port, no_browser)


def _become_jupyterlab(copy: Copy, port: int | None, no_browser: bool) -> NoReturn:
    command = [
        sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={copy.folder}",
        f"--LabApp.default_url=/lab/tree/{FIRST}", "--log-level=WARN", "--custom-css",
        *(["--no-browser"] if no_browser else []), *([f"--port={port}"] if port is not None else []),
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]  # fmt: skip
    programs = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    sys.stdout.flush()
    os.execve(sys.executable, command, {**os.environ, **copy.environment(), "PATH": programs})


def _address(copy: Copy) -> str | None:
    """Where a JupyterLab that runs for this copy shows the first lesson; None if none answers."""
    for file in (copy.mark / "jupyter" / "runtime").glob("jpserver-*.json"):
        try:
            server = json.loads(file.read_text("utf-8"))
            with urllib.request.urlopen(f"{server['url']}api", timeout=2):
                return f"{server['url']}lab/tree/{FIRST}?token={server['token']}"
        except (OSError, ValueError, KeyError):  # what an ended server left behind
            continue
    return None


def _numbers(names: list[str]) -> str:
    return ", ".join(name[:2] for name in names)
