"""Wall times as instants, where clocks skip an hour or show one twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.paging.wall_time import instant, local

DUBLIN = ZoneInfo("Europe/Dublin")
NEW_YORK = ZoneInfo("America/New_York")


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_a_time_is_that_of_its_season() -> None:
    assert instant(date(2026, 1, 6), time(10), DUBLIN) == utc("2026-01-06 10:00")
    assert instant(date(2026, 7, 7), time(10), DUBLIN) == utc("2026-07-07 09:00")


def test_a_time_that_is_skipped_is_shown_an_hour_later() -> None:
    assert instant(date(2026, 3, 8), time(2, 30), NEW_YORK) == utc("2026-03-08 07:30")
    assert local(utc("2026-03-08 07:30"), NEW_YORK).time() == time(3, 30)


def test_a_time_that_is_shown_twice_is_the_first() -> None:
    assert instant(date(2026, 11, 1), time(1, 30), NEW_YORK) == utc("2026-11-01 05:30")


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.times(), st.sampled_from([DUBLIN, NEW_YORK]))
def test_local_undoes_instant_wherever_clocks_show_the_time(
    day: date, at: time, zone: ZoneInfo
) -> None:
    """A wall time leads to an instant at which it is shown, or, in a gap, to one right after it."""
    shown = local(instant(day, at, zone), zone).replace(tzinfo=None)
    later_s = (shown - datetime.combine(day, at)).total_seconds()
    assert abs(later_s) < 1e-3 or later_s == 3_600
