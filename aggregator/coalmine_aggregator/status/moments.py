"""Moments and days as customers read them: in the time zone of the page. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

_LATEST: Final = 253_402_000_000.0
"""A little before the year 10000: what lies beyond cannot be told."""


class Moments:
    """Tells times (seconds since the epoch) in a time zone of the IANA database; in UTC where that does
    not know the zone."""

    def __init__(self, time_zone: str) -> None:
        try:
            self._zone: tzinfo = ZoneInfo(time_zone)
        except (KeyError, OSError, ValueError):
            self._zone = UTC

    def day(self, at: float) -> date:
        """The day."""
        return self._local(at).date()

    def midnight(self, day: date) -> float:
        """When a day began."""
        return datetime.combine(day, time(), self._zone).timestamp()

    def clock(self, at: float) -> Markup:
        """`12:03:04 UTC`."""
        local = self._local(at)
        return _element(at, "clock", f"{local:%H:%M:%S} {_offset(local)}")

    def moment(self, at: float) -> Markup:
        """`8 October 2026, 12:03 UTC`."""
        local = self._local(at)
        return _element(at, "moment", f"{day_of(local.date())}, {local:%H:%M} {_offset(local)}")

    def second(self, at: float) -> Markup:
        """`8 October 2026, 12:03:04 UTC`."""
        local = self._local(at)
        return _element(at, "second", f"{day_of(local.date())}, {local:%H:%M:%S} {_offset(local)}")

    def _local(self, at: float) -> datetime:
        return utc(at).astimezone(self._zone)


def utc(at: float) -> datetime:
    """A moment in UTC, to the second; before the epoch is the epoch."""
    return datetime.fromtimestamp(int(min(max(at, 0.0), _LATEST)), UTC)


def iso(at: float) -> str:
    """`2026-10-08T12:03:04Z`."""
    return f"{utc(at):%Y-%m-%dT%H:%M:%SZ}"


def day_of(day: date) -> str:
    """`8 October 2026`."""
    return f"{day.day} {day:%B} {day.year}"


def short_day_of(day: date) -> str:
    """`Thu 8 Oct`."""
    return f"{day:%a} {day.day} {day:%b}"


def month_of(day: date) -> str:
    """`October 2026`."""
    return f"{day:%B} {day.year}"


def _offset(local: datetime) -> str:
    """The zone as its distance from UTC, which every reader knows; letters, such as IST, name many."""
    offset = local.utcoffset() or timedelta(0)
    minutes = round(offset.total_seconds() / 60)
    if minutes == 0:
        return "UTC"
    sign = "+" if minutes > 0 else "\N{MINUS SIGN}"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{sign}{hours}:{rest:02d}" if rest else f"UTC{sign}{hours}"


def _element(at: float, form: str, text: str) -> Markup:
    # The script tells it in the reader's own zone, in the same form.
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(iso(at), form, text)
