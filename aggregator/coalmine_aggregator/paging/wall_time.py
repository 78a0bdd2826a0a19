"""Local wall time as instants, over changes to and from summer time. Pure."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo


def instant(day: date, at: time, zone: ZoneInfo) -> float:
    """When clocks in `zone` show `at` on `day`, seconds since the epoch.

    As in RFC 5545, 3.3.5: a time that is shown twice is its first one; one that is skipped is counted
    with the offset from before the gap, so that 02:30 in a gap from 02:00 to 03:00 is shown as 03:30.
    """
    return datetime.combine(day, at, zone).timestamp()


def local(t: float, zone: ZoneInfo) -> datetime:
    """The wall time in `zone` at `t`."""
    return datetime.fromtimestamp(t, zone)
