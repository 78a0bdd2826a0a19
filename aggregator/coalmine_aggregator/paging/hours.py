"""Weekly hours in a time zone. Pure."""

from __future__ import annotations

import math
from datetime import date, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from coalmine_aggregator.paging.wall_time import instant, local


class Hours(NamedTuple):
    """Open from `opens` until before `closes` by the clocks of `zone`, on each of `days` (0 is Monday).

    Where `closes` is not after `opens`, it is that of the day after: such hours belong to the day on
    which they begin. Equal ones are a whole day.
    """

    days: tuple[int, ...]
    opens: time
    closes: time
    zone: ZoneInfo

    def open_at(self, t: float) -> bool:
        """Whether they are open at `t`, seconds since the epoch."""
        return any(first <= t < end for first, end in self._spans(t, 0))

    def next_change(self, t: float) -> float:
        """When they next close or open after `t`; inf for hours that are always or never open."""
        was_open = self.open_at(t)
        spans = self._spans(t, 8)
        bounds = sorted({bound for span in spans for bound in span if bound > t})
        for bound in bounds[:-1]:  # what follows the last one lies beyond these days
            if any(first <= bound < end for first, end in spans) != was_open:
                return bound
        return math.inf

    def check(self) -> None:
        """Raises ValueError that begins with the field which cannot be."""
        if not self.days or not set(self.days) <= set(range(7)):
            raise ValueError("days: must be some of monday to sunday")

    def _spans(self, t: float, days: int) -> list[tuple[float, float]]:
        """The spans that can be open from `t` until so many days later."""
        today = local(t, self.zone).date()
        around = (today + timedelta(days=day) for day in range(-2, days + 2))
        return [self._span(day) for day in around if day.weekday() in self.days]

    def _span(self, day: date) -> tuple[float, float]:
        until = day if self.opens < self.closes else day + timedelta(days=1)
        return instant(day, self.opens, self.zone), instant(until, self.closes, self.zone)
