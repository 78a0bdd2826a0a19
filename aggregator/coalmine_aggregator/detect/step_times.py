"""How long attempts take while all is well: the baseline that slowness is told by, for each leaf. Pure.

A leaf's total times lie in a histogram, see `model.step_bins`; each step's usual time is one number,
which follows the median. Both forget with a half-life of a day of learning: a fleet that is switched
off for a month has not forgotten.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.step_bins import BINS, MAX_US, bins_of, quantile_us

STEPS: Final = 5
"""Columns of step times: resolve, connect, tls, send, response."""

READY_ATTEMPTS: Final = 300
READY_S: Final = 300
"""A leaf has a baseline once it learned from so many attempts over so many seconds."""

HALF_LIFE_S: Final = 86_400

TIMES: Final = 2.0
MORE_US: Final = 5_000
"""A datapoint is slow from twice the 95th percentile on, and at least 5 ms above it.

Twice, since quantiles of quarter octaves and the drift of a day stay well below it. 5 ms, since below
it lies what an agent's own host does to its timing: a start beside 300 others, a core that is shared.
With a percentile of 60 us, twice of it would be slow, and nobody would have noticed.
"""

_MEDIAN_RATE: Final = 0.05  # of the logarithm of a step's usual time, per lesson and towards its median
_FOLLOWED: Final = 1_000  # attempts of a lesson whose steps are looked at
_FORGET_S: Final = 3_600
_LONG_AGO: Final = 0
_NEVER: Final = -1

MAX_KEPT: Final = 20_000
"""Leaves of earlier runs that were not seen again: so many are kept."""

Leaves = NDArray[np.int32]
Micros = NDArray[np.float32]


class StepTimes:
    """The baselines of leaves 0, 1, 2, ... in the order in which they were added."""

    def __init__(self) -> None:
        self._leaves: list[Leaf] = []
        self._hist = np.zeros((0, BINS), dtype=np.float32)
        self._usual = np.zeros((0, STEPS), dtype=np.float32)  # log of microseconds; 0: never taken
        self._first = np.zeros(0, dtype=np.int64)
        self._newest = 0
        self._kept: dict[str, Any] = {}
        self.ready = np.zeros(0, dtype=np.bool_)
        """bool[leaves]: which have a baseline, as of the last `refresh`."""
        self.slow_from_us: Micros = np.zeros(0, dtype=np.float32)
        """float32[leaves]: above it a datapoint is slow; infinite without a baseline."""

    def __len__(self) -> int:
        return len(self._leaves)

    def add(self, leaves: Sequence[Leaf]) -> None:
        """More leaves; what was kept of them from an earlier run is taken up."""
        start, more = len(self._leaves), len(leaves)
        self._leaves.extend(leaves)
        self._hist = _longer(self._hist, more)
        self._usual = _longer(self._usual, more)
        self._first = _longer(self._first, more)
        self._first[start:] = _NEVER
        self.ready = _longer(self.ready, more)
        self.slow_from_us = _longer(self.slow_from_us, more)
        self.slow_from_us[start:] = np.inf
        self._take_up(range(start, start + more))

    def learn(self, slot: int, leaf: Leaves, total_us: Micros, steps_us: NDArray[np.int32]) -> None:
        """Takes attempts that went well in slots up to `slot`: leaf[n], total_us[n], steps_us[n, 5]."""
        if not len(leaf):
            return
        if self._newest and slot // _FORGET_S > self._newest // _FORGET_S:
            self._hist *= 2.0 ** (-_FORGET_S / HALF_LIFE_S)
        self._newest = max(slot, self._newest)
        np.add.at(self._hist.reshape(-1), leaf * BINS + bins_of(total_us), np.float32(1))
        new = leaf[self._first[leaf] == _NEVER]
        if len(new):
            self._first[new] = slot
        stride = 1 + (len(leaf) - 1) // _FOLLOWED
        leaf, steps_us = leaf[slot % stride :: stride], steps_us[slot % stride :: stride]
        for step in range(STEPS):
            taken = np.flatnonzero(steps_us[:, step] > 0)
            if len(taken):
                self._follow(step, leaf[taken], np.log(np.minimum(steps_us[taken, step], MAX_US)))

    def refresh(self) -> None:
        """Works out which leaves have a baseline by now, and from where on they are slow."""
        old = (self._first == _LONG_AGO) | ((self._first > 0) & (self._newest - self._first >= READY_S))
        self.ready = old & (self._hist.sum(axis=1) >= READY_ATTEMPTS)
        self.slow_from_us = np.full(len(self._leaves), np.inf, dtype=np.float32)
        chosen = np.flatnonzero(self.ready)
        if len(chosen):
            p95 = quantile_us(self._hist[chosen], 0.95)
            self.slow_from_us[chosen] = np.maximum(TIMES * p95, p95 + MORE_US)

    def quantiles_us(self, leaves: NDArray[np.int64], *shares: float) -> tuple[float, ...]:
        """Quantiles of what these leaves learned together; 0 where they learned nothing."""
        together = self._hist[leaves].sum(axis=0, dtype=np.float64)[np.newaxis]
        if not together.any():
            return tuple(0.0 for _ in shares)
        return tuple(float(quantile_us(together, share)[0]) for share in shares)

    def usual_us(self, leaf: Leaves) -> Micros:
        """float32[n, 5]: each leaf's usual time of each step; 0 where it was never taken."""
        usual = self._usual[leaf]
        return np.where(usual > 0, np.exp(usual), np.float32(0))

    def _follow(self, step: int, leaf: Leaves, logs: NDArray[np.floating[Any]]) -> None:
        """Moves the usual time towards the median, by a step that does not grow with the distance."""
        usual = self._usual[:, step]
        fresh = usual[leaf] == 0
        if fresh.any():
            usual[leaf[fresh]] = np.maximum(logs[fresh], 0.01)
        signs = np.bincount(leaf, np.sign(logs - usual[leaf]), len(usual))
        counts = np.bincount(leaf, minlength=len(usual))
        usual += _MEDIAN_RATE * (signs / np.maximum(counts, 1)).astype(np.float32)
        np.maximum(usual, np.where(counts > 0, np.float32(0.01), usual), out=usual)

    # What outlives a restart.

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: of each leaf that has learned its histogram, rounded, and its usual step times."""
        kept = dict(self._kept)
        for number in np.flatnonzero(self._hist.sum(axis=1) >= 1).tolist():
            counts = np.rint(self._hist[number]).astype(np.int64)
            filled = np.flatnonzero(counts)
            if not len(filled):
                continue
            kept["/".join(self._leaves[number])] = {
                "from": int(filled[0]),
                "counts": counts[filled[0] : filled[-1] + 1].tolist(),
                "steps_us": [round(us) for us in self.usual_us(np.array([number]))[0].tolist()],
            }
        return kept

    def restore(self, kept: Mapping[str, Any]) -> None:
        """Takes up what `to_dict` gave, also for leaves yet to be added; unsound parts are dropped."""
        self._kept = dict(itertools.islice(kept.items(), MAX_KEPT))
        self._take_up(range(len(self._leaves)))

    def _take_up(self, numbers: range) -> None:
        if self._kept and sum(self._take_up_one(number) for number in numbers):
            self.refresh()

    def _take_up_one(self, number: int) -> bool:
        entry = self._kept.pop("/".join(self._leaves[number]), None)
        if entry is None:
            return False
        try:
            start = int(entry["from"])
            counts = np.array(entry["counts"], dtype=np.float64)
            steps = np.array(entry["steps_us"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError):
            return False
        fits = counts.ndim == 1 and steps.shape == (STEPS,) and 0 <= start <= BINS - len(counts)
        if not fits or not (np.isfinite(counts).all() and np.isfinite(steps).all()):
            return False
        self._hist[number, start : start + len(counts)] = np.clip(counts, 0, 2.0**24)
        self._usual[number] = np.where(steps > 0, np.log(np.clip(steps, 1.02, MAX_US)), 0)
        self._first[number] = _LONG_AGO
        return True


def _longer(column: NDArray[Any], more: int) -> NDArray[Any]:
    return np.concatenate((column, np.zeros((more, *column.shape[1:]), dtype=column.dtype)))
