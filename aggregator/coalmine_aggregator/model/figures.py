"""Shares, times and lengths of time as pages write them. Pure."""

from __future__ import annotations

import datetime
import math


def percent(share: float) -> str:
    """Two significant digits, never rounded up to 100% nor down to 0%: `100%`, `99.9%`, `0.12%`."""
    value = share * 100
    if value <= 0 or value >= 100:
        return "0%" if value <= 0 else "100%"
    if value >= 99:
        # 99.96 is not 100: cut, do not round.
        return f"{math.floor(value * 10 + 1e-9) / 10:g}%"
    digits = max(0, 1 - math.floor(math.log10(value)))
    rounded = round(value, digits)
    return f"{rounded:.{digits}f}".rstrip("0").rstrip(".") + "%" if digits else f"{rounded:.0f}%"


def utc(at: float) -> str:
    """Seconds since the epoch as `2026-11-20T03:12:00Z`, with milliseconds where there are any."""
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).replace(tzinfo=None)
    spec = "milliseconds" if moment.microsecond else "seconds"
    return f"{moment.isoformat(timespec=spec)}Z"


def clock_time(at: float, *, date: bool = False) -> str:
    """Seconds since the epoch as UTC's time of day, `03:12:00`, if asked for after the date."""
    moment = datetime.datetime.fromtimestamp(int(at), datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}" if date else f"{moment:%H:%M:%S}"


def span(seconds: float) -> str:
    """How long something took, to the second, in its two largest units: `8 min 5 s`, `2 d 3 h`."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, unit_s)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def length(seconds: int) -> str:
    """Whole seconds in the largest unit that divides them: `2 s`, `90 s`, `5 min`, `6 h`, `3 d`."""
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s and seconds % unit_s == 0:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"
