"""How high a statistic must rise before it is believed. Pure.

A CUSUM of log likelihood ratios that alarms at h alarms on noise at most once in e^h slots on average
(Lorden 1971), whatever it looks for. So with P patterns, each looked at with every alternative of the
bank, e^h = slots a year x P x bank / false pages a year keeps the budget, whatever the patterns have
in common.
"""

from __future__ import annotations

import math
from typing import Final

from coalmine_aggregator.detect.likelihood import P1S

SLOTS_PER_YEAR: Final = 31_557_600
"""Seconds of 365.25 days."""

LOWEST: Final = 5.0
"""No threshold is lower, however many false pages are accepted: below it single slots would decide."""


def threshold(
    patterns: int, false_pages_per_year: float, *, services: int = 1, bank: int = len(P1S)
) -> float:
    """h, in nats, for one service.

    `patterns` of the service are watched (0 counts as 1) with `bank` alternatives each;
    `false_pages_per_year` is the whole fleet's budget, of which each of `services` has an equal share.
    Raises ValueError unless the budget is above 0 and finite, and bank and services are 1 or more.
    """
    if not 0 < false_pages_per_year < math.inf:
        raise ValueError(f"false pages a year must be above 0, not {false_pages_per_year}")
    if bank < 1 or services < 1 or patterns < 0:
        raise ValueError(f"no threshold for {patterns} patterns, bank {bank}, {services} services")
    chances = SLOTS_PER_YEAR * max(1, patterns) * bank * services
    return max(LOWEST, math.log(chances) - math.log(false_pages_per_year))
