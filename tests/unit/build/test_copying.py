"""COPY and ADD: which files end up where. No program runs."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest

from imagelab import Entry, Lab
from imagelab.build.dockerfile import DockerfileError

BASE = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nme:x:1000:1001::/home/me:/bin/sh\n",
    "etc/group": "root:x:0:\nstaff:x:50:\n",
    "bin/tool": Entry.file(b"tool", 0o755),
    "lib": Entry.symlink("usr/lib"),
    "usr/lib/x": "x",
    "up": Entry.symlink("/../../etc"),
    "loop": Entry.symlink("loop"),
    "dangling": Entry.symlink("/opt/none"),
}
CONTEXT = {
    "a": "a",
    "b.txt": "b",
    "d/e": "e",
    "d/f/g": "g",
    "out": Entry.symlink("/etc/passwd"),
    "in": Entry.symlink("a"),
}


@pytest.fixture(scope="module")
def lab():
    made = Lab.temporary()
    made.append(None, BASE, "base")
    return made


def built(lab, text: str, **context):
    tree = lab.build({**CONTEXT, **context, "Dockerfile": f"FROM base\n{text}\n"}).image.tree()
    return {path: tree[path] for path in tree if path not in lab.image("base").tree()}


WHERE = {
    "COPY a /x": {"x"}, "COPY a /x/": {"x", "x/a"}, "COPY a x/y": {"x", "x/y"},
    "COPY d /x": {"x", "x/e", "x/f", "x/f/g"},
    "COPY d/f d /x/": {"x", "x/g", "x/e", "x/f", "x/f/g"}, "COPY *.txt /": {"b.txt"}, "COPY a /lib/": {"usr/lib/a"},
    "COPY a /lib/new/a": {"usr/lib/new", "usr/lib/new/a"}, "COPY a /up/a": {"etc/a"},
    "COPY d /up": {"etc/e", "etc/f", "etc/f/g"},
    "COPY a /../../x": {"x"}, "COPY ../../a /x": {"x"}, "COPY a /dangling/": {"opt", "opt/none", "opt/none/a"},
    "COPY in /x/": {"x", "x/in"}, "COPY --exclude=f d /x": {"x", "x/e"},
    "WORKDIR /w\nCOPY a .": {"w", "w/a"}, "WORKDIR /w\nCOPY a ./": {"w", "w/a"}, "WORKDIR /w\nCOPY a ..": {"w", "a"},
}  # fmt: skip


@pytest.mark.parametrize("text", WHERE)
def test_destinations(lab, text):
    assert set(built(lab, text)) == WHERE[text]


OWNERS = {
    "a": (0, 0), "--chown=me a": (1000, 1001), "--chown=me:staff a": (1000, 50), "--chown=7 a": (7, 7),
    "--chown=7:8 a": (7, 8), "--chown=me:9 a": (1000, 9), "--chown=root a": (0, 0),
}  # fmt: skip


@pytest.mark.parametrize("words", OWNERS)
def test_owners(lab, words):
    made = built(lab, f"COPY {words} /new/x/")
    assert {(e.uid, e.gid) for e in made.values()} == {OWNERS[words]}


def test_chmod_applies_to_what_is_copied_and_not_to_parents_made_for_it(lab):
    made = built(lab, "COPY --chmod=640 d /x/y")
    assert {path: oct(entry.mode) for path, entry in made.items()} == {
        "x": "0o755", "x/y": "0o755", "x/y/e": "0o640", "x/y/f": "0o640", "x/y/f/g": "0o640",
    }  # fmt: skip


WRONG = {
    "COPY none /x": "'none' is not in",
    "COPY none* /x/": "'none\\*' is not in",
    "COPY ../none /x": "is not in the context: COPY cannot reach files outside of it",
    "COPY a b.txt /x": "must be a folder and end with '/'",
    "COPY [a /x": "without",
    "COPY out /x": "is not in the context: the symbolic link 'out' leads to '/etc/passwd', which is not in it",
    "COPY out/x /x": "is not in the context: the symbolic link 'out' leads to",
    "COPY a /bin/tool/x": "is a file, not a directory",
    "COPY a /loop/x": "a loop",
    "COPY --chown=who a /x": "unable to find user who",
    "COPY --chown=me:who a /x": "unable to find group who",
    "COPY --chmod=rw a /x": "in octal",
    "COPY --chmod=99999 a /x": "in octal",
    "COPY --from=base /none /x": "is not in",
    "COPY --from=nowhere:1 /a /x": "nowhere",
    "ADD bad.tar /x": "root directory is described as something else",
    "WORKDIR /bin/tool": "not a directory",
    "USER who\nWORKDIR /x": "unable to find user who",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_copied_is_an_error_with_file_and_line(lab, text):
    good = io.BytesIO()
    with tarfile.open(fileobj=good, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("x/.."), io.BytesIO())
    before = lab.store.tags()
    context = {"bad.tar": good.getvalue()}
    line = text.count("\n") + 2
    with pytest.raises(
        DockerfileError, match=rf"^Dockerfile:{line}: {text.splitlines()[-1].split()[0]}: .*{WRONG[text]}"
    ) as error:
        lab.build({**CONTEXT, **context, "Dockerfile": f"FROM base\n{text}\n"}, "t")
    assert "\n" not in str(error.value)
    assert lab.store.tags() == before
    assert lab.verify() == []


def test_a_link_of_the_context_is_copied_as_a_link_inside_a_folder_and_leads_nowhere_outside(lab):
    made = built(lab, "COPY . /all/")
    assert made["all/out"].kind == "symlink"
    assert made["all/out"].link == "/etc/passwd"


def test_heredocs(lab):
    made = built(lab, "ARG A=1\nCOPY <<one <<'two' <<-three /x/\n$A \"q\" 'r' \\$A\none\n$A\ntwo\n\t\ttab\n\tthree")
    assert {path: entry.read().decode() for path, entry in made.items() if entry.kind == "file"} == {
        "x/one": "1 \"q\" 'r' $A\n", "x/two": "$A\n", "x/three": "tab\n",
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_add_unpacks_a_tar_and_copy_does_not(lab, mode):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode=mode) as made:
        info = tarfile.TarInfo("in/side")
        info.size, info.uid, info.mode = 4, 9, 0o600
        made.addfile(info, io.BytesIO(b"text"))
    data = archive.getvalue()
    found = built(lab, "ADD tar plain /x/\nCOPY tar /y/", tar=data, plain="plain")
    assert set(found) == {"x", "x/in", "x/in/side", "x/plain", "y", "y/tar"}
    assert (found["x/in/side"].uid, found["x/in/side"].mode, found["x/in/side"].read()) == (9, 0o600, b"text")


NO_TARS = {
    "text": b"text", "nothing": b"", "zeros": bytes(2048), "gzip of text": gzip.compress(b"text" * 1000),
    "bzip2 of text": bz2.compress(b"text"), "xz of text": lzma.compress(b"text"),
    "half a gzip": gzip.compress(b"x")[:5],
    "only looks like xz": b"\xfd7zXZ\0 not", "only looks like bzip2": b"BZh not",
}  # fmt: skip


@pytest.mark.parametrize("name", NO_TARS)
def test_add_copies_a_file_that_is_not_a_tar(lab, name):
    found = built(lab, "ADD file /x/", file=NO_TARS[name])
    assert found["x/file"].read() == NO_TARS[name]


def test_hard_links_of_the_context_are_copied_as_files(lab, tmp_path):
    (tmp_path / "one").write_text("x")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY one two /\n")
    assert lab.build(tmp_path).image.read("two") == b"x"


def test_heredocs_of_one_copy_keep_their_own_contents(lab):
    """Also where --chmod makes each another entry than the one that was read."""
    copy = "COPY --chmod=0600 " + " ".join(f"<<F{n}" for n in range(9)) + " /d/\n"
    documents = "".join(f"{n}\nF{n}\n" for n in range(9))
    image = lab.build({"Dockerfile": f"FROM scratch\n{copy}{documents}"}).image
    assert [image.read(f"d/F{n}") for n in range(9)] == [f"{n}\n".encode() for n in range(9)]


PARENTS = {"x/y/a.txt": "1", "x/y/b.txt": "2", "x/z/a.txt": "3", "x/z/c.md": "4", "top.txt": "5"}


@pytest.mark.parametrize(
    "line, files",
    [
        ("./x/y/a.txt ./x/z/a.txt /p/", ["p/x/y/a.txt", "p/x/z/a.txt"]),
        ("./x/./y/*.txt /p/", ["p/y/a.txt", "p/y/b.txt"]),
        ("x/**/*.txt /p", ["p/x/y/a.txt", "p/x/y/b.txt", "p/x/z/a.txt"]),
        ("x/./**/a.txt p/", ["p/y/a.txt", "p/z/a.txt"]),
        ("x/y /p/", ["p/x/y/a.txt", "p/x/y/b.txt"]),
        ("x/*/./a.txt /p/", ["p/a.txt"]),
        (". /p/", ["p/Dockerfile", "p/top.txt", "p/x/y/a.txt", "p/x/y/b.txt", "p/x/z/a.txt", "p/x/z/c.md"]),
        ("--exclude=**/b.txt x/y top.txt /p/", ["p/top.txt", "p/x/y/a.txt"]),
        ("--parents=true top.txt /p/", ["p/top.txt"]),
    ],
)
def test_copy_with_parents(tmp_path, line, files):
    flag = "" if "--parents" in line else "--parents "
    lab = Lab(tmp_path / "home", epoch=0)
    built = lab.build({**PARENTS, "Dockerfile": f"FROM scratch\nCOPY {flag}{line}\n"})
    assert sorted(path for path, entry in built.image.tree().items() if entry.kind == "file") == files
    assert built.image.steps[-1].created_by.startswith("COPY --parents ")


def test_copy_with_parents_keeps_the_directories_modes_and_takes_an_owner(tmp_path):
    lab = Lab(tmp_path / "home")
    context = {"d": Entry.dir(0o700), "d/e": Entry.dir(0o750), "d/e/f": "1"}
    tree = lab.build({**context, "Dockerfile": "FROM scratch\nCOPY --parents --chown=7 d/e/f /p/\n"}).image.tree()
    assert [(oct(tree[path].mode), tree[path].uid) for path in ("p/d", "p/d/e", "p/d/e/f")] == [
        ("0o700", 7), ("0o750", 7), ("0o644", 7)
    ]  # fmt: skip


def test_copy_with_parents_of_nothing(tmp_path):
    lab = Lab(tmp_path / "home", epoch=0)
    with pytest.raises(DockerfileError, match="Dockerfile:2: COPY: 'x/none' is not in the context"):
        lab.build({**PARENTS, "Dockerfile": "FROM scratch\nCOPY --parents x/none /p/\n"})
    built = lab.build({**PARENTS, "Dockerfile": "FROM scratch\nCOPY --parents x/*.no top.txt /p/\n"})
    assert sorted(path for path in built.image.tree() if path) == ["p", "p/top.txt"]


def test_copy_link_and_several_documents(tmp_path):
    text = (
        "FROM scratch\nCOPY --link --chmod=0700 <<one <<-two top.txt /d/\n1\none\n\t2\n\ttwo\n"
        "COPY --link=false <<a /b\nx\na\n"
    )
    tree = Lab(tmp_path / "home", epoch=0).build({**PARENTS, "Dockerfile": text}).image.tree()
    assert {path: entry.read() for path, entry in tree.items() if entry.kind == "file"} == {
        "d/one": b"1\n", "d/two": b"2\n", "d/top.txt": b"5", "b": b"x\n",
    }  # fmt: skip
    with pytest.raises(DockerfileError, match="expecting boolean value for flag link, not: maybe"):
        Lab(tmp_path / "home").build({"Dockerfile": "FROM scratch\nCOPY --link=maybe a /b\n", "a": ""})
