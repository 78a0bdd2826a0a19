"""The statistics of one service: a CUSUM for every pattern and every loss that is looked for. Pure.

    W = max(0, W + min(log likelihood ratio, cap))        once a slot, from 0

A slot in which nothing of a pattern is bad lowers its statistics by the same amount as the one before,
as long as as many datapoints are judged. So after any number of such slots, W is max(0, W - that many
times the amount), and nothing need be done for a pattern until something of it is bad: each pattern
keeps its statistics as they were when it was last touched, and the slot of that. The work of a slot is
that of the patterns touched in it, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.likelihood import Likelihood, cap
from coalmine_aggregator.detect.noise import Noise

Patterns = NDArray[np.int64]
Counts = NDArray[np.int32]
Statistics = NDArray[np.float64]

_CHUNK = 65_536
_FEW = 16  # datapoints of a pattern below which its step is looked up
_SORTED_BELOW = 16  # of so many patterns one at least is touched: then sorting costs more
_NONE: Patterns = np.zeros(0, dtype=np.int64)


class Look(NamedTuple):
    """The patterns touched in any of the slots looked at, ascending.

    `statistic` is the highest that their statistics were after any of those slots, float64[m];
    `alternative` the index into `P1S` of the one that was, int64[m].
    """

    patterns: Patterns
    statistic: Statistics
    alternative: NDArray[np.int64]


class Bank:
    """Statistics of P patterns x the A alternatives of the service, float32; 36 bytes a pattern.

    Pattern numbers are below P and unique in a call; counts are not negative, bad ones among the
    judged. Arrays given are never kept nor written to.
    """

    def __init__(self, p0: float, noise: Noise) -> None:
        """`p0` is the acceptable loss, in [0, 1), else ValueError. There are no patterns yet."""
        self._p0 = p0
        self._noise = noise
        self._ratios = Likelihood(p0, noise.rho)
        self._steps: Statistics | None = None  # of few datapoints, by judged * _FEW + bad
        self._slot = 0  # slots settled so far
        self.patterns = 0
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        # Rows by pattern: a pattern that is touched is one or two lines of the processor's cache.
        self._w = np.zeros((capacity, len(self._ratios.p1s)), dtype=np.float32)
        self._at = np.zeros(capacity, dtype=np.int64)  # slots settled when a row was written
        self._best = np.zeros(capacity, dtype=np.float32)  # the highest of a row when it was written
        self._judged = np.zeros(capacity, dtype=np.int32)

    def _move(self, old: Patterns, new: Patterns, capacity: int) -> None:
        w, at, best, judged = self._w, self._at, self._best, self._judged
        self._allocate(capacity)
        self._w[new], self._at[new] = w[old], at[old]
        self._best[new], self._judged[new] = best[old], judged[old]

    @property
    def noise(self) -> Noise:
        """What the statistics are judged by."""
        return self._noise

    @property
    def losses(self) -> tuple[float, ...]:
        """The losses that are looked for, ascending."""
        return tuple(float(p1) for p1 in self._ratios.p1s)

    def resize(self, patterns: int) -> None:
        """Appends patterns up to this many, which begin at 0, none judged; or drops the last ones."""
        if patterns > len(self._w):
            kept = np.arange(self.patterns)
            self._move(kept, kept, max(patterns, len(self._w) + len(self._w) // 4))
        elif patterns < self.patterns:
            self._w[patterns : self.patterns] = 0
            self._best[patterns : self.patterns] = 0
            self._judged[patterns : self.patterns] = 0
        self.patterns = patterns

    def rearrange(self, old_of_new: Patterns) -> None:
        """Numbers the patterns anew: `old_of_new[i]` is the number that i had, -1 for a new one.

        Raises IndexError for a number that there was not.
        """
        if len(old_of_new) and not -1 <= old_of_new.min() <= old_of_new.max() < self.patterns:
            raise IndexError(f"patterns are renumbered that are not among {self.patterns}")
        kept = np.flatnonzero(old_of_new >= 0)
        self._move(old_of_new[kept], kept, len(old_of_new))
        self.patterns = len(old_of_new)

    def expect(self, judged: Counts) -> None:
        """From the next slot on, so many datapoints are judged of each pattern if nothing is missing.

        int32[P]; raises ValueError for another length.
        """
        if len(judged) != self.patterns:
            raise ValueError(f"counts of {len(judged)} patterns, of {self.patterns}")
        changed = self._judged[: self.patterns] != judged
        self._bring_up(changed)
        self._judged[: self.patterns] = judged

    def set_noise(self, noise: Noise) -> None:
        """From the next slot on, this is the noise. Another rho is work for every raised pattern."""
        if noise.rho != self._noise.rho:
            self._bring_up(True)
            self._ratios = Likelihood(self._p0, noise.rho)
        self._noise, self._steps = noise, None

    def settle(self, touched: Patterns, judged: Counts, bad: Counts) -> None:
        """One slot.

        `touched` are the patterns of which other than the expected number was judged, or something was
        bad; `judged` and `bad` are theirs. Of all others, as expected was judged and nothing bad.
        """
        if len(touched):
            w = self._now(touched)
            w += self._step(judged, bad)
            np.maximum(w, 0.0, out=w)
            self._slot += 1
            self._write(touched, w)
        else:
            self._slot += 1

    def revise(self, touched: Patterns, judged_more: Counts, bad_more: Counts) -> None:
        """Evidence about older slots that came late: signed differences to what was settled.

        More bad ones act like one more slot, capped. Fewer take back what they had said, without a cap,
        down to 0. Good ones that become unknown raise nothing: as many are taken back as turned bad.
        """
        if not len(touched):
            return
        good_more = np.maximum(judged_more - bad_more, -np.maximum(bad_more, 0))
        step = self._ratios.of_good(np.abs(good_more)) * np.sign(good_more)[:, None]
        step += self._ratios.of_bad(np.abs(bad_more)) * np.sign(bad_more)[:, None]
        more = bad_more > 0
        limit = cap(np.maximum(judged_more, bad_more), bad_more, self._noise.q, self._noise.c)
        np.minimum(step, limit[:, None], out=step, where=more[:, None])
        w = self._now(touched)
        w += step
        self._write(touched, np.maximum(w, 0.0))

    def look(self, slots: Sequence[tuple[Patterns, Counts, Counts]]) -> Look:
        """What the open slots, oldest first, would make of the statistics; nothing is changed.

        Each is what `settle` takes, with what is pending counted as good: then a statistic is at most
        what it will be when those slots are settled.
        """
        touched = np.concatenate([each[0] for each in slots]) if slots else _NONE
        if not len(touched):
            return Look(_NONE, np.zeros(0), _NONE)
        union, rows = self._united(touched)
        steps = self._step(
            np.concatenate([each[1] for each in slots]), np.concatenate([each[2] for each in slots])
        )
        w = self._now(union)
        highest = np.zeros_like(w)
        first = 0
        for each, _, _ in slots:
            after = first + len(each)
            if np.array_equal(each, union):  # all of them, in their order
                w += steps[first:after]
            else:
                step = self._ratios.of_good(self._judged[union])
                step[rows[first:after]] = steps[first:after]
                w += step
            first = after
            np.maximum(w, 0.0, out=w)
            np.maximum(highest, w, out=highest)
        return Look(union, *self._best_of(highest))

    def _united(self, touched: Patterns) -> tuple[Patterns, NDArray[np.intp]]:
        """`np.unique` with the inverse: where many patterns are touched, without sorting them."""
        if len(touched) * _SORTED_BELOW < self.patterns:
            return np.unique(touched, return_inverse=True)
        place = np.zeros(self.patterns, dtype=np.intp)
        place[touched] = 1
        union = np.flatnonzero(place)
        place[union] = np.arange(len(union))
        return union, place[touched]

    def over(self, threshold: float) -> Patterns:
        """The patterns whose best statistic is at least `threshold` (above 0), ascending."""
        # A row's highest when it was written is the most that it can be now: it only fell since.
        possible = np.flatnonzero(self._best[: self.patterns] >= np.float32(threshold))
        if not len(possible):
            return possible
        now = _highest(self._now(possible)).astype(np.float32)
        return np.asarray(possible[now >= np.float32(threshold)], dtype=np.int64)

    def statistic(self, pattern: int) -> tuple[float, int]:
        """A pattern's best statistic, in nats, and the index into `P1S` of the loss it speaks for.

        Of equal ones, which the cap makes, the largest loss.
        """
        statistics, alternatives = self.best(np.array([pattern], dtype=np.int64))
        return float(statistics[0]), int(alternatives[0])

    def best(self, patterns: Patterns) -> tuple[Statistics, NDArray[np.int64]]:
        """`statistic` of many patterns: float64[m], int64[m]."""
        return self._best_of(self._now(patterns))

    def clear(self, patterns: Patterns | None = None) -> None:
        """Puts these patterns, or all, back to 0."""
        # Where the best is 0, all are; and few are not.
        at = slice(0, self.patterns) if patterns is None else patterns[self._best[patterns] > 0]
        self._w[at] = 0
        self._best[at] = 0

    def _best_of(self, w: Statistics) -> tuple[Statistics, NDArray[np.int64]]:
        best = w.shape[1] - 1 - w[:, ::-1].argmax(axis=1)
        return w[np.arange(len(w)), best], self._ratios.indices[best]

    def _step(self, judged: Counts, bad: Counts) -> Statistics:
        """What one slot's counts say, capped: float64[m, A]."""
        if self._steps is None:
            counts = np.arange(_FEW, dtype=np.int32)
            few, of_few = np.repeat(counts, _FEW), np.tile(counts, _FEW)
            self._steps = self._step_of(np.maximum(few, of_few), of_few)
        # Nearly all patterns are of one host, and of so few datapoints every case is known.
        step = self._steps.take(judged * np.int32(_FEW) + bad, axis=0, mode="clip")
        many = np.flatnonzero(judged >= _FEW)
        if len(many):
            step[many] = self._step_of(judged[many], bad[many])
        return step

    def _step_of(self, judged: Counts, bad: Counts) -> Statistics:
        step = self._ratios.of_good(judged - bad)
        step += self._ratios.of_bad(bad)
        limit = cap(judged, bad, self._noise.q, self._noise.c)
        np.minimum(step, limit[:, None], out=step)
        return step

    def _now(self, patterns: Patterns) -> Statistics:
        """Their statistics as they stand after the slots settled so far: float64[m, A], a copy."""
        quiet = self._ratios.of_good(self._judged[patterns])
        quiet *= (self._slot - self._at[patterns])[:, None]
        quiet += self._w[patterns]
        return np.maximum(quiet, 0.0, out=quiet)

    def _bring_up(self, which: NDArray[np.bool_] | bool) -> None:
        """Writes statistics as they stand now, before what lowers them changes. A zero stays one."""
        due = np.flatnonzero((self._best[: self.patterns] > 0) & which)
        for first in range(0, len(due), _CHUNK):
            part = due[first : first + _CHUNK]
            self._write(part, self._now(part))

    def _write(self, patterns: Patterns, statistics: Statistics) -> None:
        self._w[patterns] = statistics
        self._best[patterns] = _highest(statistics)
        self._at[patterns] = self._slot


def _highest(rows: Statistics) -> Statistics:
    """The highest of each row. Along short rows numpy's own takes ten times as long."""
    highest = rows[:, 0].copy()
    for column in range(1, rows.shape[1]):
        np.maximum(highest, rows[:, column], out=highest)
    return highest
