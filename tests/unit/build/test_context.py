"""The build context: .dockerignore, the sums of its files, and which files are read again."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from imagelab import Lab
from imagelab.build.context import Context, matching
from imagelab.errors import LabError, NotFound
from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes, Tree
from imagelab.host.file_sums import StatIndex

TREE = ["a.txt", "b.md", "sub/a.txt", "sub/deep/c.txt", "sub/deep/er/d.md", "node/x/y.js", "node/keep", "#odd", "!bang"]
IGNORES = {
    "": TREE,
    "*.txt": ["b.md", "sub/a.txt", "sub/deep/c.txt", "sub/deep/er/d.md", "node/x/y.js", "node/keep", "#odd", "!bang"],
    "**/*.txt": ["b.md", "sub/deep/er/d.md", "node/x/y.js", "node/keep", "#odd", "!bang"],
    "*": [],
    "*\n!sub/deep": ["sub/deep/c.txt", "sub/deep/er/d.md"],
    "sub\n!sub/deep/er": [*(p for p in TREE if not p.startswith("sub/")), "sub/deep/er/d.md"],
    "!sub\nsub": [p for p in TREE if not p.startswith("sub/")],
    "sub/*/c.txt": [p for p in TREE if p != "sub/deep/c.txt"],
    "/node\n  # no comment\n\n#odd": [p for p in TREE if not p.startswith("node/")],
    "./sub/../b.md": [p for p in TREE if p != "b.md"],
    "?.txt": [p for p in TREE if p != "a.txt"],
    "[ab].*": [p for p in TREE if p not in ("a.txt", "b.md")],
    "\\!bang": [p for p in TREE if p != "!bang"],
    "node/\r\n": [p for p in TREE if not p.startswith("node/")],
    "\ufeffnode": [p for p in TREE if not p.startswith("node/")],
}


def files(tree: Tree) -> list[str]:
    return sorted(path for path, entry in tree.items() if entry.kind == "file")


def context_of(folder, store, ignore=None) -> Context:
    index = StatIndex(store / "index")
    return Context.of_folder(folder, ignore=ignore, portable=False, index=index)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "context"
    for path in TREE:
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(path)
    return made


@pytest.mark.parametrize("ignore", IGNORES)
def test_dockerignore_of_a_folder_and_of_a_tree(folder, tmp_path, ignore):
    wanted = sorted(IGNORES[ignore])
    assert files(context_of(folder, tmp_path, ignore.encode()).tree) == wanted
    tree = Tree().apply(Changes.of({path: path for path in TREE}))
    assert files(Context.of_tree(tree, "x", ignore.encode()).tree) == wanted


def test_a_malformed_pattern_is_an_error(folder, tmp_path):
    with pytest.raises(LabError, match=r"^\.dockerignore: "):
        context_of(folder, tmp_path, b"[a\n")


def test_the_ignore_file_of_the_dockerfile_comes_first(tmp_path):
    lab = Lab.temporary()
    there = {"a": "a", "b": "b", ".dockerignore": "a\n", "x.Dockerfile.dockerignore": "b\n"}
    text = "FROM scratch\nCOPY . /\n"
    built = lab.build({**there, "x.Dockerfile": text}, dockerfile="x.Dockerfile")
    assert {"a", "b"} & set(built.image.tree()) == {"a"}


def test_excluded_folders_are_not_even_opened(folder, tmp_path):
    (folder / "node" / "locked").mkdir(mode=0)
    try:
        assert "node/keep" not in files(context_of(folder, tmp_path, b"node\n").tree)
    finally:
        (folder / "node" / "locked").chmod(0o700)


def test_sums_are_of_everything_but_time_and_place(folder, tmp_path):
    before = context_of(folder, tmp_path).sums(["a.txt", "sub"])
    os.utime(folder / "a.txt", (1, 1))
    assert context_of(folder, tmp_path).sums(["a.txt", "sub"]) == before
    (folder / "a.txt").chmod(0o600)
    assert context_of(folder, tmp_path).sums(["a.txt"])["a.txt"] != before["a.txt"]
    (folder / "a.txt").write_text("other")
    (folder / "a.txt").chmod(0o644)
    assert context_of(folder, tmp_path).sums(["a.txt"])["a.txt"] != before["a.txt"]


def test_a_context_with_a_socket_is_built_without_it(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        found = context_of(folder, tmp_path)
    assert found.skipped == ("socket",)
    assert files(found.tree) == sorted(TREE)


def test_an_unreadable_folder_is_named_and_can_be_excluded():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        (folder / "locked").mkdir(mode=0)
        index = StatIndex(folder / "store" / "index")
        user = os.geteuid()
        if user == 0:  # root may read everything
            os.seteuid(65534)
        try:
            with pytest.raises(LabError, match=r"no permission to read '.*/locked'; \.dockerignore can leave it out"):
                Context.of_folder(folder, ignore=None, portable=False, index=index)
            found = Context.of_folder(folder, ignore=b"locked", portable=False, index=index)
        finally:
            os.seteuid(user)
        assert "locked" not in found.tree


def test_a_context_that_is_not_a_folder(tmp_path):
    with pytest.raises(LabError, match="is not a folder"):
        context_of(tmp_path / "nowhere", tmp_path)


# The stat index ------------------------------------------------------------------------------------------------------


def summed(folder, store) -> tuple[dict[str, str], list[str]]:
    """The sums of a folder's files, and which of them were read for it."""
    context = context_of(folder, store)
    reads = []
    for path in files(context.tree):
        entry = context.tree[path]

        def content(path=path, read=entry.content):
            reads.append(path)
            return read()

        object.__setattr__(entry, "content", content)
    found = context.sums(files(context.tree))
    context.save_sums()
    return found, sorted(reads)


