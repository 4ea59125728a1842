"""Durations: texts from Go's own tests (time/time_test.go), and printing is the inverse of parsing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab.golang.duration import format_duration, parse_duration

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    "text, nanoseconds",
    [
        ("0", 0), ("5s", 5 * SECOND), ("30s", 30 * SECOND), ("1478s", 1478 * SECOND), ("-5s", -5 * SECOND),
        ("+5s", 5 * SECOND), ("-0", 0), ("+0", 0), ("5.0s", 5 * SECOND), ("5.6s", 5_600_000_000), ("5.s", 5 * SECOND),
        (".5s", SECOND // 2), ("1.0040s", 1_004_000_000), ("100.00100s", 100_001_000_000), ("10ns", 10),
        ("11us", 11_000), ("12µs", 12_000), ("12μs", 12_000), ("13ms", 13_000_000), ("15m", 900 * SECOND),
        ("16h", 16 * 3600 * SECOND), ("3h30m", 12_600 * SECOND), ("10.5s4m", 250_500_000_000),
        ("-2m3.4s", -123_400_000_000), ("9007199254.740993ms", 9_007_199_254_740_993), ("0.3333333333333333333h",
        1_200 * SECOND), ("9223372036854775807ns", 2**63 - 1),
    ],
)  # fmt: skip
def test_parse(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "3", "-", "s", ".", "-.", ".s", "+.s", "1d", "5 s", "soon", "1s-2s", "٣s", "0h1", "3000000h"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 30s"):
        parse_duration(text)


@pytest.mark.parametrize(
    "nanoseconds, text",
    [
        (0, "0s"), (1, "1ns"), (1100, "1.1µs"), (2_200_000, "2.2ms"), (3_300_000_000, "3.3s"),
        (4 * 60 * SECOND + 5 * SECOND, "4m5s"), (245_001_000_000, "4m5.001s"), (18_367_001_000_000, "5h6m7.001s"),
        (480_000_000_001, "8m0.000000001s"), (3600 * SECOND, "1h0m0s"),
    ],
)  # fmt: skip
def test_format(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@given(st.integers(0, 2**62))
def test_what_is_printed_is_parsed(nanoseconds: int) -> None:
    assert parse_duration(format_duration(nanoseconds)) == nanoseconds
