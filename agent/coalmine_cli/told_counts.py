"""What the aggregator's API tells of counts, as far as commands show it. Pure.

Members that are not named here are passed over: an aggregator may be newer than the command.
"""

from __future__ import annotations

import msgspec

BAD = ("failed", "abandoned", "lost", "late")
"""The fates that are held against the service."""

NEITHER = ("not_attempted", "unknown")
"""Those that say nothing of it."""


class RateGroup(msgspec.Struct):
    """One group's counts by bucket of time; all lists are as long as `slots`."""

    labels: dict[str, str]
    slots: list[int]
    expected: list[int]
    received: list[int]
    fates: dict[str, list[int]]


class Rates(msgspec.Struct):
    """Buckets of `step` seconds; `seen` says how many seconds are known of each."""

    first: int
    last: int
    by: list[str]
    step: int
    seen: list[int]
    groups: list[RateGroup]
