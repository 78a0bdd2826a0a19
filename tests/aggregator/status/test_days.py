"""90 bars, by the days of a time zone."""

from __future__ import annotations

import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.status.days import DAYS, DayRules, DaySums, bars, spans
from coalmine_aggregator.status.site import Grade
from tests.aggregator.status.cases import NOW

TODAY = datetime.date(2026, 11, 28)


@given(
    st.floats(1_000_000_000, 2_000_000_000),
    st.sampled_from(["UTC", "Europe/Dublin", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia"]),
)
def test_days_follow_each_other_without_a_gap_and_end_with_today(now: float, zone: str) -> None:
    days = spans(now, ZoneInfo(zone))
    assert len(days) == DAYS
    assert days[-1].first <= now < days[-1].last + 1
    for one, next_ in pairwise(days):
        assert next_.date == one.date + datetime.timedelta(days=1)
        assert next_.first == one.last + 1


def test_a_day_has_23_or_25_hours_where_the_clocks_change() -> None:
    hours = {
        day.date.isoformat(): (day.last + 1 - day.first) // 3_600
        for day in spans(NOW, ZoneInfo("Europe/Dublin"))
    }
    assert hours["2026-10-25"] == 25
    assert hours["2026-10-26"] == 24


@pytest.mark.parametrize(
    ("bad", "grade"),
    [
        (0, Grade.NONE),
        (99, Grade.NONE),
        (100, Grade.MINOR),
        (999, Grade.MINOR),
        (1_000, Grade.MAJOR),
        (10_000, Grade.CRITICAL),
        (100_000, Grade.CRITICAL),
    ],
)
def test_a_day_is_graded_by_its_counts(bad: int, grade: Grade) -> None:
    assert DayRules().grade(100_000, bad) is grade


def test_only_what_was_counted_and_may_be_told_is_known() -> None:
    sums = [
        DaySums(TODAY, 100, 50),
        DaySums(TODAY - datetime.timedelta(days=1), 100, 1),
        DaySums(TODAY - datetime.timedelta(days=2), 0, 0),
        DaySums(TODAY - datetime.timedelta(days=5), 100, 100),
        DaySums(TODAY - datetime.timedelta(days=90), 100, 100),
    ]
    since = TODAY - datetime.timedelta(days=3)
    days = bars(sums, TODAY, DayRules(), since=since)
    assert len(days) == DAYS
    assert [(day.date, day.judged, day.bad, day.grade) for day in days if day.is_known] == [
        ("2026-11-27", 100, 1, Grade.MAJOR),
        ("2026-11-28", 100, 50, Grade.CRITICAL),
    ]
    early = bars(sums, TODAY, DayRules(), elapsed=0.01)
    assert (early[-1].bad, early[-1].grade) == (50, Grade.MINOR)  # 0.5 % of the whole day
    assert early[-2].grade is Grade.MAJOR
    held = bars(sums, TODAY, DayRules(), since=since, tells_today=False)
    assert held[-1] == ("2026-11-28", 0, 0, False, Grade.NONE)
    assert held[:-1] == days[:-1]
