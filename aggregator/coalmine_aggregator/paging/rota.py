"""A weekly rota: who is on call. Pure."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from coalmine_aggregator.paging.wall_time import instant, local

TUESDAY: Final = 1
"""The day of handover, unless told otherwise: whoever takes over has had a working day before, and has
others around."""

TEN: Final = time(10)

MAX_OVERRIDES: Final = 1_000


class Override(NamedTuple):
    """`person` is on call instead from `starts` until before `ends`, wall times in the rota's zone,
    which they do not name. Of those that overlap the one that is listed last counts."""

    person: str
    starts: datetime
    ends: datetime


class Rota(NamedTuple):
    """`people` take turns of a week, handed over on `weekday` (0 is Monday) when the clocks of `zone`
    show `at`. The first of them has the week in which the day `starts` lies, or which begins on it."""

    people: tuple[str, ...]
    zone: ZoneInfo
    starts: date
    weekday: int = TUESDAY
    at: time = TEN
    overrides: tuple[Override, ...] = ()

    @property
    def members(self) -> frozenset[str]:
        """Everybody who may be on call."""
        return frozenset(self.people) | {override.person for override in self.overrides}

    def on_call(self, t: float) -> str:
        """Who is on call at `t`, seconds since the epoch. Before its beginning the rota goes on in the
        same order, so there is always somebody."""
        for override in reversed(self.overrides):
            if self._instant(override.starts) <= t < self._instant(override.ends):
                return override.person
        week = (self._handover(t) - _weekday_before(self.starts, self.weekday)).days // 7
        return self.people[week % len(self.people)]

    def next_change(self, t: float) -> float:
        """When next somebody may take over after `t`: at a handover, at either end of an override."""
        handover = instant(self._handover(t) + timedelta(days=7), self.at, self.zone)
        bounds = [self._instant(at) for override in self.overrides for at in override[1:]]
        return min(bound for bound in [*bounds, handover] if bound > t)

    def check(self) -> None:
        """Raises ValueError that begins with the field which cannot be."""
        if not self.people:
            raise ValueError("people: is empty")
        if not 0 <= self.weekday <= 6:
            raise ValueError("day: must be monday to sunday")
        if len(self.overrides) > MAX_OVERRIDES:
            raise ValueError(f"overrides: more than {MAX_OVERRIDES}")
        for place, override in enumerate(self.overrides):
            if override.starts.tzinfo is not None or override.ends.tzinfo is not None:
                raise ValueError(f"overrides[{place}]: times are in the rota's zone and have none")
            if self._instant(override.ends) <= self._instant(override.starts):
                raise ValueError(f"overrides[{place}].until: is not after from")

    def _handover(self, t: float) -> date:
        """The day of the last handover at or before `t`."""
        day = _weekday_before(local(t, self.zone).date(), self.weekday)
        # Clocks that were set back over midnight show the day before that of the handover once more.
        following = day + timedelta(days=7)
        if instant(following, self.at, self.zone) <= t:
            return following
        return day if instant(day, self.at, self.zone) <= t else day - timedelta(days=7)

    def _instant(self, wall: datetime) -> float:
        return instant(wall.date(), wall.time(), self.zone)


def _weekday_before(day: date, weekday: int) -> date:
    """The day itself, or the last one before it, that is such a day of the week."""
    return day - timedelta(days=(day.weekday() - weekday) % 7)
