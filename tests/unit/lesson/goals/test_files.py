"""Goals about bytes: each tells true from false, and says what it saw."""

from __future__ import annotations

import pytest

from imagelab import Entry
from imagelab.lesson.goals.files import FileText, FolderFile, KeepsFiles, NoWaste, SameFiles, Shares


@pytest.fixture
def shop(lab):
    base = lab.append(None, {"app/a": "1", "app/x": "22"}, "base:1")
    lab.append(base, {"app/a": "111"}, "shop:1")
    lab.append(base, {"app/b": "4444"}, "shop:2")
    lab.append(None, {"app/a": Entry.file(b"1", 0o600), "app/x": "22"}, "mode:1")
    lab.append(None, {"app/a": "1", "app/x": "22", "app/y": ""}, "more:1")
    lab.append(lab.append(None, {"app/a": "1"}), {"app/x": "22"}, "two:1")
    return lab


def same(name, like, **how):
    return lambda lab: SameFiles.of(name, like, lab, **how)


def keeps(name, like, *paths):
    return lambda lab: KeepsFiles.of(name, like, lab, *paths)


CASES = [  # (one that holds, one that does not, what is seen then)
    (
        FileText("shop:1", "app/a", "111", "it"),
        FileText("shop:1", "app/a", "1", "it"),
        "`app/a` has 3 bytes, with another text",
    ),
    (FileText("base:1", "app/x", "22", "it"), FileText("base:1", "app", "22", "it"), "it shows no file `app`"),
    (same("two:1", "base:1"), same("shop:1", "base:1"), "it differs in `app/a`"),
    (same("base:1", "two:1"), same("mode:1", "base:1"), "it differs in `app/a`"),
    (same("base:1", "base:1"), same("more:1", "base:1"), "it differs in `app/y`"),
    (same("more:1", "base:1", without="app/y"), same("base:1", "more:1"), "it differs in `app/y`"),
    (keeps("shop:1", "base:1", "app/x"), keeps("shop:1", "base:1", "app/a", "app/x"), "`app/a` is different"),
    (keeps("more:1", "base:1", "app/a", "app/x"), keeps("base:1", "more:1", "app/y"), "`app/y` is not there"),
    (keeps("two:1", "base:1", "app/a"), keeps("mode:1", "base:1", "app/a"), "`app/a` is different"),
    (NoWaste("shop:2"), NoWaste("shop:1"), "it has 6 bytes, and wastes 3"),
    (Shares("shop:1", "shop:2", 3), Shares("shop:1", "shop:2", 4), "it shares 3 bytes"),
    (Shares("shop:1", "base:1", 3), Shares("shop:1", "nosuch:1", 0), "there is no image called nosuch:1"),
]


@pytest.mark.parametrize(("true", "false", "saw"), CASES, ids=lambda value: type(value).__name__)
def test_a_condition_looks_and_says_what_it_saw(shop, true, false, saw):
    true, false = (one(shop) if callable(one) else one for one in (true, false))
    assert true.check(shop).holds
    assert not false.check(shop).holds
    assert saw in false.check(shop).actual


def test_files_are_compared_with_those_of_the_start(shop):
    condition = SameFiles.of("two:1", "base:1", shop)
    shop.tag("shop:1", "base:1")
    assert condition.check(shop).holds


def test_a_file_in_a_folder(lab, tmp_path):
    (tmp_path / "a").write_text("1")
    condition = FolderFile.of("the folder", tmp_path, "a")
    assert condition.check(lab).holds
    (tmp_path / "a").write_text("2")
    assert condition.check(lab).actual == "`a` has another text" and not condition.check(lab).holds
    (tmp_path / "a").unlink()
    assert condition.check(lab).actual == "there is no file `a`" and not condition.check(lab).holds


def test_what_a_file_should_tell_is_never_said(shop):
    condition = FileText("shop:1", "app/a", "hush", "the word")
    assert "hush" not in condition.sentence + condition.check(shop).actual + "".join(condition.lines)
