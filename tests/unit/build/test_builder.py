"""Whole builds: the same bytes on every machine, and nothing half made after a failure."""

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from imagelab import Entry, Lab, Reference
from imagelab.build.dockerfile import DockerfileError
from imagelab.build.progress import Watcher
from imagelab.errors import LabError

SHELL = "lab/shell:1.0"
DOCKERFILE = f"""\
FROM {SHELL} AS made
WORKDIR /app
COPY . .
RUN mkdir out && cat *.txt > out/all && chmod 700 out && date > /dev/null
FROM scratch
COPY --from=made /app /
COPY --chown=7 <<EOF /text
text
EOF
LABEL a=b
ENTRYPOINT ["/x"]
"""


def write(folder: Path, names, umask: int = 0o022) -> Path:
    before = os.umask(umask)
    try:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(name)
        (folder / "run.sh").write_text("#!/bin/sh\n")
        (folder / "run.sh").chmod(0o777 & ~umask)
        (folder / "Dockerfile").write_text(DOCKERFILE)
    finally:
        os.umask(before)
    return folder


NAMES = ["a.txt", "b.txt", "Z.txt", "ü.txt", "d/e", "d/f/g"]
SCRIPT = """
import os, sys
os.umask(int(sys.argv[1], 8))
from imagelab import Lab
print(Lab(sys.argv[2]).build(sys.argv[3]).image.id)
"""


def test_with_an_epoch_the_same_context_gives_the_same_id_anywhere(tmp_path):
    """Other umask, time zone, clock, locale, hash seed, order of the directory and place on the disk."""
    places = [
        ("022", "UTC", "C", NAMES),
        ("077", "Asia/Kathmandu", "tr_TR.UTF-8", NAMES[::-1]),
        ("002", "EST5EDT", "", NAMES),
    ]
    ids = []
    for number, (umask, zone, locale, names) in enumerate(places):
        folder = write(tmp_path / f"{number}" / "context", names, int(umask, 8))
        for path in folder.rglob("*"):
            os.utime(path, (number * 10**8 + 10**9, number * 10**8 + 10**9))
        env = {
            **os.environ,
            "SOURCE_DATE_EPOCH": "1000000000",
            "TZ": zone,
            "LC_ALL": locale,
            "PYTHONHASHSEED": str(number),
        }
        home = tmp_path / f"{number}" / "home"
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, umask, home, folder], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        ids.append(done.stdout)
    assert len(set(ids)) == 1


def test_without_an_epoch_times_are_real(tmp_path):
    folder = write(tmp_path / "context", NAMES)
    os.utime(folder / "a.txt", (10**9, 10**9))
    began = int(time.time())
    lab = Lab(tmp_path / "home")
    tree = lab.build(folder).image.tree()
    assert tree["a.txt"].mtime == 10**9
    assert tree["out/all"].mtime >= began
    assert tree["text"].mtime >= began


def test_a_folder_a_tar_a_stream_and_a_mapping_are_the_same_context(tmp_path):
    folder = write(tmp_path / "context", NAMES)
    archive = tmp_path / "context.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        for name in os.listdir(folder):
            made.add(folder / name, name)
    mapping = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    mapping["run.sh"] = Entry.file(mapping["run.sh"], 0o755)
    found = [
        Lab.temporary().build(c).image.tree() for c in (folder, archive, io.BytesIO(archive.read_bytes()), mapping)
    ]
    trees = [{p: (e.kind, e.mode, e.read() if e.kind == "file" else "") for p, e in tree.items()} for tree in found]
    assert trees[0] == trees[1] == trees[2] == trees[3]


def test_a_stream_that_is_not_a_tar_is_the_dockerfile():
    built = Lab.temporary().build(io.BytesIO(b"FROM scratch\nCOPY <<a /a\nhi\na\n"))
    assert built.image.read("a") == b"hi\n"


# What fails leaves nothing behind -------------------------------------------------------------------------------------

