"""The last 90 days of a component, from summed counts. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from coalmine_aggregator.status.site import Day, Grade

DAYS: Final = 90

_LEAST: Final = 1 / 86_400


class DayRules(NamedTuple):
    """From which share lost a day is of a grade."""

    minor: float = 0.001
    major: float = 0.01
    critical: float = 0.1

    def grade(self, judged: float, bad: int) -> Grade:
        """The grade of a day with such a loss."""
        if judged <= 0:
            return Grade.NONE
        reached = sum(bad / judged >= share for share in self)
        return tuple(Grade)[reached]


class DaySpan(NamedTuple):
    """A day of the page's time zone: the slots from `first` to `last`, both included. It has 23 or 25
    hours where the clocks change."""

    date: datetime.date
    first: int
    last: int


class DaySums(NamedTuple):
    """What a component lost on a day: `bad` of `judged` datapoints."""

    date: datetime.date
    judged: int
    bad: int


def spans(now: float, zone: ZoneInfo) -> tuple[DaySpan, ...]:
    """The last 90 days, the oldest first, today last, which ends at midnight."""
    today = datetime.datetime.fromtimestamp(now, zone).date()
    dates = [today - datetime.timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return tuple(
        DaySpan(date, midnight(date, zone), midnight(date + datetime.timedelta(days=1), zone) - 1)
        for date in dates
    )


def midnight(date: datetime.date, zone: ZoneInfo) -> int:
    """The slot in which a day begins."""
    return int(datetime.datetime.combine(date, datetime.time(), zone).timestamp())


def bars(
    sums: Iterable[DaySums],
    today: datetime.date,
    rules: DayRules,
    *,
    since: datetime.date | None = None,
    tells_today: bool = True,
    elapsed: float = 1.0,
) -> tuple[Day, ...]:
    """The 90 days until `today`; not known are those without a count, those before `since`, and today
    unless it may be told. `elapsed` is the share of today that is over: it is graded as if nothing more
    were lost in the rest, so that seconds of loss after midnight are no lost day."""
    by_date = {each.date: each for each in sums}
    days = []
    for back in range(DAYS - 1, -1, -1):
        date = today - datetime.timedelta(days=back)
        day = by_date.get(date)
        is_told = (back > 0 or tells_today) and (since is None or date >= since)
        if day is None or day.judged <= 0 or not is_told:
            days.append(Day(date.isoformat(), 0, 0, False))
        else:
            grade = rules.grade(day.judged if back else day.judged / max(elapsed, _LEAST), day.bad)
            days.append(Day(date.isoformat(), day.judged, day.bad, True, grade))
    return tuple(days)
