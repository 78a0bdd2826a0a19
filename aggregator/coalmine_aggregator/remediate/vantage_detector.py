"""What each vantage holds of its node: how sure it is that the node is bad, or good again. Pure.

Two statistics rise with bad datapoints, as CUSUMs of the log-likelihood ratio against the acceptable
loss p0: one for each series, against a loss of `TOTAL`; one for all series of a vantage together,
against `PART`. A vantage is bad when either reaches `HEIGHT`. A single slot raises neither by more than
a third of that, so that no burst of one or two seconds is enough; where p0 is 0.5 % or less, the third
bad slot of a series is. More than half of `HEIGHT` is doubt: two bad slots close together, which one
lost datapoint cannot do.

A bad vantage is good again when a third CUSUM, the mirror image, has reached `HEIGHT`: of p0 against
half of the loss that it has shown, over the series that it holds to be bad alone (over all, where it
was not sure which). Five slots at least; more where one series has to prove it by itself. Nothing but
good evidence does it, so what stutters stays bad. The loss that was shown is counted up to where that
statistic was last 0, and from there on the vantage has seen nothing bad.

Evidence counts when it comes. What says nothing for `stale_s` is forgotten, series by series: what a
vantage held of them rests on the others then, and without any it holds nothing.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.closing import HEIGHT, LEAST_SLOTS
from coalmine_aggregator.detect.likelihood import floored
from coalmine_aggregator.model.node_view import Opinion
from coalmine_aggregator.remediate.vantages import Ints, Mask, Vantages, where_were

TOTAL: Final = 0.5
"""The loss of a series that is looked for."""

PART: Final = 0.1
"""The loss of a vantage that is looked for."""

SMALL: Final = 0.005
"""A loss that is no reason to take a node out, whatever its service accepts: `PART` is looked for
against this or against p0, whichever is more. Else a service that loses ten times what it accepts,
everywhere, would look like many bad nodes."""

LEAST_BAD_SLOTS: Final = 3
"""No vantage is bad on fewer bad slots."""

OPINIONS: Final = (Opinion.NONE, Opinion.GOOD, Opinion.DOUBTFUL, Opinion.BAD)
"""By the numbers that arrays carry."""

NONE, GOOD, DOUBTFUL, BAD = range(4)

NEVER: Final = -(2**40)
"""The slot of what has not happened."""

_MOST: Final = HEIGHT / LEAST_BAD_SLOTS
_REACHED: Final = HEIGHT - 1e-9

Floats = NDArray[np.float64]
Opinions = NDArray[np.int8]


class _Ratios(NamedTuple):
    """Nats that a bad and a good datapoint say of a loss against the acceptable one."""

    bad: float
    good: float

    @classmethod
    def of(cls, p0: float, p1: float) -> _Ratios:
        # A service that accepts nearly as much as is looked for is looked at for more.
        p1 = max(p1, math.sqrt(p0))
        return cls(math.log(p1 / p0), math.log1p(-p1) - math.log1p(-p0))


class LeastBad(NamedTuple):
    """On fewer bad datapoints than `of_series` of one series, and than `of_vantage` of them all, no
    vantage is bad."""

    of_series: int
    of_vantage: int


def least_bad(acceptable_loss: float) -> LeastBad:
    """Of a service that accepts this loss. Raises ValueError for one outside [0, 1)."""
    one, every = _ratios(floored(acceptable_loss))
    needed = (math.ceil(_REACHED / min(each.bad, _MOST)) for each in (one, every))
    return LeastBad(*needed)


def _ratios(p0: float) -> tuple[_Ratios, _Ratios]:
    """Of one series, and of all series of a vantage."""
    return _Ratios.of(p0, TOTAL), _Ratios.of(max(p0, SMALL), PART)


class VantageDetector:
    """All vantages of one service. V and S as in `Vantages`."""

    def __init__(self, vantages: Vantages, acceptable_loss: float, stale_s: float) -> None:
        """Nobody has said anything yet. Raises ValueError for an acceptable loss outside [0, 1)."""
        self._acceptable_loss, self._stale_s = acceptable_loss, stale_s
        self._p0 = floored(acceptable_loss)
        self._one, self._all = _ratios(self._p0)
        self._vantages = vantages
        series, count = len(vantages.ids), len(vantages.keys)
        self._rise: Floats = np.zeros(series)
        self._failing: Mask = np.zeros(series, dtype=np.bool_)
        self._heard: Ints = np.full(series, NEVER)
        self._went_bad: Ints = np.full(series, NEVER)
        self._dark_since: Ints = np.full(series, NEVER)  # nothing good came since, but something bad
        self._rise_of_all: Floats = np.zeros(count)
        self._bad: Mask = np.zeros(count, dtype=np.bool_)
        self._closing: Floats = np.zeros(count)
        self._shown: Floats = np.zeros((2, count))  # judged, bad: what a bad vantage has lost
        self._since: Floats = np.zeros((2, count))  # and since its closing left 0
        self._clean: Ints = np.full(count, NEVER)
        self._newest = NEVER
        self._calm = True  # nothing has risen, nobody is bad

    def moved(self, vantages: Vantages) -> VantageDetector:
        """The same over another set of series: what is in both goes on, the rest is forgotten."""
        new = VantageDetector(vantages, self._acceptable_loss, self._stale_s)
        series = where_were(self._vantages.ids, vantages.ids)
        kept, came = np.flatnonzero(series >= 0), series[series >= 0]
        for mine, others in (
            (self._rise, new._rise),
            (self._failing, new._failing),
            (self._heard, new._heard),
            (self._went_bad, new._went_bad),
            (self._dark_since, new._dark_since),
        ):
            others[kept] = mine[came]
        places = where_were(self._vantages.keys, vantages.keys)
        kept, came = np.flatnonzero(places >= 0), places[places >= 0]
        for mine, others in (
            (self._rise_of_all, new._rise_of_all),
            (self._bad, new._bad),
            (self._closing, new._closing),
            (self._shown, new._shown),
            (self._since, new._since),
            (self._clean, new._clean),
        ):
            others[..., kept] = mine[..., came]
        new._calm, new._newest = self._calm, self._newest
        return new

    # What was seen.

    def step(self, slot: int, judged: Mask, bad: Mask) -> tuple[Ints, Ints]:
        """Evidence of one slot, which may be older than what is known: masks over the series, of what
        says anything and of what was bad. Returns the counts of both by vantage."""
        v = self._vantages
        self._newest = max(self._newest, slot)
        self._forget(self._newest)
        of_judged = np.add.reduceat(judged, v.first_series, dtype=np.int64)
        of_bad = np.add.reduceat(bad, v.first_series, dtype=np.int64)
        unheard = self.heard() == NEVER
        if unheard.any():
            self._clean[unheard & (of_judged > 0)] = slot
        np.maximum(self._heard, slot, out=self._heard, where=judged)
        if of_bad.any():
            np.maximum(self._went_bad, slot, out=self._went_bad, where=bad)
            self._dark_since[bad & (self._dark_since == NEVER)] = slot
            self._calm = False
        if not self._calm:
            self._dark_since[judged & ~bad] = NEVER
            self._rise_and_close(judged, bad, of_judged, of_bad)
        return of_judged, of_bad

    def _forget(self, slot: int) -> None:
        """What has said nothing for `stale_s`."""
        stale = (self._heard < slot - self._stale_s) & (self._heard != NEVER)
        if not stale.any():
            return
        self._heard[stale], self._rise[stale], self._failing[stale] = NEVER, 0.0, False
        self._dark_since[stale] = NEVER
        silent = self.heard() == NEVER
        self._rise_of_all[silent], self._bad[silent], self._clean[silent] = 0.0, False, NEVER

    def _rise_and_close(self, judged: Mask, bad: Mask, of_judged: Ints, of_bad: Ints) -> None:
        v = self._vantages
        one = np.where(bad, min(self._one.bad, _MOST), self._one.good)
        self._rise = np.clip(self._rise + one * judged, 0.0, HEIGHT)
        every = of_bad * self._all.bad + (of_judged - of_bad) * self._all.good
        self._rise_of_all = np.clip(self._rise_of_all + np.minimum(every, _MOST), 0.0, HEIGHT)
        over = (self._rise >= _REACHED) & ~self._failing
        opens = (self._rise_of_all >= _REACHED) & ~self._bad
        if over.any():
            self._failing |= over
            opens[v.vantage_of[over]] = True
        if opens.any() or self._bad.any():
            self._close(judged, bad, opens)
        self._clean[self._doubted() & ~self._bad & (of_judged > 0)] = self._newest + 1
        self._calm = not (self._bad.any() or self._rise_of_all.any() or self._rise.any())

    def _close(self, judged: Mask, bad: Mask, opens: Mask) -> None:
        v = self._vantages
        some = np.logical_or.reduceat(self._failing, v.first_series)
        meant = self._failing | ~some[v.vantage_of]
        counts = np.stack(
            [np.add.reduceat(each & meant, v.first_series, dtype=np.int64) for each in (judged, bad)]
        )
        self._bad |= opens
        for sums in (self._shown, self._since):
            sums[:, opens] = 0.0
        self._closing[opens] = 0.0
        self._since += counts
        shown = np.where(self._shown[0] > 0, self._shown[1] / np.maximum(self._shown[0], 1.0), 1.0)
        said = -_ratio(counts[0], counts[1], self._p0, self._still(shown))
        step = np.where(opens, 0.0, np.minimum(said, HEIGHT / LEAST_SLOTS))
        self._closing = np.where(self._bad, np.clip(self._closing + step, 0.0, HEIGHT), 0.0)
        back = self._bad & (self._closing <= 0.0)
        self._shown[:, back] += self._since[:, back]
        self._since[:, back] = 0.0
        self._clean[back & (counts[0] > 0)] = self._newest + 1
        over = self._bad & (self._closing >= _REACHED)
        if over.any():
            self._bad[over], self._closing[over], self._rise_of_all[over] = False, 0.0, 0.0
            again = over[v.vantage_of]
            self._failing[again], self._rise[again] = False, 0.0

    def _still(self, shown: Floats) -> Floats:
        """The loss that would mean that it is not over: half of what was shown, and at least half of
        what is looked for. Where p0 is near that, the geometric mean, which is above p0."""
        loss = np.maximum(shown, max(PART, self._p0 * 1.5))
        still: Floats = np.maximum(loss / 2, np.sqrt(loss * self._p0))
        return np.minimum(still, (1.0 + self._p0) / 2)

    # What is held.

    def heard(self) -> Ints:
        """int64[V]: the newest slot with evidence; `NEVER` where what there was is stale."""
        newest: Ints = np.maximum.reduceat(self._heard, self._vantages.first_series)
        return newest

    def dark_since(self) -> Ints:
        """int64[V]: the slot from which on a vantage saw nothing of an endpoint but what is bad, for
        three slots or more; of several endpoints the latest. `NEVER` where there is none."""
        if self._calm:
            return np.full(len(self._bad), NEVER)
        lasts = self._heard - self._dark_since >= LEAST_BAD_SLOTS - 1
        since: Ints = np.maximum.reduceat(
            np.where(lasts, self._dark_since, NEVER), self._vantages.first_series
        )
        return since

    def opinions(self, slot: int) -> Opinions:
        """int8[V], numbers into `OPINIONS`, as they are in a slot."""
        self._forget(slot)
        held = np.full(len(self._bad), GOOD, dtype=np.int8)
        if not self._calm:
            held[self._doubted()] = DOUBTFUL
            held[self._bad] = BAD
        held[self.heard() == NEVER] = NONE
        return held

    def _doubted(self) -> Mask:
        highest = np.maximum.reduceat(self._rise, self._vantages.first_series)
        doubted: Mask = np.maximum(highest, self._rise_of_all) > HEIGHT / 2
        return doubted

    @property
    def clean(self) -> Ints:
        """int64[V]: the slot from which on a vantage saw nothing bad; of those that are good."""
        return self._clean

    def failing(self, slot: int, window_s: int) -> Mask:
        """bool[S]: the series that bad vantages hold to be bad. Where it is a matter of all series
        together, those that went bad in the last `window_s` slots."""
        v = self._vantages
        if not self._bad.any():
            return np.zeros(len(v.ids), dtype=np.bool_)
        lately = self._went_bad > slot - window_s
        some = np.logical_or.reduceat(self._failing & lately, v.first_series)
        sure = self._failing & (lately | ~some[v.vantage_of])  # what has recovered is not named beside
        known = np.logical_or.reduceat(self._failing, v.first_series)
        unsure = (self._bad & ~known)[v.vantage_of] & lately
        failing: Mask = sure | unsure
        return failing


def _ratio(judged: Ints, bad: Ints, p0: float, p1: Floats) -> Floats:
    """ln P(bad of judged | p1) / P(bad of judged | p0), element by element."""
    lost = bad * np.log(p1 / p0)
    kept = (judged - bad) * (np.log1p(-p1) - math.log1p(-p0))
    ratio: Floats = lost + kept
    return ratio
