"""COPY and links: on the way to the destination they are followed, below it none is; and which sources may be absent.

Each answer is that of the BuildKit in Docker 20.10, but for wildcards that match nothing at all, which its classic
builder refuses; `tests/judges` asks both again.
"""

from __future__ import annotations

import io
import tarfile

import pytest

from imagelab import Entry, Lab
from imagelab.build.dockerfile import DockerfileError
from imagelab.errors import LabError

BASE = {
    "srv/real/x/old": "x", "srv/link": Entry.symlink("real"), "srv/gone": Entry.symlink("nowhere"), "srv/file": "f",
    "srv/far": Entry.symlink("/opt/deep/er"), "srv/flink": Entry.symlink("file"), "srv/c/x": Entry.symlink("../real/x"),
    "srv/c/f": Entry.symlink("../file"), "srv/round": Entry.symlink("../srv/gone"),
    "srv/in/a": Entry.symlink("../none"),
}  # fmt: skip
CONTEXT = {
    "a": "a", "b.txt": "b", "dir/x/new": "n", "dir/f": "f", "plain/f": "f", "to": Entry.symlink("dir"),
    "la": Entry.symlink("a"), "dangling": Entry.symlink("/etc/nothing"), "[x].txt": "x", "w\\b": "w", "a b": "ab",
}  # fmt: skip


@pytest.fixture(scope="module")
def lab():
    made = Lab.temporary()
    made.append(None, BASE, "base")
    return made


def changed(lab, text: str) -> dict[str, str]:
    """What the image has that the base has not, by path: a file's text, a link's target, or "dir"."""
    tree, before = lab.build({**CONTEXT, "Dockerfile": f"FROM base\n{text}\n"}).image.tree(), lab.image("base").tree()
    new = {path: entry for path, entry in tree.items() if path not in before or before[path] != entry}
    new |= {path: entry for path, entry in tree.items() if entry.kind == "file" and not _same(before.get(path), entry)}
    assert not [path for path in before if path not in tree]
    kinds = {"file": lambda entry: entry.read().decode(), "symlink": lambda entry: f"-> {entry.link}"}
    return {path: kinds.get(entry.kind, lambda entry: entry.kind)(entry) for path, entry in new.items()}


def _same(before, after) -> bool:
    return before is not None and before.kind == "file" and before.read() == after.read()


WHERE = {
    "COPY a /srv/link": {"srv/real/a": "a"},
    "COPY a /srv/link/": {"srv/real/a": "a"},
    "COPY dir /srv/link": {"srv/real/f": "f", "srv/real/x/new": "n"},
    "COPY a /srv/gone": {"srv/nowhere": "a"},
    "COPY a /srv/gone/": {"srv/nowhere": "dir", "srv/nowhere/a": "a"},
    "COPY plain /srv/gone": {"srv/nowhere": "dir", "srv/nowhere/f": "f"},
    "COPY a /srv/far": {"opt": "dir", "opt/deep": "dir", "opt/deep/er": "a"},
    "COPY a /srv/far/q": {"opt": "dir", "opt/deep": "dir", "opt/deep/er": "dir", "opt/deep/er/q": "a"},
    "COPY a /srv/round": {"srv/nowhere": "a"},
    "COPY a /srv/flink": {"srv/file": "a"},
    "COPY a /srv/c/f": {"srv/file": "a"},
    "COPY a b.txt /srv/in/": {"srv/in/a": "a", "srv/in/b.txt": "b"},
    "COPY plain /srv/c": {"srv/c/f": "f"},
    "COPY <<gone /srv/\nx\ngone": {"srv/gone": "x\n"},
    "COPY <<EOF /srv/gone\nx\nEOF": {"srv/nowhere": "x\n"},
    "WORKDIR /srv/gone": {"srv/nowhere": "dir"},
    "COPY a opt*.lock need[s].txt /x/": {"x": "dir", "x/a": "a"},
    "COPY opt* a /x": {"x": "a"},
    "COPY no*/f none/* a /x/": {"x": "dir", "x/a": "a"},
    "COPY to/f* /x/": {"x": "dir", "x/f": "f"},
    'COPY ["[[]x].txt", "/x"]': {"x": "x"},
    'COPY ["w\\\\\\\\b", "/x"]': {"x": "w"},
    'ARG N=a\nCOPY --chown=0 ["$N", "$N b", "/x y/"]': {"x y": "dir", "x y/a": "a", "x y/a b": "ab"},
    'COPY ["\'a\'", "/\\"x\\""]': {"x": "a"},
    "COPY --from=scratch / /x": {"x": "dir"},
    "COPY --from=base /srv/link/[x] /y": {"y": "dir", "y/old": "x"},
}


