"""A day is read as long as anything can change it, whatever the clock did meanwhile."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.status.days import DaySpan, spans
from coalmine_aggregator.status_page.known_days import FINAL_S, OVER_S, TODAY_S, KnownDay, KnownDays

NOW = 1_795_835_520.0
"""2026-11-28 03:12:00 UTC."""

NOTHING = KnownDay({}, frozenset())


def look(days: KnownDays, now: float) -> tuple[DaySpan, ...]:
    """Reads what is due."""
    due = days.due(spans(now, ZoneInfo("UTC")), now)
    for span in due:
        days.put(span, NOTHING, now)
    return tuple(due)


def test_days_are_read_until_nothing_can_revise_them() -> None:
    days = KnownDays()
    *past, yesterday, today = spans(NOW, ZoneInfo("UTC"))
    assert look(days, NOW) == (*past, yesterday, today)
    assert look(days, NOW + TODAY_S - 1) == ()
    assert look(days, NOW + TODAY_S) == (today,)
    assert look(days, NOW + OVER_S) == (yesterday, today)
    final = yesterday.last + FINAL_S + 1
    assert look(days, final)[:2] == (yesterday, today)
    tomorrow = spans(final, ZoneInfo("UTC"))[-1]
    assert look(days, final + OVER_S) == (today, tomorrow)


@pytest.mark.parametrize("ahead_s", [30.0, 3_600.0, 40 * 86_400.0])
def test_a_clock_that_was_ahead_makes_no_day_final(ahead_s: float) -> None:
    days = KnownDays()
    *_, yesterday, today = spans(NOW, ZoneInfo("UTC"))
    look(days, NOW)
    look(days, NOW + ahead_s)
    assert {yesterday, today} <= {*look(days, NOW + 1), *look(days, NOW + 1 + OVER_S)}
    assert today in look(days, NOW + 1 + OVER_S + TODAY_S)
