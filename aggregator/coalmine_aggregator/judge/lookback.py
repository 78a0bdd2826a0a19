"""Looking back: since when some cells lose, and what they lost since then. Pure.

What a cause that is over has lost counts no more: neither sums nor change points reach back over it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.likelihood import floored, log_likelihood_ratio
from coalmine_aggregator.judge.cells import ServiceCells
from coalmine_aggregator.judge.history import KEPT, History, Sums
from coalmine_aggregator.judge.service_slots import Now
from coalmine_aggregator.model.scopes import Scope

Mask = NDArray[np.bool_]

STRONG = 0.2
SHORT_S = 16
"""The change point of a loss from `STRONG` on is looked for in so many slots first."""

MOST_LOSS = 0.99

MOST_OVER = 64
"""Scopes that are over of which is remembered until when they lasted, the newest."""


class Lookback:
    """Over one service's cells; `history` holds the slots."""

    def __init__(self, cells: ServiceCells, p0: float) -> None:
        self.history = History()
        self._cells = cells
        self._p0 = p0
        self._ended: deque[tuple[Scope, int]] = deque(maxlen=MOST_OVER)

    def clear(self) -> None:
        """Forgets everything."""
        self.history.clear()
        self._ended.clear()

    def end(self, scope: Scope) -> None:
        """A cause is over as of the newest slot."""
        self._ended.append((scope, self.history.last))

    def sums(self, first: int, slots: Sequence[Now] = ()) -> Sums:
        """Counts by cell from a slot on, less what causes that are over have lost, with what is certain
        by now of the open slots on top."""
        sums = self.history.sums(first, len(self._cells))
        for scope, until in self._ended:
            if until < sums.first:
                continue
            members = self._cells.lattice.members(scope)
            later = self.history.sums(until + 1, len(self._cells))
            sums.judged[members] = later.judged[members]
            sums.bad[members] = later.bad[members]
        return _with_open(sums, slots)

    def since_began(self, members: Mask, loss: float, slots: Sequence[Now]) -> Sums:
        """The sums from the change point of the loss that there is. The bank's alternatives are coarse,
        and where the cap holds them all alike, the smallest would reach back to the last stray loss."""
        while True:
            began = self._change_point(members, loss, slots)
            sums = self.sums(began, slots)
            shown = int(sums.bad[members].sum()) / max(int(sums.judged[members].sum()), 1)
            if shown < 1.5 * loss or loss >= MOST_LOSS:
                return sums
            loss = min(shown, MOST_LOSS)

    def _change_point(self, members: Mask, loss: float, slots: Sequence[Now]) -> int:
        """The slot in which some cells' `loss` most likely began: from where to now its log likelihood
        ratio is largest, which is since when its CUSUM was last at 0."""
        p0, floor = floored(self._p0), self._floor(members)
        level = float(log_likelihood_ratio(1, 0, p0, loss))
        level = -level / (float(log_likelihood_ratio(1, 1, p0, loss)) - level)
        reach = KEPT if loss < STRONG else SHORT_S
        while True:
            numbers, judged, bad = self.history.of(members, reach)
            later = numbers >= floor
            numbers, judged, bad = numbers[later], judged[later], bad[later]
            for each in slots:
                numbers = np.append(numbers, each.slot)
                inside = members[: len(each.bad)]
                # Of an open slot what is pending says nothing yet.
                bad = np.append(bad, np.count_nonzero(each.bad & inside))
                judged = np.append(judged, bad[-1] + np.count_nonzero(each.arrived & inside))
            if not bad.any():
                return int(numbers[-1]) if numbers.size else self.history.last
            evidence = np.cumsum((bad - level * judged)[::-1])[::-1]
            best = int(np.argmax(np.where(bad > 0, evidence, -np.inf)))
            if best > 0 or reach >= KEPT or not later.all():
                return int(numbers[best])
            reach = KEPT

    def _floor(self, members: Mask) -> int:
        """The first slot after all causes that are over and had to do with some cells: since then the
        bank has watched these."""
        return max(
            (
                until + 1
                for scope, until in self._ended
                if (self._cells.lattice.members(scope) & members).any()
            ),
            default=0,
        )


def _with_open(sums: Sums, slots: Sequence[Now]) -> Sums:
    """Adds what is certain by now of the open slots: what went bad, and what arrived."""
    last = sums.last
    judged, bad = sums.judged, sums.bad
    for each in slots:
        if each.slot < sums.first:
            continue
        width = len(each.bad)
        counted = (each.bad | (each.arrived & ~each.neither)) & each.expected
        judged[:width] += counted
        bad[:width] += each.bad
        last = max(last, each.slot)
    return Sums(sums.first, last, judged, bad)
