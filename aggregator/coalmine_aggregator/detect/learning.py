"""Learning a service's noise from its healthy slots. Pure.

Of a slot in which k of n judged datapoints were bad, three things can be the reason, and the first two
are learned apart: dispersed noise, which is beta-binomial; a burst, which happens in one slot of
`BURSTS_EVERY` and may have any loss; and an outage, from which nothing is learned, because slots wait
`LAG` before they teach and are forgotten if an alert opens meanwhile.

For each rho of a grid, the learner sums the log likelihood of every slot under the mixture of noise and
bursts. That is robust (to a burst, every rho is as good as any other), needs no window, and knows how
little it knows: a score says how much likelier a rho is, and the prior is believed until another is
clearly better. Scores fade with a half-life of a day. A slot that the mixture takes for a burst is
counted as one.

Where noise is rare and scatters much, its worst slots look like bursts, and a mixture that always
reckons with bursts takes them from it: rho comes out a fifth too small. So the same is summed for a
service that has next to no bursts, and a rho is as likely as both together make it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.likelihood import floored
from coalmine_aggregator.detect.log_gamma import log_gamma
from coalmine_aggregator.detect.noise import PRIOR, PRIOR_RHO, Noise

LAG: Final = 120
"""Slots that a slot waits before it teaches."""

FIRST_LAG: Final = 30
"""The same for the very first ones: while nothing is known, dispersed noise pages the soonest."""

LEAST_RHO: Final = 0.0005
"""Less dispersion than this is not told from none: it costs no delay."""

BURSTS_EVERY: Final = 1200
"""About one slot in so many is a burst, of a service that has any."""

BURSTS_SELDOM: Final = 1_200_000
"""The same for one that has none: a freak slot is still not taken for dispersed noise."""

LEAST_BURST: Final = 0.05
"""Below this loss, a burst need not be reckoned with; and so with fewer than three bad datapoints, all
its slots together."""

_HALF_LIFE: Final = 86_400.0
_BURSTS_HALF_LIFE: Final = 14 * 86_400.0
_EVERY: Final = 32
_EVERY_AT_FIRST: Final = 8
_FIRST: Final = 256
_LEAST_BURSTS: Final = 2.5  # of a size or span before it counts: two are freaks
_LEAST_LOST: Final = 3
_TAIL: Final = 0.01

_RHOS: Final = LEAST_RHO * 2.0 ** (np.arange(19) / 2)
"""0.0005 to 0.256, half an octave each."""

_PRIOR: Final = int(np.argmin(np.abs(_RHOS - PRIOR_RHO)))
_RESERVE: Final = np.where(np.arange(len(_RHOS)) > _PRIOR, -3.0, -1.5)
_RESERVE[_PRIOR] = 0.0
"""By how many nats another rho than the prior must be better."""

_EVERIES: Final = np.array([[BURSTS_EVERY], [BURSTS_SELDOM]], dtype=np.float64)
_BURSTLESS: Final = np.array([[0.0], [-4.0]])
"""By how many nats no bursts must be better than some; a few of a few datapoints look like noise."""

_BELOW_P0: Final = 0.15
_MOST_BELOW: Final = 0.5
"""Octaves by which rho is taken for more, for each octave of loss below p0, and at most."""

_SIZES: Final = 20
_SPANS: Final = 12
_STEPS: Final = 6.0
_CACHE: Final = 512


class Learned(NamedTuple):
    """What is known of a service, kept over restarts.

    `scores` are the log likelihoods of the grid's rhos beside bursts, `burstless` those without, the
    best one of both 0; `judged` and `bad` what was counted outside bursts, fading; `slots` how many
    taught; `sizes` and `spans` how many bursts had a loss of up to 5, 10, ... 100 %, and lasted 1, 2,
    ... 12 slots or more.
    """

    scores: tuple[float, ...] = (0.0,) * len(_RHOS)
    burstless: tuple[float, ...] = (0.0,) * len(_RHOS)
    judged: float = 0.0
    bad: float = 0.0
    slots: int = 0
    sizes: tuple[float, ...] = (0.0,) * _SIZES
    spans: tuple[float, ...] = (0.0,) * _SPANS

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in self._asdict().items()}

    @classmethod
    def from_dict(cls, body: object) -> Learned:
        """What `to_dict` gave; anything else, of whatever kind, is nothing learned."""
        if not isinstance(body, Mapping):
            return cls()
        try:
            found = cls(
                scores=_numbers(body["scores"], len(_RHOS), most=0.0),
                burstless=_numbers(body["burstless"], len(_RHOS), most=0.0),
                judged=_number(body["judged"], least=0.0),
                bad=_number(body["bad"], least=0.0),
                slots=int(_number(body["slots"], least=0.0)),
                sizes=_numbers(body["sizes"], _SIZES, least=0.0),
                spans=_numbers(body["spans"], _SPANS, least=0.0),
            )
        except (KeyError, TypeError, ValueError):
            return cls()
        return found if found.bad <= found.judged else cls()


class Learner:
    """One service's noise as it becomes known. A slot takes microseconds; the memory is a few KiB."""

    def __init__(self, p0: float, learned: Learned | None = None) -> None:
        """`p0` is the acceptable loss; `learned` what an earlier run knew."""
        known = learned or Learned()
        self._p0 = floored(p0)
        self._scores = np.array([known.scores, known.burstless])
        self._judged, self._bad, self._slots = known.judged, known.bad, known.slots
        self._sizes, self._spans = np.array(known.sizes), np.array(known.spans)
        self._waiting: deque[tuple[int, int, int]] = deque()
        self._last = 0  # the newest slot that taught
        self._run = self._lost = 0  # the burst that is under way: its slots, their bad datapoints
        self._size = 0.0  # and its highest loss
        self._known: dict[tuple[int, int], NDArray[np.float64]] = {}
        self._loss = 0.0  # that slots are weighed with
        self._noise = PRIOR
        self._think()

    @property
    def noise(self) -> Noise:
        """What is known now. Its numbers are rounded so that it changes seldom."""
        return self._noise._replace(slots=self._slots)

    @property
    def learned(self) -> Learned:
        """What is known now, to be kept. Slots that still wait are not in it."""
        scores, burstless = (self._scores - self._scores.max()).tolist()
        return Learned(
            tuple(scores),
            tuple(burstless),
            self._judged,
            self._bad,
            self._slots,
            tuple(self._sizes.tolist()),
            tuple(self._spans.tolist()),
        )

    def learn(self, slot: int, judged: int, bad: int) -> None:
        """A slot in which the service looked healthy.

        It teaches `LAG` slots later, and at first after `FIRST_LAG`. Slots come in order, each once;
        those left out were not healthy. Nothing is learned of a slot in which nothing was judged.
        """
        self._waiting.append((slot, judged, bad))
        lag = min(LAG, FIRST_LAG + self._slots // 4)
        while self._waiting and (len(self._waiting) > lag or self._waiting[0][0] <= slot - lag):
            self._teach(*self._waiting.popleft())

    def forget(self, since: int | None = None) -> None:
        """Takes back the slots from `since` on, or all, that still wait: an alert has opened."""
        if since is None:
            self._waiting.clear()
        while self._waiting and since is not None and self._waiting[-1][0] >= since:
            self._waiting.pop()

    def _teach(self, slot: int, judged: int, bad: int) -> None:
        if judged <= 0:
            return
        scores = self._known.get((judged, bad))
        if scores is None:
            scores = self._weigh(judged, bad)
        self._scores += scores
        odd = math.exp(-self._every - math.log(judged + 1.0) - float(scores[self._at]))
        self._judged += judged * (1.0 - odd)
        self._bad += bad * (1.0 - odd)
        loss = bad / judged
        burst = odd > 0.5 and bad > 1 and loss >= LEAST_BURST
        if self._run and (not burst or slot != self._last + 1):
            if self._lost >= _LEAST_LOST:
                self._sizes[min(math.ceil(self._size * _SIZES), _SIZES) - 1] += 1
                self._spans[min(self._run, _SPANS) - 1] += 1
            self._run, self._lost, self._size = 0, 0, 0.0
        if burst:
            self._run += 1
            self._lost += bad
            self._size = max(self._size, loss)
        self._last = slot
        self._slots += 1
        if self._slots % _EVERY == 0:
            self._fade()
            self._think()
        elif self._slots < _FIRST and self._slots % _EVERY_AT_FIRST == 0:
            self._think()

    def _fade(self) -> None:
        """Forgets a little of everything, which bounds all sums."""
        fade = 0.5 ** (_EVERY / _HALF_LIFE)
        self._scores *= fade
        self._scores -= self._scores.max()
        self._judged *= fade
        self._bad *= fade
        fade = 0.5 ** (_EVERY / _BURSTS_HALF_LIFE)
        self._sizes *= fade
        self._spans *= fade

    def _weigh(self, judged: int, bad: int) -> NDArray[np.float64]:
        """The log likelihood of every rho, beside bursts and without, float64[2, rhos]."""
        loss = self._loss
        whole = (1.0 - _RHOS) / _RHOS
        a, b = loss * whole, (1.0 - loss) * whole
        ascending = log_gamma(np.stack([a + bad, b + (judged - bad), a + b]))
        start = log_gamma(np.stack([a, b, a + b + judged]))
        ways = log_gamma(np.array([judged + 1.0, bad + 1.0, judged - bad + 1.0]))
        logs = (ascending - start).sum(axis=0) + ways[0] - ways[1] - ways[2]
        burst = -np.log(_EVERIES) - math.log(judged + 1.0)
        scores: NDArray[np.float64] = np.logaddexp(logs + np.log1p(-1.0 / _EVERIES), burst)
        if len(self._known) < _CACHE:
            self._known[judged, bad] = scores
        return scores

    def _think(self) -> None:
        """Draws the conclusions of the last slots."""
        # Until something is known, half the acceptable loss, with the weight of half a bad datapoint.
        loss = min((self._bad + 0.5) / (self._judged + 1.0 / self._p0), 0.5)
        if abs(loss - self._loss) > 0.03 * self._loss:
            self._loss = loss
            self._known.clear()
        below = max(0.0, _BELOW_P0 * math.log2(self._p0 / loss))
        scores = self._scores + _BURSTLESS
        rho, best = _believed(np.logaddexp(*scores), min(below, _MOST_BELOW))
        row = int(scores[:, best].argmax())
        self._at = row, best  # what slots are told from bursts by
        self._every = math.log(_EVERIES[row, 0])
        self._noise = Noise(
            rho=rho,
            loss=self._bad / self._judged if self._judged else 0.0,
            burst_loss=_high(self._sizes) / _SIZES,
            burst_span=max(1, _high(self._spans)),
        )


def _believed(scores: NDArray[np.float64], margin: float) -> tuple[float, int]:
    """The rho to judge by, in sixths of an octave, and the best one of the grid.

    The top of the parabola through the best score and its neighbours, half a standard deviation more,
    and so many octaves. Too small a rho pages falsely for single slots; too large a one is late, and
    pages falsely for the small losses, which come oftener than it says. Between the two is little room
    where the loss is p0, and much where it is far below.
    """
    best = int((scores + _RESERVE).argmax())
    if best in (0, _PRIOR, len(scores) - 1):
        return float(_RHOS[best]), best
    left, top, right = scores[best - 1 : best + 2]
    bend = max(2.0 * top - left - right, 0.05)
    octaves = (best + (right - left) / (2.0 * bend) + 0.5 * min(1.0 / math.sqrt(bend), 2.0)) / 2.0
    octaves = round((octaves + margin) * _STEPS) / _STEPS
    return float(np.clip(LEAST_RHO * 2.0**octaves, LEAST_RHO, _RHOS[-1])), best


def _high(counts: NDArray[np.float64]) -> int:
    """The last place, from 1, from which on are a hundredth of the counts, and three; 0 if none is."""
    above = np.cumsum(counts[::-1])[::-1]
    return int(np.count_nonzero(above > max(_LEAST_BURSTS, _TAIL * float(above[0]))))


def _number(value: object, least: float = -math.inf, most: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    if not math.isfinite(value) or not least <= value <= most:
        raise ValueError("out of range")
    return float(value)


def _numbers(
    values: object, length: int, least: float = -math.inf, most: float = math.inf
) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or len(values) != length:
        raise TypeError("not a list of so many numbers")
    return tuple(_number(value, least, most) for value in values)
