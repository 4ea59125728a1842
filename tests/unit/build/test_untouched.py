"""A context unchanged since the last build is only statted, and the result is never stale."""

from __future__ import annotations

import os
import shutil

import pytest

from imagelab import Lab
from imagelab.build.context import Context
from imagelab.build.progress import Watcher
from imagelab.host.file_sums import StatIndex
from imagelab.oci.layer import Layer

DOCKERFILE = """\
FROM scratch
ARG WHO=you
LABEL of=$WHO
COPY a b /x/
COPY d /d
CMD ["one"]
"""
CONTEXT = {"a": "a", "b": "b", "d/e": "e", "unused": "u", "Dockerfile": DOCKERFILE}
CHANGES = {  # what is written over it, the first step that misses, and its reason
    "a file": ({"a": "other"}, 3, "a changed"),
    "a file in a folder": ({"d/e": "other"}, 4, "d/e changed"),
    "a file more": ({"d/new": "1"}, 4, "d/new added"),
    "a file that no step reads": ({"unused": "other"}, 6, ""),
    "an instruction": ({"Dockerfile": DOCKERFILE.replace("COPY d /d", "COPY d /D")}, 4, "instruction changed"),
}  # fmt: skip
ALL = [True] * 6


class Steps(Watcher):
    def __init__(self):
        self.steps = []

    def done(self, step):
        self.steps.append(step)


def told(lab, context, **how):
    watcher = Steps()
    image = lab.build(context, watcher=watcher, **how).image
    return [step.hit for step in watcher.steps], [step.reason for step in watcher.steps], image


@pytest.fixture
def lab():
    return Lab.temporary(None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A context on the disk, which counts as at rest however young it is."""
    monkeypatch.setattr(StatIndex, "AT_REST", -(10**18))
    for path, text in CONTEXT.items():
        (tmp_path / "context" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "context" / path).write_text(text)
    return tmp_path / "context"


@pytest.fixture
def nothing_is_read(monkeypatch):
    def refuse(*args):
        pytest.fail("something was read that need not be")

    def start():
        monkeypatch.setattr(Layer, "changes", refuse)
        monkeypatch.setattr(Context, "sums", refuse)

    return start


def test_an_unchanged_context_is_only_statted(lab, folder, nothing_is_read):
    text = DOCKERFILE + "FROM scratch\nCOPY --from=0 /x /y\nCOPY --exclude=a . .\nADD a /b\n"
    told(lab, folder, dockerfile=text.encode())
    nothing_is_read()
    assert told(lab, folder, dockerfile=text.encode())[:2] == ([True] * 10, [""] * 10)


def test_a_file_with_a_new_time_is_compared_once(lab, folder, nothing_is_read):
    told(lab, folder)
    os.utime(folder / "a", (1, 1))
    assert told(lab, folder)[0] == ALL
    nothing_is_read()
    assert told(lab, folder)[0] == ALL


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_after_an_unchanged_build_is_named(lab, folder, name):
    changed, at, reason = CHANGES[name]
    for _ in range(2):
        told(lab, folder)
    for path, text in changed.items():
        (folder / path).write_text(text)
    hits, reasons, _ = told(lab, folder)
    assert hits == [True] * at + [False] * (6 - at)
    assert at == 6 or reasons[at].startswith(reason)


OTHERS = ["COPY --exclude=b a b /x/", "COPY a b /y/", "COPY <<b a /x/\ntext\nb", "COPY a b x/"]


@pytest.mark.parametrize("other", OTHERS)
def test_an_unchanged_context_does_not_hide_another_instruction(lab, folder, other):
    first = told(lab, folder, dockerfile=b"FROM scratch\nCOPY a b /x/\n")[2]
    hits, _, image = told(lab, folder, dockerfile=f"FROM scratch\n{other}\n".encode())
    assert hits == [True, False] and image != first
    assert told(lab, folder, dockerfile=f"FROM scratch\n{other}\n".encode())[2] == image
    assert told(lab, folder, dockerfile=b"FROM scratch\nCOPY a b /x/\n")[2] == first


def test_two_projects_with_the_same_dockerfile_keep_their_own_records(lab, folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "other")
    for place in (folder, tmp_path / "other"):
        monkeypatch.chdir(place)
        told(lab, ".")
        (place / "a").write_text("changed")
    (tmp_path / "other" / "b").write_text("changed")
    assert told(lab, ".")[1][3] == "a changed, b changed"
    monkeypatch.chdir(folder)
    assert told(lab, ".")[1][3] == "a changed"


def test_gc_removes_a_half_written_note_and_keeps_one_being_written(lab, folder):
    told(lab, folder)
    torn = lab.home / "cache" / "build" / ".last-x.1"
    torn.write_text("half a no")
    os.utime(torn, (1, 1))
    with lab.store.blobs.lease():
        (lab.home / "cache" / "build" / ".last-y.2").write_text("of somebody who is at it")
        lab.gc()
    assert [path.name for path in (lab.home / "cache" / "build").glob(".*")] == [".last-y.2"]
    assert told(lab, folder)[0] == ALL