@pytest.mark.parametrize("text", WHERE)
def test_where_links_lead(lab, text):
    assert changed(lab, text) == WHERE[text]


WRONG = {
    "COPY dir /srv/c": "cannot copy a directory onto /srv/c/x, which is a symbolic link: remove it first",
    "COPY dir /srv/file": "cannot copy a directory onto /srv/file, which is a file",
    "COPY a /srv/real/a/\nCOPY <<real /srv/\nx\nreal": "cannot copy a file onto /srv/real, which is a directory",
    "COPY dir/x dir /x/\nCOPY dir/f /x/x/new/": "'x/x/new/f' cannot be created: 'x/x/new' is a file",
    "COPY dang* /x/": "'dangling' is not in the context: the symbolic link 'dangling' leads to '/etc/nothing'",
    "COPY [ad]* /x/": "the symbolic link 'dangling' leads to '/etc/nothing', which is not in it",
    "COPY opt*.lock /x/": r"'opt\*.lock' is not in the context: nothing matches, so nothing is copied",
    "COPY opt* need[s] /x/": r"'opt\*', 'need\[s\]' are not in the context: nothing matches",
    "COPY opt* none /x/": "'none' is not in the context: is it misspelt",
    "COPY [] /x/": "syntax error in pattern '\\[\\]': '\\[' without '\\]'",
    "COPY [a-] /x/": "syntax error in pattern",
    'COPY ["x\\\\\\\\y", "a", "/x/"]': "is not in the context",
}


@pytest.mark.parametrize("text", WRONG)
def test_copies_that_are_an_error(lab, text):
    with pytest.raises(DockerfileError, match=WRONG[text]):
        changed(lab, text)


def test_sources_are_files_of_their_own_and_only_links_within_one_folder_stay(tmp_path):
    """As with BuildKit, which copies source by source: what two sources lead to is two files, not two names of one."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d/one").write_text("x")
    (tmp_path / "d/two").hardlink_to(tmp_path / "d/one")
    (tmp_path / "l").symlink_to("d/one")
    (tmp_path / "Dockerfile").write_text(
        "FROM scratch\nCOPY d /d/\nCOPY d/one d/two l /s/\nCOPY d/* /g/\nCOPY --chown=5 d /c/\nCOPY d d /e/\n"
    )
    tree = Lab.temporary().build(tmp_path).image.tree()
    assert tree["d/one"] is tree["d/two"]
    assert tree["c/one"] is tree["c/two"]
    assert tree["c/one"].uid == 5
    assert len({id(tree[path]) for path in ("s/one", "s/two", "s/l", "g/one", "g/two")}) == 5


def test_errors_name_the_tar(lab, tmp_path):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as made:
        made.addfile(tarfile.TarInfo("x"), io.BytesIO())
    cut = archive.getvalue()[:512] + b"x" * 100
    (tmp_path / "cut.tar").write_bytes(cut)
    with pytest.raises(LabError, match=r"^the context '.*cut.tar' ends in the middle of an entry"):
        lab.build(tmp_path / "cut.tar")
    with pytest.raises(LabError, match=r"^the context's tar ends in the middle of an entry"):
        lab.build(io.BytesIO(cut))
    with pytest.raises(DockerfileError, match=r"ADD: 't.tar' in the context ends in the middle of an entry"):
        lab.build({"t.tar": cut, "Dockerfile": "FROM scratch\nADD t.tar /\n"})
    (tmp_path / "text").write_text("FROM scratch\n")
    with pytest.raises(LabError, match=r"context must be a directory or a tar: '.*/text' is neither"):
        lab.build(tmp_path / "text")
