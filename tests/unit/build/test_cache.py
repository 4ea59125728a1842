"""The build cache: which steps hit, and the reason for each miss."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imagelab import Lab

DOCKERFILE = """\
FROM scratch
ARG WHO=you
LABEL of=$WHO
COPY a b /x/
COPY d /d
CMD ["one"]
"""
CONTEXT = {"a": "a", "b": "b", "d/e": "e", "unused": "u", "Dockerfile": DOCKERFILE}
ALL = [True] * 6


def told(lab, context=CONTEXT, **how):
    built = lab.build(context, **how)
    return [step.hit for step in built.steps], [step.reason for step in built.steps], built.image


@pytest.fixture
def lab():
    return Lab.temporary(None)


def test_the_first_build_misses_every_step_and_the_second_hits_every_step(lab):
    hits, reasons, first = told(lab)
    assert hits == [True, *[False] * 5]
    assert set(reasons[1:]) == {"not built before"}
    hits, reasons, second = told(lab)
    assert (hits, reasons) == (ALL, [""] * 6)
    assert second == first


CHANGES = {  # what is changed, the first step that misses, and its reason
    "a file": ({"a": "other"}, 3, "a changed"),
    "a file in a folder": ({"d/e": "other"}, 4, "d/e changed"),
    "a file more": ({"d/new": "1"}, 4, "d/new added"),
    "two files": ({"a": "1", "b": "2"}, 3, "a changed, b changed"),
    "a file that no step reads": ({"unused": "other"}, 6, ""),
    "an instruction": ({"Dockerfile": DOCKERFILE.replace("COPY d /d", "COPY d /D")}, 4, "instruction changed"),
    "a label": ({"Dockerfile": DOCKERFILE.replace("of=", "by=")}, 2, "instruction changed: it was 'LABEL of=you'"),
    "a comment": ({"Dockerfile": "# new\n" + DOCKERFILE}, 6, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_miss_names_the_change_and_the_rest_of_the_stage_misses(lab, name):
    changed, at, reason = CHANGES[name]
    told(lab)
    hits, reasons, _ = told(lab, {**CONTEXT, **changed})
    assert hits == [True] * at + [False] * (6 - at)
    if at < 6:
        assert reasons[at].startswith(reason)
        assert set(reasons[at + 1 :]) <= {"parent changed"}


ORDERS = {  # the lines, as they were: FROM, one, two, CMD
    "swapped": (["COPY b /", "COPY a /", 'CMD ["x"]'], ["order changed: it came after 'COPY a /'", "parent changed"]),
    "one left out": (["COPY b /", 'CMD ["x"]'], ["order changed: it came after 'COPY a /'", "parent changed"]),
    "one more": (["USER u", "COPY a /", "COPY b /", 'CMD ["x"]'], ["instruction changed: it was 'COPY a /'"]),
    "one more below": (
        ["COPY a /", "COPY b /", "USER u", 'CMD ["x"]'], ["", "", "instruction changed: it was 'CMD [\"x\"]'"],
    ),
    "the last one first": (['CMD ["x"]', "COPY a /", "COPY b /"], ["order changed: it came after 'COPY b /'"]),
    "another": (["COPY a /", "RUN b", 'CMD ["x"]'], ["", "instruction changed: it was 'COPY b /'"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_a_step_that_moved_is_compared_with_itself(lab, name):
    told(lab, {**CONTEXT, "Dockerfile": "FROM lab/shell\nCOPY a /\nCOPY b /\nCMD [\"x\"]\n"})
    lines, expected = ORDERS[name]
    lines = [line.replace("RUN b", "RUN echo b > /b") for line in lines]
    _, reasons, _ = told(lab, {**CONTEXT, "Dockerfile": "\n".join(["FROM lab/shell", *lines])})
    assert reasons[1:] == expected + ["parent changed"] * (len(lines) - len(expected))


def test_a_step_that_moved_and_read_another_file_says_so(lab):
    told(lab, {**CONTEXT, "Dockerfile": "FROM scratch\nCOPY a /\nCOPY b /\n"})
    _, reasons, _ = told(lab, {**CONTEXT, "Dockerfile": "FROM scratch\nCOPY b /\nCOPY a /\n", "b": "B", "a": "A"})
    assert reasons[1:] == ["b changed", "a changed"]


def test_a_removed_file_is_named(lab):
    told(lab, {**CONTEXT, "d/f": "f"})
    assert told(lab)[1][4] == "d/f removed"


def test_a_build_argument_counts_where_it_is_used(lab):
    told(lab)
    hits, reasons, image = told(lab, build_args={"WHO": "all"})
    assert hits == [True, True, False, False, False, False]
    assert reasons[2].startswith("instruction changed")
    assert image.config["config"]["Labels"] == {"of": "all"}


def test_no_cache_hits_nothing_and_still_records(lab):
    told(lab)
    hits, reasons, again = told(lab, no_cache=True)
    assert hits[1:] == [False] * 5
    assert set(reasons[1:]) == {"--no-cache"}
    hits, _, found = told(lab)
    assert hits == ALL
    assert found == again


def test_going_back_hits_what_was_built_before(lab):
    _, _, first = told(lab)
    told(lab, {**CONTEXT, "a": "other"})
    hits, _, found = told(lab)
    assert hits == ALL
    assert found == first


def test_a_removed_image_is_built_again():
    lab = Lab.temporary()  # with an epoch: the times in the layers are the same, whenever they are made
    _, _, first = told(lab, tag="t")
    lab.rmi("t")
    lab.gc()
    hits, reasons, again = told(lab)
    assert hits[1:] == [False] * 5
    assert "removed" in reasons[1]
    assert lab.verify() == []
    assert again.tree() == first.tree()


def test_after_a_miss_the_rest_misses_even_where_the_bytes_are_the_same():
    """With an epoch the same step gives the same image; docker's rule stands all the same."""
    lab = Lab.temporary()
    text = "FROM scratch\nARG A\nCOPY a /a\nCMD x\n"
    told(lab, {**CONTEXT, "Dockerfile": text})
    first = told(lab, {**CONTEXT, "Dockerfile": text})[2]
    for note in lab.home.glob("cache/build/*"):  # the note of one step is lost
        if note.read_text().startswith("sha256:") and lab.store.image(note.read_text()).steps[-1].layer:
            note.unlink()
    hits, reasons, again = told(lab, {**CONTEXT, "Dockerfile": text})
    assert (hits, reasons[3]) == ([True, True, False, False], "an earlier step was done again")
    assert again == first


