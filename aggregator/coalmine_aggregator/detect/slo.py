"""The objective of a service: what it delivered by the minute, and what is left of its budget. Pure.

The budget is the fraction of datapoints that may go bad; over the window of the objective it allows
budget x judged of them. Everything is computed from integer sums by minute: a minute without data
counts nothing, what is unknown is not among the judged, and late evidence comes as signed differences
of its slot, so that every answer is that of the slots as they stand, in whatever order they came.

Windows end at a slot and are made of whole minutes: the minute of that slot as far as it is known, and
those before it that lie within the length entirely. A window of 5 minutes holds 241 to 300 slots.

**How fast a budget is spent.** Outside the scope and time of every loss alert,

    speed = outside_bad / (budget x judged x span / slots with data)

where span is the number of slots from the window's first minute to its end. So what is bad outside is
weighed against what the *whole* service would send over the *whole* window: time of which nothing is
known, be it before a fresh start or in a gap, is filled up with the volume of the rest and no loss.
Bad / judged alone would page for the first datapoint lost after a start, since ten seconds would pass
for an hour; and where most of a service is under a loss alert, the few that are not would pass for all
of it. A window that is full of data gives bad / judged, as everybody computes it. What a view shows as
its burn is of all loss, alerts included, and of what is known alone: it says how it has been, and wakes
nobody.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.slo_minutes import (
    MAX_WINDOW_S,
    MINUTE_COLUMNS,
    MINUTE_S,
    MinuteSums,
)

WINDOWS_S: Final = {
    "5m": 300,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "6h": 21_600,
    "1d": 86_400,
    "3d": 259_200,
}
"""The windows of burn rates, by name, in seconds."""

_LONGEST_S: Final = max(WINDOWS_S.values())

_BLOCKS: Final = 36
"""Into so many parts a window is cut to see noise that drifts."""

_LEAST_SHARE: Final = 1e-9
"""A share of bad datapoints below this counts as this: evidence against none at all stays finite."""

_OUTSIDE_JUDGED, _OUTSIDE_BAD, _SLOTS = 2, 3, 4  # columns, as `MinuteSums`


class Sums(NamedTuple):
    """Sums over a window. `slots` of its `span_s` slots have data.

    0 <= bad <= judged, and outside_bad <= outside_judged <= judged, whatever evidence was lost.
    """

    judged: int
    bad: int
    outside_judged: int
    outside_bad: int
    slots: int
    span_s: int

    def speed(self, budget: float) -> float | None:
        """How many times too fast a budget is spent outside loss alerts; None where nothing is known.

        A budget of nothing cannot be spent at any speed: None."""
        if not self.judged or not self.slots or not budget:
            return None
        return self.outside_bad / (budget * self.judged) * (self.slots / self.span_s)


class SloView(NamedTuple):
    """An objective over the window that ends now; see `model.views.SloView`.

    `burn` are bad / judged / budget of all loss, by name of `WINDOWS_S`; None where nothing was judged
    or where the budget is 0.
    """

    objective: float
    window_s: int
    judged: int
    bad: int
    allowed: float
    left: float
    burn: dict[str, float | None]


def left_of(budget: float, judged: int, bad: int) -> float:
    """The fraction of the budget that is left; negative if overspent, 1.0 without data.

    Where nothing may be lost, every lost datapoint overdraws a budget of one: -1.0, -2.0, ..."""
    if not bad:
        return 1.0
    allowed = budget * judged
    return 1.0 - bad / allowed if allowed > 0 else -float(bad)


def excess(judged: int, bad: int, share: float, dispersion: float = 1.0) -> float:
    """How surely more than `share` of the judged datapoints go bad, in standard deviations.

    The signed root of the binomial deviance, which keeps its meaning for the few bad datapoints of a
    small service, where a plain z does not: the chance of a value above z is at most exp(-z^2 / 2).
    `dispersion` is the variance in units of the binomial one, at least 1. 0.0 without data.
    """
    if not judged:
        return 0.0
    p = bad / judged
    q = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
    nats = p * math.log(p / q) if bad else 0.0
    if bad < judged:
        nats += (1 - p) * math.log((1 - p) / (1 - q))
    return math.copysign(math.sqrt(2 * judged * max(nats, 0.0) / max(dispersion, 1.0)), p - q)


class Slo:
    """One service. `ignored` counts what came for slots that are older than anything kept."""

    def __init__(self, budget: float, window_s: int) -> None:
        """`budget` is in [0, 1). Raises ValueError for a window that is not of whole minutes, or is
        longer than 90 days."""
        if not 0 <= budget < 1:
            raise ValueError(f"a budget of {budget} is no fraction below 1")
        if not MINUTE_S <= window_s <= MAX_WINDOW_S or window_s % MINUTE_S:
            raise ValueError(f"a window of {window_s} s is not of whole minutes up to 90 days")
        self.budget = budget
        self.window_s = window_s
        self.ignored = 0
        self._kept = max(window_s, _LONGEST_S) // MINUTE_S
        self._table: NDArray[np.int64] = np.zeros((len(MinuteSums._fields), self._kept), dtype=np.int64)
        self._newest: int | None = None  # minute
        self._last_slot = 0
        self._changed: set[int] = set()

    @property
    def last_slot(self) -> int | None:
        """The newest slot that was added; None before the first."""
        return None if self._newest is None else self._last_slot

    def add(
        self, slot: int, judged: int, bad: int, outside_judged: int = 0, outside_bad: int = 0
    ) -> bool:
        """Adds to a slot's sums: all of it when it is settled, signed differences when it is revised or
        when a loss alert takes it into its scope. False, and nothing, if the slot is too old."""
        minute, second = divmod(slot, MINUTE_S)
        if not self._reach(minute):
            self.ignored += 1
            return False
        self._last_slot = max(self._last_slot, slot)
        column = self._table[:, minute % self._kept]
        column[0] += judged
        column[1] += bad
        column[2] += outside_judged
        column[3] += outside_bad
        if judged > 0:
            column[_SLOTS] |= 1 << second
        self._changed.add(minute)
        return True

    def restore(self, minutes: NDArray[np.int64]) -> None:
        """Takes over what an earlier run left: int64[n, MINUTE_COLUMNS], ascending. Raises ValueError
        for another shape. Minutes that are not kept any more are left out. To be called first."""
        if minutes.ndim != 2 or minutes.shape[1] != MINUTE_COLUMNS:
            raise ValueError(f"minutes of shape {minutes.shape}, expected (n, {MINUTE_COLUMNS})")
        if not len(minutes):
            return
        newest = int(minutes[:, 0].max())
        self._reach(newest)
        assert self._newest is not None
        numbers = minutes[:, 0]
        kept = minutes[(numbers > self._newest - self._kept) & (numbers <= self._newest)]
        self._table[:, kept[:, 0] % self._kept] = kept[:, 1:].T
        bits = int(minutes[minutes[:, 0] == newest][-1, 1 + _SLOTS])
        last = newest * MINUTE_S + max(bits.bit_length() - 1, 0)
        self._last_slot = max(self._last_slot, last)

    def rewind(self, slot: int) -> None:
        """Time went back to this slot. What was added to later minutes is forgotten: they come again,
        and until then what is too old must not be told by them."""
        minute = slot // MINUTE_S
        if self._newest is None or minute >= self._newest:
            return
        later = min(self._newest - minute, self._kept)
        self._table[:, (np.arange(self._newest - later, self._newest) + 1) % self._kept] = 0
        self._newest, self._last_slot = minute, slot
        self._changed = {each for each in self._changed if each <= minute}

    def drain(self) -> list[tuple[int, MinuteSums]]:
        """The minutes that changed since the last call, each as it stands: what the store keeps."""
        if not self._changed or self._newest is None:
            return []
        oldest = self._newest - self._kept
        minutes = sorted(minute for minute in self._changed if minute > oldest)
        self._changed.clear()
        return [(each, MinuteSums(*self._table[:, each % self._kept].tolist())) for each in minutes]

    def sums(self, slot: int, length_s: int) -> Sums:
        """The sums of the window of `length_s` seconds (a minute at least) that ends at `slot`."""
        first, last = _minutes(slot, length_s)
        judged, bad, outside_judged, outside_bad, slots = 0, 0, 0, 0, 0
        for part in self._parts(first, last):
            total = part[:_SLOTS].sum(axis=1).tolist()
            judged, bad = judged + total[0], bad + total[1]
            outside_judged, outside_bad = outside_judged + total[2], outside_bad + total[3]
            slots += int(np.bitwise_count(part[_SLOTS]).sum())
        # A crash may have cost half a second of sums, whose revisions come all the same.
        judged = max(judged, 0)
        bad = min(max(bad, 0), judged)
        outside_judged = min(max(outside_judged, 0), judged)
        outside_bad = min(max(outside_bad, 0), outside_judged, bad)
        span_s = max(slot + 1 - first * MINUTE_S, slots)
        return Sums(judged, bad, outside_judged, outside_bad, slots, span_s)

    def dispersion(self, slot: int, length_s: int) -> float:
        """The variance of what goes bad outside loss alerts in units of the binomial one, at least 1.0.

        Pearson's chi squared by degree of freedom, of the window's minutes and of the 36 parts that it
        is cut into: the larger of both, so that bursts and a drift over hours count."""
        first, last = _minutes(slot, length_s)
        judged, bad = self._outside(first, last)
        size = len(judged) // _BLOCKS
        found = _pearson(judged, bad)
        if size > 1:
            cut = len(judged) % size
            judged = judged[cut:].reshape(-1, size).sum(axis=1)
            bad = bad[cut:].reshape(-1, size).sum(axis=1)
            found = max(found, _pearson(judged, bad))
        return max(1.0, found)

    def since(self, slot: int, length_s: int, share: float) -> int:
        """The slot at which what is bad outside loss alerts most likely rose above `share`, in the
        window of `length_s` that ends at `slot`: the beginning of a minute."""
        first, last = _minutes(slot, length_s)
        judged, bad = self._outside(first, last)
        if not judged.size:
            return slot
        # From each minute to the end, the newest first: of equal ones the newest is taken.
        evidence = np.cumsum((bad - share * judged)[::-1])
        assert self._newest is not None
        return (min(last, self._newest) - int(np.argmax(evidence))) * MINUTE_S

    def view(self, slot: int | None = None) -> SloView:
        """The objective over its window that ends at `slot`, the newest one if absent."""
        at = self._last_slot if slot is None else slot
        whole = self.sums(at, self.window_s)
        burn: dict[str, float | None] = {}
        for name, length_s in WINDOWS_S.items():
            sums = self.sums(at, length_s)
            spendable = self.budget * sums.judged
            burn[name] = sums.bad / spendable if spendable > 0 else None
        return SloView(
            objective=1.0 - self.budget,
            window_s=self.window_s,
            judged=whole.judged,
            bad=whole.bad,
            allowed=self.budget * whole.judged,
            left=left_of(self.budget, whole.judged, whole.bad),
            burn=burn,
        )

    def burn_down(self, points: int, slot: int | None = None) -> list[tuple[int, float]]:
        """How the budget of the window that ends at `slot` (the newest one if absent) was spent.

        Up to `points` pairs of a slot and the fraction that was left after it, of what the whole window
        allows, evenly spread and ascending, no two of one minute. The first is 1.0, before the window,
        or before the first minute in it of which anything is known; the last is what `view` says is
        left. A single point is the last. Raises ValueError for none."""
        if points < 1:
            raise ValueError("a series has one point at least")
        at = self._last_slot if slot is None else slot
        first, last = _minutes(at, self.window_s)
        minutes = last - first + 1
        by_minute = np.zeros((2, minutes), dtype=np.int64)
        begins = first if self._newest is None else max(first, self._newest - self._kept + 1)
        filled = 0
        for part in self._parts(first, last):
            start = begins - first + filled
            by_minute[:, start : start + part.shape[1]] = part[:2]
            filled += part.shape[1]
        known = np.flatnonzero(by_minute.any(axis=0))
        if len(known):
            first += int(known[0])
            minutes -= int(known[0])
            by_minute = by_minute[:, known[0] :]
        judged = max(int(by_minute[0].sum()), 0)
        spent = np.clip(np.concatenate([[0], np.cumsum(by_minute[1])]), 0, judged)
        wanted = min(points, minutes + 1)
        after = [minutes] if wanted == 1 else [minutes * i // (wanted - 1) for i in range(wanted)]
        return [
            (
                min((first + count) * MINUTE_S - 1, at),
                left_of(self.budget, judged, int(spent[count])),
            )
            for count in after
        ]

    def _reach(self, minute: int) -> bool:
        """Makes room for a minute; False if it is too old."""
        if self._newest is None:
            self._newest = minute
        elif minute > self._newest:
            fresh = min(minute - self._newest, self._kept)
            self._table[:, (np.arange(minute - fresh, minute) + 1) % self._kept] = 0
            self._newest = minute
        return minute > self._newest - self._kept

    def _parts(self, first: int, last: int) -> Iterator[NDArray[np.int64]]:
        """The columns kept of the minutes from `first` to `last`, ascending, in one part or two."""
        if self._newest is None:
            return
        first, last = max(first, self._newest - self._kept + 1), min(last, self._newest)
        if first > last:
            return
        start, stop = first % self._kept, last % self._kept + 1
        if start < stop:
            yield self._table[:, start:stop]
        else:
            yield self._table[:, start:]
            yield self._table[:, :stop]

    def _outside(self, first: int, last: int) -> NDArray[np.int64]:
        """int64[2, n]: judged and bad outside loss alerts, by minute, of those kept."""
        parts = [np.zeros((len(MinuteSums._fields), 0), dtype=np.int64), *self._parts(first, last)]
        return np.concatenate([part[_OUTSIDE_JUDGED : _OUTSIDE_BAD + 1] for part in parts], axis=1)


def _minutes(slot: int, length_s: int) -> tuple[int, int]:
    """The first and the last minute of a window."""
    last = slot // MINUTE_S
    return min((slot - length_s) // MINUTE_S + 1, last), last


def _pearson(judged: NDArray[np.int64], bad: NDArray[np.int64]) -> float:
    """Chi squared by degree of freedom, of parts with data against the share of them all."""
    with_data = judged > 0
    n = judged[with_data]
    k = np.clip(bad[with_data], 0, n)
    total, lost = int(n.sum()), int(k.sum())
    if len(n) < 2 or not 0 < lost < total:
        return 1.0
    share = lost / total
    return float(((k - share * n) ** 2 / n).sum()) / (share * (1 - share) * (len(n) - 1))
