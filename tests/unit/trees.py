"""Hypothesis strategies for file systems: few names, so that changes meet, and every kind of entry."""

from __future__ import annotations

from hypothesis import strategies as st

from imagelab.errors import Invalid
from imagelab.filesystem.entry import Entry
from imagelab.filesystem.tree import Changes, Tree

NAMES = ["a", "b", "a-b", "B", "é", "n" * 101, "x y", "-r", "\udcff", "a\nb", "+1"]

names = st.sampled_from(NAMES)
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
owners = st.sampled_from([0, 1000, 8**7])
times = st.sampled_from([0, 1, 1_700_000_000, -5, 8**11])
modes = st.sampled_from([0o644, 0o755, 0o4755, 0o1777, 0o000, 0o7777])
xattrs = st.sampled_from([{}, {"user.colour": b"red\0\xff"}, {"security.capability": b"\1\0\0\2"}])
targets = st.sampled_from(["a", "/a/b", "nowhere", "é/" + "n" * 101, "t" * 120])


def _file(data: bytes, mode: int, uid: int, gid: int, mtime: int, x: dict[str, bytes]) -> Entry:
    return Entry("file", mode, uid, gid, mtime, len(data), xattrs=x, content=lambda: iter((data,)))


contents = st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"x" * 512, b"y" * 513, b"z" * 70_000]))
files = st.builds(_file, contents, modes, owners, owners, times, xattrs)
directories = st.builds(lambda m, u, g, t, x: Entry("dir", m, u, g, t, xattrs=x), modes, owners, owners, times, xattrs)
symlinks = st.builds(lambda target, t: Entry.symlink(target, mtime=t), targets, times)
nodes = st.builds(
    lambda kind, m, t, d: Entry(kind, m, mtime=t, device=d if kind != "fifo" else (0, 0)),
    st.sampled_from(["char", "block", "fifo"]), modes, times, st.sampled_from([(1, 3), (8, 0), (0, 0)]),
)  # fmt: skip
entries = st.one_of(files, files, directories, directories, symlinks, nodes)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Any tree that a layer could describe, hard links included."""
    tree = Tree()
    for path, entry in draw(st.lists(st.tuples(paths, entries), max_size=12)):
        tree = _try(tree, Changes({path: entry}))
    files_now = [path for path in tree if tree[path].kind != "dir"]
    if files_now:
        for path, target in draw(st.lists(st.tuples(paths, st.sampled_from(files_now)), max_size=3)):
            tree = _try(tree, Changes(links={path: target}))
    return tree


@st.composite
def changed_trees(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """Two trees, the second made from the first by removing, setting, relinking and unlinking."""
    before = after = draw(trees())
    for path in draw(st.lists(paths, max_size=4)):
        after = _try(after, Changes(removed=frozenset([path])))
    for path, entry in draw(st.lists(st.tuples(paths, entries), max_size=4)):
        after = _try(after, Changes({path: entry}))
    for path in draw(st.lists(st.sampled_from(sorted(after)), max_size=3)):
        entry = after[path]
        if entry.kind == "file":  # the same bytes, and an inode of its own
            after = after.apply(Changes({path: Entry.file(entry.read(), entry.mode, mtime=entry.mtime)}))
    return before, draw(st.one_of(st.just(after), trees()))


def _try(tree: Tree, changes: Changes) -> Tree:
    try:
        return tree.apply(changes)
    except Invalid:  # a parent is a file, or a link leads nowhere: as in a real file system, it is not done
        return tree
