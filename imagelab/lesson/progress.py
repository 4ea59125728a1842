"""A learner's progress: one JSON file in the learner's folder.

The file is `.imagelab-progress.json` in $IMAGELAB_PROGRESS, or else in the learner's copy of the course, or else in the
folder the notebook runs in. It is written when the learner answers or solves something, never by running a lesson from
top to bottom. A teacher who has collected the learners' folders reads them all with `collect`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Invalid
from ..host.atomic import write_atomically
from ..host.locks import Lock
from . import learner
from .learner import backup_name

if TYPE_CHECKING:
    from ..tables import Table
    from .bar import LiveText

NAME = ".imagelab-progress.json"
TITLES = [
    "LESSON", "PREDICTIONS RIGHT", "PREDICTIONS MADE", "DID NOT KNOW", "EXERCISES SOLVED", "EXERCISES TRIED",
    "HINTS TAKEN",
]  # fmt: skip
DONT_KNOW = "?"  # an answer to every prediction, which is neither right nor wrong

Record = dict[str, Any]
after_change: list[Callable[[], None]] = []  # called when this process has changed the file


def path() -> Path:
    """The path of this learner's progress file."""
    return Path(os.environ.get("IMAGELAB_PROGRESS") or learner.folder() or ".") / NAME


def read(file: Path | None = None) -> Record:
    """The predictions and exercises recorded so far; raises Invalid for a file that does not hold such a record."""
    file = file or path()
    try:
        record: Record = json.loads(file.read_text("utf-8"))
        if not all(isinstance(item, dict) for part in ("predictions", "exercises") for item in record[part].values()):
            raise ValueError("expected objects `predictions` and `exercises`")
    except FileNotFoundError:
        return {"predictions": {}, "exercises": {}}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"{str(file)!r} cannot be read ({error}): move it away to start a new one") from None
    return record


def answer(name: str) -> str | None:
    """The first answer to a prediction: a letter, or DONT_KNOW; None if there is none yet."""
    recorded = read()["predictions"].get(name)
    return None if recorded is None else str(recorded.get("said"))


def predicted(name: str, answer: str, right: bool | None) -> None:
    """Record an answer to a prediction; only the first one counts. `right` is None for DONT_KNOW."""
    with _changing() as record:
        record["predictions"].setdefault(name, {"said": answer, "right": right, "when": _now()})


def tried(name: str, *, solved: bool) -> None:
    """Record a check of an exercise; those after it was solved are not counted as tries."""
    with _changing() as record:
        exercise = record["exercises"].setdefault(name, {})
        if not exercise.get("solved"):
            exercise["tries"] = exercise.get("tries", 0) + 1
        if solved:
            exercise.setdefault("solved", _now())


def took_hint(name: str, number: int) -> None:
    """Record that the learner has read the hints up to this number."""
    with _changing() as record:
        exercise = record["exercises"].setdefault(name, {})
        exercise["hints"] = max(number, exercise.get("hints", 0))


def forget(lessons: Collection[str], file: Path | None = None) -> None:
    """Take everything about some lessons out of the file; the file as it was is kept beside it."""
    with _changing(file) as record:
        gone = [(part, name) for part in record for name in record[part] if name.partition(".")[0] in lessons]
        if gone:
            write_atomically(backup_name(file or path()), _text(record))
        for part, name in gone:
            del record[part][name]


def table(record: Record | None = None) -> Table:
    """The progress as a table, a row for each lesson, of `record` or of this learner's file."""
    from .. import tables

    return tables.of(_rows(read() if record is None else record), TITLES)


def bar(number: str) -> LiveText:
    """Where the learner is in a lesson, what is done, and a link to what comes next; it follows the progress file.

    Raises NotFound for a lesson that there is none of.
    """
    from . import bar

    return bar.bar(number)


def map() -> LiveText:
    """Every lesson with its minutes, a link, and what is done; it follows the progress file."""
    from . import bar

    return bar.course_map()


def collect(folder: str | Path) -> Table:
    """The progress of every learner with a folder below `folder`: one row for each learner and lesson.

    A learner is named after the folder that holds the progress file. A file that cannot be read gives one row that
    says so.
    """
    from .. import tables

    rows: list[tuple[Any, ...]] = []
    for file in sorted(Path(folder).rglob(NAME)):
        learner = file.parent.relative_to(folder).as_posix()
        try:
            rows += [(learner, *row) for row in _rows(read(file))]
        except Invalid:
            rows.append((learner, f"({NAME} cannot be read)", 0, 0, 0, 0, 0, 0))
    return tables.of(rows, ["LEARNER", *TITLES])


def _rows(record: Record) -> list[tuple[Any, ...]]:
    lessons = sorted({name.partition(".")[0] for part in ("predictions", "exercises") for name in record[part]})
    rows = []
    for lesson in lessons:
        predictions, exercises = (
            [item for name, item in record[part].items() if name.partition(".")[0] == lesson]
            for part in ("predictions", "exercises")
        )
        rows.append((
            lesson, sum(bool(item.get("right")) for item in predictions), len(predictions),
            sum(item.get("said") == DONT_KNOW for item in predictions),
            sum("solved" in item for item in exercises), sum("tries" in item for item in exercises),
            sum(int(item.get("hints", 0)) for item in exercises),
        ))  # fmt: skip
    return rows


@contextmanager
def _changing(file: Path | None = None) -> Iterator[Record]:
    """Read, change and write the file under a lock: several notebooks may share it."""
    file = file or path()
    file.parent.mkdir(parents=True, exist_ok=True)
    with Lock(f"{file}.lock"):
        record = read(file)
        before = _text(record)
        yield record
        if (after := _text(record)) != before:
            write_atomically(file, after, durable=False)
    for tell in after_change:
        tell()


def _text(record: Record) -> bytes:
    return json.dumps(record, indent=1, sort_keys=True).encode()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
