"""Numbers for the weekly review: how often people were called, how soon they came, what for. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import time, timedelta
from math import ceil
from statistics import median
from typing import NamedTuple
from zoneinfo import ZoneInfo

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.paging.wall_time import instant, local


class Spread(NamedTuple):
    """Of some durations in seconds; `p90_s` is one that was measured, below which nine in ten lie."""

    median_s: float
    p90_s: float


class Numbers(NamedTuple):
    """`pages` were told to somebody, `held` pages to nobody; the rest is of `pages` alone.

    `to_acknowledge` is from the first notice, `to_resolve` from the opening; None where none was
    acknowledged or closed. Of `answered` alerts people have said whether there was anything to do, and
    for `actionable` of these that there was.
    """

    pages: int
    held: int
    acknowledged: int
    to_acknowledge: Spread | None
    resolved: int
    to_resolve: Spread | None
    answered: int
    actionable: int

    @property
    def actionable_share(self) -> float | None:
        """In [0, 1], of those that were answered; None where nobody answered."""
        return self.actionable / self.answered if self.answered else None


class Rule(NamedTuple):
    """What is reviewed together."""

    service: str
    alert_class: AlertClass


class Review(NamedTuple):
    """Of all pages that opened in a span of time: together, and by rule, most pages first."""

    total: Numbers
    rules: tuple[tuple[Rule, Numbers], ...]


def week_of(t: float, zone: ZoneInfo) -> tuple[float, float]:
    """The week from Monday to Monday, at midnight by the clocks of `zone`, that `t` lies in."""
    today = local(t, zone).date()
    monday = today - timedelta(days=today.weekday())
    return instant(monday, time(), zone), instant(monday + timedelta(days=7), time(), zone)


def review(alerts: Iterable[Alert], told: Mapping[int, float], first: float, last: float) -> Review:
    """The numbers of the pages that opened from `first` until before `last`, seconds since the epoch.

    `told` has, by number, when the first notice of an alert was made. A ticket that became a page is a
    page. What is open still, or was not acknowledged, has no time to resolve or to acknowledge.
    """
    rules: defaultdict[Rule, list[Alert]] = defaultdict(list)
    for alert in alerts:
        if alert.severity is Severity.PAGE and first <= alert.opened_at < last:
            rules[Rule(alert.service, alert.alert_class)].append(alert)
    numbers = [(rule, _numbers(pages, told)) for rule, pages in rules.items()]
    numbers.sort(key=lambda each: (-each[1].pages, each[0]))
    every = [alert for pages in rules.values() for alert in pages]
    return Review(_numbers(every, told), tuple(numbers))


def _numbers(alerts: list[Alert], told: Mapping[int, float]) -> Numbers:
    pages = [alert for alert in alerts if alert.number in told]
    acknowledged = [
        max(0.0, alert.acknowledged_at - told[alert.number])
        for alert in pages
        if alert.acknowledged_at is not None
    ]
    resolved = [
        max(0.0, alert.closed_at - alert.opened_at) for alert in pages if alert.closed_at is not None
    ]
    answers = [alert.actionable for alert in pages if alert.actionable is not None]
    return Numbers(
        pages=len(pages),
        held=len(alerts) - len(pages),
        acknowledged=len(acknowledged),
        to_acknowledge=_spread(acknowledged),
        resolved=len(resolved),
        to_resolve=_spread(resolved),
        answered=len(answers),
        actionable=sum(answers),
    )


def _spread(durations_s: list[float]) -> Spread | None:
    if not durations_s:
        return None
    ranked = sorted(durations_s)
    return Spread(median(ranked), ranked[ceil(0.9 * len(ranked)) - 1])
