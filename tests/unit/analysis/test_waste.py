"""Waste: every byte is accounted for, and what dive gets wrong is right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagelab import Changes, Entry, Layer
from imagelab.analysis.waste import waste
from imagelab.errors import Invalid
from imagelab.filesystem.tree import Tree
from unit.trees import entries, paths


def stacked(lab, *contents):
    """An image of one layer for each content."""
    image = lab.scratch
    for content in contents:
        image = image.append(content if isinstance(content, Changes) else Changes.of(content))
    return image


def told(found):
    """path → (layers, sizes, visible, wasted), of the paths that waste something."""
    return {path.path: (path.layers, path.sizes, path.visible, path.wasted) for path in found.worst}


def numbers(found):
    return found.size, found.visible, found.hidden, found.wasted, round(found.efficiency, 3)


def test_nothing_is_wasted_where_nothing_is_covered(lab):
    found = waste(stacked(lab, {"a": "12345"}, {"b": "123"}).layers)
    assert numbers(found) == (8, 8, 0, 0, 1.0) and not found.worst
    assert [(path.path, path.layers, path.sizes) for path in found.paths] == [("a", (1,), (5,)), ("b", (2,), (3,))]


def test_an_image_of_nothing_wastes_nothing(lab):
    assert numbers(waste([])) == numbers(waste(stacked(lab, {"d/": ""}).layers)) == (0, 0, 0, 0, 1.0)


def test_a_deleted_file_is_wasted_whole(lab):
    found = waste(stacked(lab, {"big": "x" * 900, "app": "y" * 100}, {"big": None}).layers)
    assert told(found) == {"big": ((1, 2), (900, 0), 0, 900)}
    assert numbers(found) == (1000, 100, 900, 900, 0.1)


def test_what_is_overwritten_is_wasted_but_for_its_smallest(lab):
    """dive's WastedBytes would say 60, 30 and 30 (dive#684); a path that grew wastes more than is hidden."""
    found = waste(stacked(lab, {"same": "x" * 30, "less": "x" * 20, "more": "x" * 10},
                          {"same": "y" * 30, "less": "y" * 10, "more": "y" * 20}).layers)  # fmt: skip
    assert told(found) == {
        "same": ((1, 2), (30, 30), 30, 30), "less": ((1, 2), (20, 10), 10, 20), "more": ((1, 2), (10, 20), 20, 20),
    }  # fmt: skip
    assert numbers(found) == (120, 60, 60, 70, round(50 / 120, 3))


def test_deleted_and_made_again_it_has_once_been_nothing(lab):
    found = waste(stacked(lab, {"a": "x" * 10}, {"a": None}, {"a": "x" * 10}).layers)
    assert told(found) == {"a": ((1, 2, 3), (10, 0, 10), 10, 20)}
    assert found.hidden == 10


def test_a_changed_mode_costs_the_whole_file_again(lab):
    found = waste(stacked(lab, {"a": "x" * 10}, {"a": Entry.file(b"x" * 10, 0o600)}).layers)
    assert numbers(found) == (20, 10, 10, 10, 0.5)


FOLDER = {"d/x": "1" * 30, "d/e/y": "2" * 20, "z": "3" * 10}


@pytest.mark.parametrize(
    "gone",
    [Changes(removed=frozenset(["d"])), Changes(opaque=frozenset(["d"])), Changes({"d": Entry.symlink("z")})],
    ids=["its whiteout", "an opaque whiteout", "something else in its place"],
)
def test_a_folder_s_end_is_the_end_of_each_file_in_it(lab, gone):
    found = waste(stacked(lab, FOLDER, gone).layers)
    assert told(found) == {"d/x": ((1, 2), (30, 0), 0, 30), "d/e/y": ((1, 2), (20, 0), 0, 20)}
    assert numbers(found) == (60, 10, 50, 50, round(10 / 60, 3))


def test_an_opaque_folder_s_own_files_are_there_and_were_written_twice(lab):
    again = Changes(Changes.of({"d/x": "4" * 30}).entries, opaque=frozenset(["d"]))
    assert told(waste(stacked(lab, FOLDER, again).layers)) == {
        "d/x": ((1, 2), (30, 30), 30, 30), "d/e/y": ((1, 2), (20, 0), 0, 20),
    }  # fmt: skip


def test_a_file_over_a_folder_and_back_again(lab):
    folders = Changes({"d": Entry.dir()}), Changes({"d": Entry.dir(0o700)})
    image = stacked(lab, {"d/x": "1" * 30}, {"d": "2" * 7}, *folders)
    assert told(waste(image.layers)) == {"d/x": ((1, 2), (30, 0), 0, 30), "d": ((2, 3), (7, 0), 0, 7)}


def linked(size, *names):
    """One inode under several names."""
    entry = Entry.file(b"x" * size)
    return Changes(dict.fromkeys(names, entry))


def test_a_hard_linked_file_counts_once(lab):
    found = waste(stacked(lab, linked(10, "a", "b")).layers)
    assert numbers(found) == (10, 10, 0, 0, 1.0)


