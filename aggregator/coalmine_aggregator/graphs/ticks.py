"""Where the lines of an axis go, and what they are called. Pure."""

from __future__ import annotations

import datetime
import math
from typing import Final, NamedTuple

MIN_S, HOUR_S, DAY_S = 60, 3_600, 86_400

_STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(MIN_S * each for each in (1, 2, 5, 10, 15, 30)),
    *(HOUR_S * each for each in (1, 2, 3, 6, 12)),
    *(DAY_S * each for each in (1, 2, 7, 14, 28, 91, 182, 364)),
)


class Tick(NamedTuple):
    """A line at a value of the axis, with its label."""

    at: float
    label: str


def time_ticks(first: int, last: int, most: int) -> list[Tick]:
    """Times of day in UTC from `first` to `last` (seconds since the epoch), about `most` at most; the
    first one and each that begins a day say which day."""
    length = max(1, last - first)
    step_s = next((step for step in _STEPS_S if length / step <= most), _STEPS_S[-1])
    ticks: list[Tick] = []
    for at in range(-(-first // step_s) * step_s, last + 1, step_s):
        moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
        clock = f"{moment:%H:%M:%S}" if step_s % MIN_S else f"{moment:%H:%M}"
        new_day = not ticks or at // DAY_S != int(ticks[-1].at) // DAY_S
        if step_s % DAY_S == 0:
            clock = f"{moment:%Y-%m-%d}"
        elif new_day:
            clock = f"{moment:%Y-%m-%d} {clock}"
        ticks.append(Tick(at, clock))
    return ticks


def value_ticks(largest: float, most: int = 5) -> list[Tick]:
    """From nothing to at least `largest`, in steps of 1, 2 or 5 times a power of ten."""
    largest = largest if math.isfinite(largest) and largest > 0 else 1.0
    power = 10.0 ** math.floor(math.log10(largest / most))
    step = next(each * power for each in (1, 2, 5, 10) if each * power * most >= largest * (1 - 1e-9))
    count = min(most, math.ceil(largest / step * (1 - 1e-9)))  # rounding never makes a step more
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [Tick(step * place, f"{step * place:,.{digits}f}") for place in range(count + 1)]
