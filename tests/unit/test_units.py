"""Sizes and times as docker's client (20.10.24 and 28.2.2) printed them when an API server gave it these."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagelab import units

MINUTE, HOUR, DAY = 60, 3600, 86400


def test_a_share_is_all_of_it_only_if_it_is():
    assert [units.percent(*each) for each in [(1, 2), (1999, 2000), (2, 2), (0, 7), (0, 0)]] == [
        "50.0%", "99.9%", "100.0%", "0.0%", "100.0%",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "count, column, total",
    [
        (0, "0B", "0B"),
        (1, "1B", "1B"),
        (999, "999B", "999B"),
        (1000, "1kB", "1kB"),
        (1001, "1kB", "1.001kB"),
        (1015, "1.01kB", "1.015kB"),
        (1025, "1.02kB", "1.025kB"),
        (9994, "9.99kB", "9.994kB"),
        (9995, "9.99kB", "9.995kB"),
        (9999, "10kB", "9.999kB"),
        (99949, "99.9kB", "99.95kB"),
        (99950, "100kB", "99.95kB"),
        (999499, "999kB", "999.5kB"),
        (999500, "1e+03kB", "999.5kB"),  # docker's own oddity
        (999999, "1e+03kB", "1000kB"),
        (1234567, "1.23MB", "1.235MB"),
        (123456789, "123MB", "123.5MB"),
        (1500000000000, "1.5TB", "1.5TB"),
        (10**18, "1EB", "1EB"),
    ],
)
def test_size(count: int, column: str, total: str) -> None:
    assert (units.size(count, 3), units.size(count)) == (column, total)


@pytest.mark.parametrize(
    "seconds, words",
    [
        (-5, "Less than a second"),
        (0, "Less than a second"),
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (59 * MINUTE + 59, "59 minutes"),
        (HOUR, "About an hour"),
        (1.5 * HOUR - 1, "About an hour"),
        (1.5 * HOUR, "2 hours"),
        (47.4 * HOUR, "47 hours"),
        (47.5 * HOUR, "2 days"),
        (14 * DAY - 1801, "13 days"),
        (14 * DAY - 1799, "2 weeks"),
        (59 * DAY, "8 weeks"),
        (60 * DAY, "2 months"),
        (365 * DAY, "12 months"),
        (730 * DAY - 1801, "24 months"),
        (730 * DAY - 1799, "1 years"),  # docker rounds the hours in one branch and not in the next
        (730 * DAY, "2 years"),
        (3 * 365 * DAY - 1, "2 years"),
        (3000 * DAY, "8 years"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    assert units.duration(seconds) == words


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("2026-11-22T01:46:33.054542798Z", 1795311993.054542),
        ("2026-11-22T10:46:33+09:00", 1795311993),
        ("1969-12-31T23:59:59.5Z", -0.5),
    ],
)
def test_parse_time(text: str, seconds: float) -> None:
    assert units.parse_time(text).timestamp() == seconds


@pytest.mark.parametrize(
    "text",
    ["0001-01-01T00:00:00Z", None, "", "yesterday", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00+99:00",
     "2026-01-01T00:00:00", 12],
)  # fmt: skip
def test_no_time(text: object) -> None:
    assert units.parse_time(text) == units.NO_TIME
    assert units.NO_TIME.timestamp() == -62135596800, "Go's zero time"


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def test_moments_are_on_this_machine_s_clock_as_docker_has_it(zone: str) -> None:
    start, day = (datetime.fromtimestamp(seconds, UTC) for seconds in (0, 1795311993.9))
    shown = units.date_and_zone(start), units.rfc3339(day), units.date_and_zone(units.NO_TIME)
    assert shown == {
        "UTC": ("1970-01-01 00:00:00 +0000 UTC", "2026-11-22T01:46:33Z", "0001-01-01 00:00:00 +0000 UTC"),
        # In year 1 Go goes by Tokyo's local mean time (+0918 LMT); it means "unknown" all the same.
        "Asia/Tokyo": ("1970-01-01 09:00:00 +0900 JST", "2026-11-22T10:46:33+09:00", shown[2]),
    }[zone]
    assert shown[2].startswith("0001-01-01 ")


def test_since() -> None:
    now = datetime.fromtimestamp(1000, UTC)
    assert units.since(now - timedelta(days=2), now) == "2 days ago"
    assert units.since(now - timedelta(seconds=0.5), now) == "1 second ago", "docker's API has whole seconds"
    assert units.since(units.NO_TIME, now) == ""


@pytest.mark.parametrize(
    "text, columns, cut",
    [
        ("short", 45, "short"),
        ("x" * 45, 45, "x" * 45),
        ("x" * 46, 45, "x" * 44 + "…"),
        ("é" * 46, 45, "é" * 44 + "…"),
        ("漢字漢字漢字", 12, "漢字漢字漢字"),
        ("漢字漢字漢字", 11, "漢字漢字漢…"),
        ("漢字漢字漢字", 10, "漢字漢字…"),
    ],
)
def test_ellipsis_counts_columns(text: str, columns: int, cut: str) -> None:
    assert units.ellipsis(text, columns) == cut


def test_harmless() -> None:
    assert units.harmless("plain é 漢字 🐳\ttab\nline") == "plain é 漢字 🐳\ttab\nline"
    assert units.harmless("\x1b[31mred\x1b]0;title\x07\r\x9b2J") == r"\x1b[31mred\x1b]0;title\x07\x0d\x9b2J"
    assert units.harmless("abc\u202etxt.exe") == r"abc\u202etxt.exe"
    assert units.harmless(b"caf\xe9".decode("utf-8", "surrogateescape")) == r"caf\xe9"


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_is_harmless_can_be_printed_and_obeys_nothing(text: str) -> None:
    shown = units.harmless(text)
    shown.encode()
    assert not [char for char in shown if char not in "\t\n" and not (" " <= char <= "~" or char >= "\xa0")]