FAILING = {
    "a program": ("RUN exit 3", "exit code: 3"),
    "a program that is not there": ('RUN ["/bin/none"]', "stat /bin/none: no such file or directory"),
    "a source": ("COPY none /x", "is not in"),
    "a base": ("FROM nowhere:9", "there is no image 'nowhere:9'"),
    "a base of no name": ("ARG A\nFROM $A", "should not be blank"),
    "a base of a bad name": ("FROM a:b:c", ""),
    "a port": ("EXPOSE many", "invalid containerPort"),
    "a word": ("ENV A=${B", ""),
    "a user": ("USER nobody-here\nRUN true", "unable to find user"),
    "a health check": ("HEALTHCHECK --interval=soon CMD x", "not a duration"),
    "retries": ("HEALTHCHECK --retries=no CMD x", "whole number"),
    "what follows FROM scratch": ("FROM scratch\nRUN true", 'exec: "/bin/sh": stat /bin/sh: no such file or directory'),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_build_that_fails_says_where_and_moves_no_name(name):
    text, said = FAILING[name]
    lab = Lab.temporary()
    lab.build({"Dockerfile": f"FROM {SHELL}\n"}, "t")
    before = lab.store.tags()
    text = f"FROM {SHELL}\nRUN echo 1 > /made\n{text}\n"
    line = text.count("\n")
    with pytest.raises(DockerfileError, match=rf"^Dockerfile:{line}: ") as error:
        lab.build({"Dockerfile": text}, "t")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert_clean(lab)
    assert lab.store.tags() == before


def assert_clean(lab: Lab) -> None:
    assert lab.verify() == []
    assert not list((lab.home / "tmp").glob("*run-*")) if (lab.home / "tmp").exists() else True


def test_what_was_done_before_the_failure_is_a_hit_afterwards():
    lab = Lab.temporary()
    text = f"FROM {SHELL}\nRUN echo 1 > /made\nCOPY a /a\n"
    with pytest.raises(DockerfileError):
        lab.build({"Dockerfile": text})
    built = lab.build({"Dockerfile": text, "a": "a"})
    assert [step.hit for step in built.steps] == [True, True, False]


class Stops(Watcher):
    """Interrupts a build at its step `at`, as Ctrl-C would."""

    def __init__(self, at: int) -> None:
        self.at = at

    def started(self, step) -> None:
        if step.number == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", range(1, 6))
def test_an_interrupted_build_leaves_no_half_image(at):
    lab = Lab.temporary()
    context = {"Dockerfile": f"FROM {SHELL}\nCOPY a /a\nRUN cat a > b\nENV A=1\nCMD x\n", "a": "a"}
    with pytest.raises(KeyboardInterrupt):
        lab.build(context, "t", watcher=Stops(at))
    assert lab.store.tags().keys() <= {Reference.parse(SHELL)}
    assert_clean(lab)
    again = lab.build(context, "t")
    assert [step.hit for step in again.steps] == [number < at or number == 1 for number in range(1, 6)]
    assert_clean(lab)


def test_ctrl_c_stops_a_run_that_would_never_end(tmp_path):
    script = (
        "import sys; from imagelab import Lab; from imagelab.build.progress import Watcher\n"
        "class W(Watcher):\n    def output(self, step, stream, data): print('runs', flush=True)\n"
        f"text = 'FROM {SHELL}\\nRUN echo; while true; do sleep 1; done'\n"
        f"Lab({str(tmp_path)!r}).build({{'Dockerfile': text}}, 't', watcher=W())"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"runs\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"Interrupted: the build was interrupted: no image was made" in errors
    lab = Lab(tmp_path)
    assert [name for name in lab.store.tags() if "shell" not in name.path] == []
    assert_clean(lab)


def test_a_run_that_exceeds_the_timeout_fails():
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: RUN: .*longer than"):
        Lab.temporary().build({"Dockerfile": f"FROM {SHELL}\nRUN while true; do sleep 1; done"}, timeout=0.5)


@pytest.mark.parametrize("left", [0, 1, 2, 3])
def test_a_full_disk_is_one_clear_error(monkeypatch, left):
    """The disk refuses after `left` more writes into the store; afterwards there is room again."""
    lab = Lab.temporary()
    lab.build({"Dockerfile": f"FROM {SHELL}\n"}, "t")
    before = lab.store.tags()
    context = {"Dockerfile": f"FROM {SHELL}\nCOPY a /a\nCOPY a /b\nRUN echo > /c\n", "a": "a" * 3_000_000}
    from imagelab.store import blobs

    writes = iter(range(1000))
    real = blobs.Writer.write

    def write(self, data):
        if next(writes) >= left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, data)

    monkeypatch.setattr(blobs.Writer, "write", write)
    with pytest.raises(LabError, match=r"no space left on .*make room"):
        lab.build(context, "t")
    monkeypatch.undo()
    assert lab.store.tags() == before
    assert_clean(lab)
    assert lab.build(context, "t").image.read("b") == b"a" * 3_000_000


def test_an_unreadable_file_is_one_clear_error(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (tmp_path / "a").write_text("a")
    (tmp_path / "a").chmod(0)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /a\n")
    with pytest.raises(DockerfileError, match=r"^Dockerfile:2: COPY: Permission denied"):
        Lab.temporary().build(tmp_path)


# What a build is told -------------------------------------------------------------------------------------------------


def test_only_the_stages_that_are_needed_are_built():
    text = f"FROM {SHELL} AS a\nRUN echo a > /a\nFROM {SHELL} AS bad\nRUN exit 1\nFROM scratch\nCOPY --from=a /a /\n"
    built = Lab.temporary().build({"Dockerfile": text})
    assert [step.instruction.split()[0] for step in built.steps] == ["FROM", "RUN", "FROM", "COPY"]
    assert {step.total for step in built.steps} == {4}


def test_from_scratch_alone_is_the_empty_image():
    lab = Lab.temporary()
    image = lab.build({"Dockerfile": "FROM scratch\n"}, "t").image
    assert lab.image("t") == image and image.layers == () and lab.verify() == []


def test_stages_in_a_circle_are_an_error_of_the_first():
    with pytest.raises(DockerfileError, match=r"^Dockerfile:1: FROM: there is no image 'b' here: the stage of"):
        Lab.temporary().build({"Dockerfile": "FROM b AS a\nFROM a AS b\n"})


def test_copying_a_socket_by_name_says_that_it_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY s /s\n")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("s")
        with pytest.raises(DockerfileError, match=r"^Dockerfile:2: COPY: 's' is not in the context '.': .* socket"):
            Lab.temporary().build(".")


def test_an_endless_dockerfile_is_not_read_to_its_end():
    with pytest.raises(DockerfileError, match="too many for a Dockerfile"):
        Lab.temporary().build(".", dockerfile="/dev/zero")


def test_more_layers_than_an_image_may_have_are_refused_where_they_begin(monkeypatch):
    monkeypatch.setattr("imagelab.oci.image.MAX_LAYERS", 2)
    with pytest.raises(DockerfileError, match=r"^Dockerfile:5: COPY: an image has at most 2 layers"):
        Lab.temporary().build({"Dockerfile": "FROM scratch\nCOPY a /a\nCOPY a /b\nENV A=1\nCOPY a /c\n", "a": "a"})


def test_several_names_point_to_the_one_image():
    lab = Lab.temporary()
    built = lab.build({"Dockerfile": "FROM scratch\nLABEL a=b\n"}, ["one", "two:2"])
    assert lab.image("one") == lab.image("two:2") == built.image
    assert built.tags == ("one:latest", "two:2")


@pytest.mark.parametrize(
    "how, said",
    [
        ({"target": "none"}, "failed to reach build target none"),
        ({"dockerfile": "Other"}, "there is no 'Other'"),
        ({"tag": "Bad Name"}, "Bad Name"),
    ],
)
def test_invalid_options_of_a_build(how, said):
    lab = Lab.temporary()
    with pytest.raises(LabError, match=said):
        lab.build({"Dockerfile": "FROM scratch\nLABEL a=b\n"}, **{"tag": "t", **how})
    assert lab.store.tags() == {}


def test_an_undeclared_build_argument_is_reported_and_harmless():
    dockerfile = {"Dockerfile": "FROM scratch\nARG KNOWN\nLABEL a=$KNOWN\n"}
    built = Lab.temporary().build(dockerfile, build_args={"KNOWN": "1", "NONE": "1", "http_proxy": "x"})
    assert built.unused_args == ("NONE",)


def test_a_link_never_takes_a_copy_out_of_the_image(tmp_path):
    """The image's own links lead to a folder of this machine; nothing is written there."""
    victim = tmp_path / "victim"
    victim.mkdir()
    lab = Lab(tmp_path / "home")
    lab.append(None, {"abs": Entry.symlink(str(victim)), "up": Entry.symlink("/" + "../" * 20 + str(victim))}, "evil")
    text = "FROM evil\nCOPY a /abs/1\nCOPY a /up/2\nWORKDIR /abs/w\nADD a .\n"
    tree = lab.build({"Dockerfile": text, "a": "a"}).image.tree()
    inside = str(victim).strip("/")
    assert {f"{inside}/1", f"{inside}/2", f"{inside}/w/a"} <= set(tree)
    assert list(victim.iterdir()) == []
