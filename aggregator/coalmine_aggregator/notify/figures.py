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


def length(seconds: int) -> str:
    """Whole seconds in the largest unit that divides them: `2 s`, `90 s`, `5 min`, `6 h`, `3 d`."""
    for unit_s, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit_s and seconds % unit_s == 0:
            return f"{seconds // unit_s} {unit}"
    return f"{seconds} s"
