"""Goals about bytes: each tells true from false, and says what it saw."""

from __future__ import annotations

import pytest

from imagelab import Entry
from imagelab.lesson.goals.files import FileText, HasLayersOf, NoWaste, SameFiles, Shares


@pytest.fixture
def shop(lab):
    base = lab.append(None, {"app/a": "1", "app/x": "22"}, "base:1")
    lab.append(base, {"app/a": "111"}, "shop:1")
    lab.append(base, {"app/b": "4444"}, "shop:2")
    lab.append(None, {"app/a": Entry.file(b"1", 0o600), "app/x": "22"}, "mode:1")
    lab.append(None, {"app/a": "1", "app/x": "22", "app/y": ""}, "more:1")
    lab.append(lab.append(None, {"app/a": "1"}), {"app/x": "22"}, "two:1")
    return lab


CASES = [  # (one that holds, one that does not, what is seen then)
    (
        FileText("shop:1", "app/a", "111", "it"),
        FileText("shop:1", "app/a", "1", "it"),
        "`app/a` has 3 bytes, with another text",
    ),
    (FileText("base:1", "app/x", "22", "it"), FileText("base:1", "app", "22", "it"), "it shows no file `app`"),
    (SameFiles("two:1", "base:1"), SameFiles("shop:1", "base:1"), "it differs in `app/a`"),
    (SameFiles("base:1", "two:1"), SameFiles("mode:1", "base:1"), "it differs in `app/a`"),
    (SameFiles("base:1", "base:1"), SameFiles("more:1", "base:1"), "it differs in `app/y`"),
    (SameFiles("base:1", "base:1"), SameFiles("base:1", "more:1"), "it differs in `app/y`"),
    (HasLayersOf("shop:1", "base:1"), HasLayersOf("two:1", "base:1"), "its first layers are others"),
    (NoWaste("shop:2"), NoWaste("shop:1"), "it has 6 bytes, and wastes 3"),
    (Shares("shop:1", "shop:2", 3), Shares("shop:1", "shop:2", 4), "it shares 3 bytes"),
    (Shares("shop:1", "base:1", 3), Shares("shop:1", "nosuch:1", 0), "there is no image called nosuch:1"),
]


@pytest.mark.parametrize(("true", "false", "saw"), CASES, ids=lambda value: type(value).__name__)
def test_a_condition_looks_and_says_what_it_saw(shop, true, false, saw):
    assert true.check(shop).holds
    assert not false.check(shop).holds
    assert saw in false.check(shop).actual


def test_what_a_file_should_tell_is_never_said(shop):
    condition = FileText("shop:1", "app/a", "hush", "the word")
    assert "hush" not in condition.sentence + condition.check(shop).actual