def test_a_hard_linked_file_is_not_wasted_while_one_name_is_left(lab):
    assert numbers(waste(stacked(lab, linked(10, "a", "b"), {"a": None}).layers)) == (10, 10, 0, 0, 1.0)
    assert numbers(waste(stacked(lab, linked(10, "a", "b"), {"a": "y" * 4}).layers)) == (14, 14, 0, 0, 1.0)
    both = stacked(lab, linked(10, "a", "b"), {"a": None, "b": None})
    assert told(waste(both.layers)) == {"a": ((1, 2), (10, 0), 0, 10)}


def test_a_name_given_later_keeps_a_file_in_sight(lab):
    image = stacked(lab, {"a": "x" * 10}, Changes(links={"b": "a"}), {"a": None})
    found = waste(image.layers)
    assert numbers(found) == (10, 10, 0, 0, 1.0)
    assert [path.path for path in found.paths] == ["b"], "counted where it is seen"


def test_a_link_in_the_place_of_a_file_wastes_the_file(lab):
    found = waste(stacked(lab, {"a": "x" * 5, "b": "y" * 10}, Changes(links={"a": "b"})).layers)
    assert told(found) == {"a": ((1, 2), (5, 0), 0, 5)} and found.hidden == 5


def test_one_layer_twice_is_there_twice(lab):
    layer = Layer.of(Changes.of({"a": "x" * 10}))
    assert told(waste([layer, layer])) == {"a": ((1, 2), (10, 10), 10, 10)}


def test_a_path_through_a_symlink_is_counted_where_it_leads(lab):
    base = stacked(lab, {"usr/bin/": "", "bin": Entry.symlink("usr/bin")}, {"usr/bin/sh": "x" * 10})
    found = waste([*base.layers, Layer.of(Changes({"bin/sh": Entry.file(b"y" * 4)}))])
    assert told(found) == {"usr/bin/sh": ((2, 3), (10, 4), 4, 10)}


def test_what_a_layer_itself_covers_is_hidden_from_the_start(lab):
    """An odd tar: a file, and after it a link in the place of its folder."""
    odd = Changes({"l/x": Entry.file(b"x" * 10), "l": Entry.symlink("elsewhere")})
    assert told(waste([_OddLayer(odd)])) == {"l/x": ((1, 1), (10, 0), 0, 10)}


class _OddLayer(Layer):
    """A layer whose changes come in an order that `pack` would not give."""

    def __init__(self, odd):
        self._odd = odd

    def changes(self):
        return self._odd


@st.composite
def any_changes(draw):
    written = draw(st.dictionaries(paths, entries, max_size=4))
    links = {path: to for path, to in draw(st.dictionaries(paths, paths, max_size=2)).items() if path not in written}
    removed, opaque = draw(st.lists(paths, max_size=2)), draw(st.lists(paths, max_size=1))
    return Changes(written, frozenset(removed), frozenset(opaque), links)


@st.composite
def stacks(draw):
    """Layers that lie on one another: what one cannot apply is left out, as hard links are with probability a half."""
    tree, layers = Tree(), []
    for changes in draw(st.lists(any_changes(), max_size=5)):
        twins = draw(st.booleans()) and {f"{path}-twin": entry for path, entry in changes.entries.items()}
        tried = Changes({**changes.entries, **(twins or {})}, changes.removed, changes.opaque, changes.links)
        for candidate in (tried, Changes(changes.entries, changes.removed, changes.opaque)):
            try:
                layer = Layer.of(candidate)
                tree = tree.apply(layer.changes())
            except Invalid:
                continue
            layers.append(layer)
            break
    return layers


@settings(max_examples=300)
@given(stacks())
def test_every_byte_is_accounted_for(layers):
    found = waste(layers)
    tree = Tree()
    for layer in layers:
        tree = tree.apply(layer.changes())
    assert found.size == sum(layer.files_size for layer in layers)
    assert found.visible == tree.files_size
    assert all(0 <= path.hidden <= path.wasted <= path.cumulative for path in found.paths)
    assert 0 <= found.efficiency <= 1 and (found.efficiency == 1) == (not found.wasted)
    assert len({path.path for path in found.paths}) == len(found.paths)
    assert not waste([Layer.of(Tree.diff(Tree(), tree))]).wasted, "one layer with all of it wastes nothing"


@settings(max_examples=200)
@given(stacks())
def test_without_hard_links_it_is_each_path_s_own_story(layers):
    """What the layers say of each path, told again in the plainest way."""
    tree, story = Tree(), {}
    for layer in layers:
        changes = layer.changes()
        if changes.links or len({id(entry) for entry in changes.entries.values()}) < len(changes.entries):
            return
        if any(entry.kind == "symlink" for entry in changes.entries.values()):
            return
        before, tree = tree, tree.apply(changes)
        for path in {*before, *tree}:
            if path in changes.entries and changes.entries[path].kind != "dir":
                story.setdefault(path, []).append(changes.entries[path].size)
            elif path in before and before[path].kind != "dir" and (path not in tree or tree[path].kind == "dir"):
                story[path].append(0)
    assert {path.path: list(path.sizes) for path in waste(layers).paths} == story


def test_a_large_image(lab):
    """20,000 files under ten layers."""
    stack = [Layer.of(Changes({f"d{n % 100}/f{n}": Entry.file(b"x") for n in range(20_000)}))]
    stack += [Layer.of(Changes({f"d{n}/f{n}": Entry.file(b"yy")})) for n in range(9)]
    for layer in stack:
        layer.changes()
    found = waste(stack)
    assert (found.size, found.wasted) == (20_018, 18)
