"""A file system is a value: what applying, comparing and looking up mean."""

from __future__ import annotations

import pytest
from hypothesis import given

from imagelab.errors import Invalid, NotFound
from imagelab.filesystem.entry import Entry, clean, order
from imagelab.filesystem.tree import Changes, Tree, hard_links, with_parents
from unit.trees import changed_trees, trees


def tree(content: dict[str, bytes | str | Entry | None], base: Tree | None = None) -> Tree:
    return (base or Tree()).apply(Changes.of(content))


@given(changed_trees())
def test_applying_the_difference_gives_the_other_tree(pair: tuple[Tree, Tree]) -> None:
    before, after = pair
    again = before.apply(Tree.diff(before, after))
    assert again == after
    assert sorted(hard_links(again).values()) == sorted(hard_links(after).values())


@given(trees())
def test_nothing_separates_a_tree_from_itself(one: Tree) -> None:
    assert not Tree.diff(one, one)
    assert one == one.apply(Changes())


@given(trees())
def test_every_parent_is_a_directory_and_comes_first(one: Tree) -> None:
    seen = set()
    for path in one:
        seen.add(path)
        parent = path.rpartition("/")[0]
        assert one[parent].kind == "dir" and parent in seen


def test_a_whiteout_hides_what_lies_below_and_not_its_own_layer() -> None:
    base = tree({"etc/a": "1", "etc/b": "2"})
    after = base.apply(Changes({"etc/a": Entry.file(b"new")}, removed=frozenset(["etc/a", "etc/b"])))
    assert after.find("etc/a").read() == b"new"
    assert "etc/b" not in after


def test_an_opaque_directory_hides_all_that_was_in_it() -> None:
    base = tree({"etc/a": "1", "etc/deep/b": "2"})
    after = base.apply(Changes({"etc/c": Entry.file(b"3")}, opaque=frozenset(["etc"])))
    assert after.children("etc") == ["etc/c"]


def test_a_directory_over_a_directory_keeps_its_children() -> None:
    after = tree({"etc/": Entry.dir(0o700)}, tree({"etc/a": "1"}))
    assert after["etc"].mode == 0o700 and "etc/a" in after


@pytest.mark.parametrize("over", [Entry.file(b""), Entry.symlink("b"), Entry("fifo")])
def test_anything_else_over_a_directory_replaces_it(over: Entry) -> None:
    after = tree({"etc": over}, tree({"etc/deep/a": "1"}))
    assert list(after) == ["", "etc"]


def test_removing_what_is_not_there_is_odd_and_harmless() -> None:
    base = tree({"a": "1"})
    assert base.apply(Changes(removed=frozenset(["nowhere/b", "c"]))) == base


def test_two_names_of_one_file_share_one_entry_until_one_is_replaced() -> None:
    one = Entry.file(b"x")
    base = tree({"a": one, "b": one})
    assert base["a"] is base["b"] and base.files_size == 1
    after = tree({"b": "y"}, base)
    assert after["a"] is not after["b"] and after.files_size == 2


def test_a_hard_link_may_lead_to_a_lower_layer_and_not_to_nowhere() -> None:
    base = tree({"a": "x", "d/": ""})
    after = base.apply(Changes(links={"d/b": "a"}))
    assert after["d/b"] is after["a"]
    for target in ("missing", "d"):
        with pytest.raises(Invalid, match="no file of this image"):
            base.apply(Changes(links={"b": target}))


def test_symlinks_are_followed_inside_the_root_only() -> None:
    inside = {"usr/bin/sh": "#!", "bin": Entry.symlink("usr/bin"), "up": Entry.symlink("../../../usr")}
    one = tree(inside)
    assert one.resolve("/bin/sh") == "usr/bin/sh"
    assert one.resolve("up/bin/../bin/sh") == "usr/bin/sh"
    assert one.resolve("../../bin/sh") == "usr/bin/sh"
    with pytest.raises(NotFound, match="no such file"):
        one.find("/bin/bash")
    with pytest.raises(Invalid, match="loop"):
        tree({"l": Entry.symlink("l")}).resolve("l/x")


def test_a_lookup_through_ever_longer_links_ends() -> None:
    """Forty links of two thousand names each would be walked for minutes."""
    long = {f"l{n}": Entry.symlink("x/../" * 1000 + f"l{n + 1}") for n in range(40)}
    with pytest.raises(Invalid, match="more than 4,096 names"):
        tree(long).resolve("l0")


def test_a_very_deep_path_makes_its_folders_one_by_one() -> None:
    deep = "/".join("d" * 2000)
    assert tree({deep: "x"})[deep].read() == b"x"
    with pytest.raises(Invalid, match="not a directory"):
        tree({"a/b/c/d": "x"}, tree({"a": "file"}))


def test_a_file_written_through_a_symlink_lands_where_a_process_would_put_it() -> None:
    base = tree({"usr/bin/": "", "bin": Entry.symlink("/usr/bin")})
    assert "usr/bin/new" in tree({"bin/new": "x"}, base)
    with pytest.raises(Invalid, match="is a file, not a directory"):
        tree({"a/b": "x"}, tree({"a": "file"}))


def test_recorded_changes_bring_the_folders_above_them() -> None:
    base = tree({"app/data/": Entry.dir(0o700), "app/old": "x"})
    recorded = with_parents(base, Changes.of({"app/data/new/file": "x", "app/old": None}))
    assert list(recorded.entries) == ["app", "app/data", "app/data/new", "app/data/new/file"]
    assert recorded.entries["app/data"].mode == 0o700
    with pytest.raises(NotFound, match="nothing to remove"):
        with_parents(base, Changes.of({"app/none": None}))


def test_the_way_people_write_paths_is_understood() -> None:
    changes = Changes.of({"/etc/motd": "hi", "var/": "", "gone": None})
    assert changes.entries["etc/motd"].read() == b"hi"
    assert changes.entries["var"].kind == "dir" and changes.removed == {"gone"}
    with pytest.raises(Invalid, match="root directory itself"):
        Changes.of({"/": "x"})


@pytest.mark.parametrize(("path", "plain"), [("./a//b/", "a/b"), (".", ""), ("a/./b", "a/b")])
def test_a_path_is_cleaned(path: str, plain: str) -> None:
    assert clean(path) == plain


@pytest.mark.parametrize("path", ["/etc", "a/../b", "..", "a/..", "a\0b"])
def test_a_path_that_could_lead_outside_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        clean(path)


def test_order_keeps_a_folder_together() -> None:
    assert sorted(["a-b", "a/b", "a", "a/c"], key=order) == ["a", "a/b", "a/c", "a-b"]


def test_contents_are_compared_in_pieces_however_they_are_cut() -> None:
    big = b"0123456789" * 200_000

    def cut(size: int, data: bytes = big) -> Entry:
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        return Entry("file", size=len(data), content=lambda: iter(pieces))

    assert cut(7_000).same_content(cut(4_096))
    assert not cut(7_000).same_content(cut(4_096, big[:-1] + b"!"))
    short = Entry("file", size=3, content=lambda: iter((b"ab",)))
    with pytest.raises(Invalid, match="changed while being read"):
        short.read()
