"""When to try again. Pure."""

from __future__ import annotations

import datetime
import email.utils

FIRST_S = 1.0
LONGEST_S = 60.0

LONGEST_ASKED_S = 3600.0
"""A server may ask for more patience than `LONGEST_S`, but not for the whole night."""

GIVE_UP_S = 24 * 3600.0
"""What could not be delivered within a day of its making is given up; nobody waits for it any more."""


def delay_s(attempts: int, jitter: float, asked_s: float | None = None) -> float:
    """Seconds until the next try, after `attempts` (1 or more) failed ones.

    Doubles from `FIRST_S` to `LONGEST_S`; `jitter` in [0, 1) takes away up to half of it, so that
    receivers that failed together do not come back together. What the server asked for is a floor.
    """
    step = min(LONGEST_S, FIRST_S * 2.0 ** min(attempts - 1, 16))
    spread = step * (1.0 - jitter / 2)
    return spread if asked_s is None else max(spread, min(asked_s, LONGEST_ASKED_S))


def retry_after_s(header: str | None, now: float) -> float | None:
    """What a `Retry-After` header asks for, in seconds from `now`: a number or an HTTP date. None for
    anything else; it never raises."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_ASKED_S)
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for a year, or an offset, of too many digits
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, date.timestamp() - now)
