"""`go_match`: the table of Go's own test of path.Match (path/match_test.go), and patterns that would backtrack."""

from __future__ import annotations

import pytest

from imagelab.golang.match import go_match


@pytest.mark.parametrize(
    "pattern, name, matches",
    [
        ("abc", "abc", True), ("*", "abc", True), ("*c", "abc", True), ("a*", "a", True), ("a*", "abc", True),
        ("a*", "ab/c", False), ("a*/b", "abc/b", True), ("a*/b", "a/c/b", False),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", True), ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False), ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False),
        ("a*b?c*x", "abxbbxdbxebxczzx", True), ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("ab[c]", "abc", True), ("ab[b-d]", "abc", True), ("ab[e-g]", "abc", False), ("ab[^c]", "abc", False),
        ("ab[^b-d]", "abc", False), ("ab[^e-g]", "abc", True), ("a\\*b", "a*b", True), ("a\\*b", "ab", False),
        ("a?b", "a☺b", True), ("a[^a]b", "a☺b", True), ("a???b", "a☺b", False), ("a[^a][^a][^a]b", "a☺b", False),
        ("[a-ζ]*", "α", True), ("*[a-ζ]", "A", False), ("a?b", "a/b", False), ("a*b", "a/b", False),
        ("[\\]a]", "]", True), ("[\\-]", "-", True), ("[x\\-]", "x", True), ("[x\\-]", "-", True),
        ("[x\\-]", "z", False), ("[\\-x]", "x", True), ("[\\-x]", "-", True), ("[\\-x]", "a", False),
        ("*x", "xxx", True),
        ("a[^x]b", "a/b", True), ("[^b-a]", "/", True), ("[b-a]", "b", False), ("**", "abc", True), ("", "", True),
    ],
)  # fmt: skip
def test_as_go_matches(pattern: str, name: str, matches: bool) -> None:
    assert bool(go_match(pattern).fullmatch(name)) is matches


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[\\"])
def test_malformed(pattern: str) -> None:
    with pytest.raises(ValueError, match="syntax error in pattern"):
        go_match(pattern)


def test_many_asterisks_are_matched_without_backtracking() -> None:
    assert not go_match("*a" * 40 + "b").fullmatch("a" * 10_000)
