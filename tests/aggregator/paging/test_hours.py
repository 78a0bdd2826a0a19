"""Weekly hours, over midnight and over summer time."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.paging.hours import Hours

DUBLIN = ZoneInfo("Europe/Dublin")
WORKING = (0, 1, 2, 3, 4)
OFFICE = Hours(WORKING, time(9), time(17), DUBLIN)
NIGHT = Hours((4,), time(22), time(6), DUBLIN)  # friday night


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-01-05 08:59:59", False),
        ("2026-01-05 09:00:00", True),
        ("2026-01-05 16:59:59", True),
        ("2026-01-05 17:00:00", False),
        ("2026-01-10 12:00:00", False),  # a saturday
        ("2026-07-06 08:00:00", True),  # 09:00 of summer
        ("2026-07-06 16:00:00", False),
    ],
)
def test_office_hours_are_by_local_clocks(at: str, is_open: bool) -> None:
    assert OFFICE.open_at(utc(at)) is is_open


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    assert NIGHT.open_at(utc("2026-01-09 23:00"))  # friday
    assert NIGHT.open_at(utc("2026-01-10 05:59:59"))  # saturday morning
    assert not NIGHT.open_at(utc("2026-01-10 06:00"))
    assert not NIGHT.open_at(utc("2026-01-09 05:00"))  # friday morning
    assert not NIGHT.open_at(utc("2026-01-10 23:00"))  # saturday night


def test_the_next_change_is_the_opening_or_the_close() -> None:
    assert OFFICE.next_change(utc("2026-01-05 08:00")) == utc("2026-01-05 09:00")
    assert OFFICE.next_change(utc("2026-01-05 09:00")) == utc("2026-01-05 17:00")
    assert OFFICE.next_change(utc("2026-01-09 17:00")) == utc("2026-01-12 09:00")
    # The clocks go forward on the sunday between.
    assert OFFICE.next_change(utc("2026-03-27 17:00")) == utc("2026-03-30 08:00")


def test_a_night_is_an_hour_shorter_or_longer_when_the_clocks_change() -> None:
    saturdays = Hours((5,), time(22), time(6), DUBLIN)
    assert saturdays.next_change(utc("2026-03-28 22:00")) == utc("2026-03-29 05:00")
    assert saturdays.next_change(utc("2026-10-24 21:00")) == utc("2026-10-25 06:00")


def test_equal_times_are_a_whole_day_and_every_day_is_always() -> None:
    sunday = Hours((6,), time(0), time(0), DUBLIN)
    assert sunday.open_at(utc("2026-01-11 00:00"))
    assert sunday.open_at(utc("2026-01-11 23:59:59"))
    assert not sunday.open_at(utc("2026-01-12 00:00"))
    always = Hours(tuple(range(7)), time(0), time(0), DUBLIN)
    assert always.open_at(utc("2026-01-12 00:00"))
    assert always.next_change(utc("2026-01-12 00:00")) == math.inf


def test_days_that_meet_are_one_opening() -> None:
    weekend = Hours((5, 6), time(0), time(0), DUBLIN)
    assert weekend.next_change(utc("2026-01-10 12:00")) == utc("2026-01-12 00:00")


@pytest.mark.parametrize("days", [(), (7,), (-1, 2)])
def test_days_must_be_days(days: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^days: "):
        OFFICE._replace(days=days).check()


@given(
    st.sets(st.integers(0, 6), min_size=1),
    st.sampled_from([time(hour, minute) for hour in range(24) for minute in (0, 30)]),
    st.sampled_from([time(hour, minute) for hour in range(24) for minute in (0, 30)]),
    st.sampled_from(["Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.integers(int(utc("2025-01-01 00:00")), int(utc("2027-01-01 00:00"))),
)
def test_nothing_changes_before_the_next_change(
    days: set[int], opens: time, closes: time, zone: str, t: int
) -> None:
    """Hours are the same from `t` until before their next change, and others from it on."""
    hours = Hours(tuple(sorted(days)), opens, closes, ZoneInfo(zone))
    is_open = hours.open_at(t)
    change = hours.next_change(t)
    assert change > t
    end = min(change, t + 9 * 86_400)
    for part in range(200):
        assert hours.open_at(t + (end - t) * part / 200) is is_open
    if change < math.inf:
        assert hours.open_at(change) is not is_open
    else:
        assert len(days) == 7