def age(folder, seconds: int = 100) -> None:
    for path in folder.rglob("*"):
        info = path.lstat()
        os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns - seconds * 10**9))


def test_unchanged_files_are_not_read_again(folder, tmp_path, elapse, monkeypatch):
    monkeypatch.setattr(StatIndex, "AT_REST", 0)
    age(folder)
    elapse(folder)
    first, reads = summed(folder, tmp_path)
    assert reads == sorted(TREE)
    second, reads = summed(folder, tmp_path)
    assert (second, reads) == (first, [])
    (folder / "a.txt").write_text("other")
    third, reads = summed(folder, tmp_path)
    assert reads == ["a.txt"]
    assert {path for path in first if first[path] != third[path]} == {"a.txt"}


def test_an_edit_within_the_same_tick_that_keeps_size_and_time_is_seen(folder, tmp_path):
    """The worst editor: same size, same mtime, while the index is being written."""
    path = folder / "a.txt"
    path.write_text("11111")
    info = path.stat()
    first, _ = summed(folder, tmp_path)
    path.write_text("22222")
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert path.stat().st_mtime_ns == info.st_mtime_ns
    second, _ = summed(folder, tmp_path)
    assert second["a.txt"] != first["a.txt"]


def test_a_file_written_just_now_is_not_remembered(folder, tmp_path, elapse):
    elapse(folder)
    assert summed(folder, tmp_path)[1] == sorted(TREE)
    assert summed(folder, tmp_path)[1] == sorted(TREE)  # none of them is two seconds old


def test_a_context_has_a_stamp_only_if_every_file_is_at_rest(folder, tmp_path, elapse, monkeypatch):
    assert context_of(folder, tmp_path).stamp == ""
    monkeypatch.setattr(StatIndex, "AT_REST", 0)
    elapse(folder)
    stamp = context_of(folder, tmp_path).stamp
    assert stamp and stamp == context_of(folder, tmp_path).stamp
    (folder / "a.txt").chmod(0o600)
    elapse(folder)
    assert context_of(folder, tmp_path).stamp not in ("", stamp)


def test_a_file_from_the_future_is_read_again(folder, tmp_path, elapse, monkeypatch):
    monkeypatch.setattr(StatIndex, "AT_REST", 0)
    later = (folder / "b.md").stat().st_mtime_ns + 10**12
    os.utime(folder / "b.md", ns=(later, later))
    elapse(folder)
    summed(folder, tmp_path)
    assert summed(folder, tmp_path)[1] == ["b.md"]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"a.txt": 3}', b'{"a.txt": [[1], 5]}', b"\xff"])
def test_a_damaged_index_costs_only_time(folder, tmp_path, damage):
    first, _ = summed(folder, tmp_path)
    (tmp_path / "index").write_bytes(damage)
    assert summed(folder, tmp_path)[0] == first


@pytest.fixture
def elapse():
    """Wait, by the disk's own clock, until what was written is older than anything written now."""

    def wait(folder) -> None:
        young = max(path.lstat().st_ctime_ns for path in folder.rglob("*"))
        probe = folder.parent / "probe"
        while True:
            probe.write_text("")
            if probe.stat().st_ctime_ns > young:
                return

    return wait


# What a source means -------------------------------------------------------------------------------------------------

GLOBS = {
    "a.txt": ["a.txt"], "*.txt": ["a.txt"], "*/*.txt": ["sub/a.txt"], "s*": ["sub"], "sub/d*/?.txt": ["sub/deep/c.txt"],
    "[a-b].*": ["a.txt", "b.md"], "[^a].*": ["b.md"], "nothing*": [], "": [""], "sub/**": ["sub/a.txt", "sub/deep"],
    "\\#odd": ["#odd"], "\\*": [],
}  # fmt: skip


@pytest.mark.parametrize("pattern", GLOBS)
def test_sources_are_go_patterns(pattern):
    tree = Tree().apply(Changes.of({path: path for path in TREE}))
    assert matching(tree, pattern) == GLOBS[pattern]


def test_a_missing_source_and_a_malformed_pattern():
    tree = Tree().apply(Changes({"dangling": Entry.symlink("nowhere")}))
    with pytest.raises(NotFound):
        matching(tree, "x")
    with pytest.raises(NotFound):
        matching(tree, "dangling")
    with pytest.raises(ValueError, match="without"):
        matching(tree, "[a")
