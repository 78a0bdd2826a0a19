"""Counts, shares and lengths of time as customers read them. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from coalmine_aggregator.status.site import ComponentImpact

_LEAST_DECIMALS: Final = 2
_MOST_DECIMALS: Final = 10
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def share_delivered(bad: int, judged: int) -> str:
    """How much of `judged` (above 0) was delivered, `99.97 %`.

    It is rounded down, and has as many digits as show the loss by two of its own: one lost of ten
    million is 99.999990 %, and 100 % is said only where nothing was lost.
    """
    if bad <= 0:
        return "100 %"
    decimals = _LEAST_DECIMALS
    while decimals < _MOST_DECIMALS and bad * 10 ** (decimals + 1) < judged:
        decimals += 1
    scaled = (judged - bad) * 100 * 10**decimals // judged
    whole, rest = divmod(scaled, 10**decimals)
    return f"{whole}.{rest:0{decimals}d} %"


def lost(bad: int, judged: int, noun: str = "") -> str:
    """What was lost of what was sent, `12 of 86,400 lost`, `12 of 86,400 datapoints lost`."""
    of = f"{judged:,} {noun}" if noun else f"{judged:,}"
    return f"{bad:,} of {of} lost" if bad else f"none of {of} lost"


def lost_of(impact: ComponentImpact) -> str:
    """What a component lost in an incident, `12 of 86,400 datapoints lost`; where it was not counted as
    a whole, `12 of 9,600 datapoints of the affected part lost`."""
    noun = "datapoints" if impact.is_whole else "datapoints of the affected part"
    return lost(impact.bad, impact.judged, noun)


def lasted(seconds: float) -> str:
    """A length of time in its two largest units, `1 hour 20 minutes`."""
    whole = max(0, round(seconds))
    for (name, size), (smaller, its) in pairwise((*_UNITS, ("", 1))):
        number, rest = divmod(whole, size)
        if number:
            more = rest // its
            return (
                f"{counted(number, name)} {counted(more, smaller)}" if more else counted(number, name)
            )
    return "0 seconds"


def counted(number: int, noun: str) -> str:
    """`1 minute`, `4 minutes`."""
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"
