"""Whether hours are open now, asked often. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.paging.hours import Hours


class Opening(NamedTuple):
    """Hours are open, or closed, from `since` until before `until`."""

    is_open: bool
    since: float
    until: float


class Openings:
    """Remembers of all hours when they next change."""

    def __init__(self) -> None:
        self._openings: dict[Hours, Opening] = {}

    def at(self, hours: Hours, now: float) -> Opening:
        """How some hours are at `now`."""
        opening = self._openings.get(hours)
        if opening is None or not opening.since <= now < opening.until:
            opening = Opening(hours.open_at(now), now, hours.next_change(now))
            self._openings[hours] = opening
        return opening