def test_the_epoch_and_the_platform_are_inputs(tmp_path):
    told(Lab(tmp_path, epoch=1))
    assert told(Lab(tmp_path, epoch=2))[0] == [True, *[False] * 5]
    assert told(Lab(tmp_path, epoch=1))[0] == ALL


def test_another_process_hits_the_same_steps(tmp_path):
    script = (
        "import sys; from imagelab import Lab\n"
        f"built = Lab({str(tmp_path)!r}).build({CONTEXT!r})\n"
        "print(built.image.id, *(step.hit for step in built.steps))"
    )
    ran = [subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True) for _ in "ab"]
    first, second = (done.stdout.split() for done in ran)
    assert second == [first[0], *["True"] * 6]


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"0.1": 3}', b"\xff\xfe"])
def test_a_damaged_record_loses_only_the_reasons(lab, damage):
    _, _, first = told(lab)
    for path in (lab.home / "cache" / "build").glob("last-*"):
        path.write_bytes(damage)
    hits, _, found = told(lab)
    assert hits == ALL
    assert found == first


def test_a_damaged_note_is_only_a_miss(lab):
    told(lab)
    for path in (lab.home / "cache" / "build").iterdir():
        if not path.name.startswith(("last-", "tried-", "stat-")):
            path.write_bytes(b"rubbish")
    assert told(lab)[0] == [True, *[False] * 5]
    assert told(lab)[0] == ALL


def test_a_stage_invalidates_another_only_through_the_files_it_copies(lab):
    text = "FROM scratch AS one\nCOPY a /a\nCOPY b /b\nFROM scratch\nCOPY --from=one /a /\nCMD x\n"
    told(lab, {**CONTEXT, "Dockerfile": text})
    hits, _, _ = told(lab, {**CONTEXT, "Dockerfile": text, "b": "other"})
    assert hits == [True, True, False, True, True, True]
    hits, reasons, _ = told(lab, {**CONTEXT, "Dockerfile": text, "a": "other"})
    assert hits == [True, False, False, True, False, False]
    assert reasons[4] == "a changed"
