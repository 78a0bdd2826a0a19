"""Blind: half of a service is unknown, so nothing can be said of it. Pure.

The silence of agents is told as `agents_missing` first, which says more; only what lasts is blind.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.explanation import Explanation, Statistic
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.slot_cells import ABSENT

SHARE = 0.5
LASTS_S = 10
"""Slots in a row of which at least `SHARE` of what was expected is unknown."""

CLEAR_S = 5
"""Slots in a row that are not, after which it is over."""

GRACE_S = 60
"""Nothing is said in the aggregator's first slots."""


class BlindWatch:
    """One service. `began` is the first slot of this run of the aggregator."""

    def __init__(self, service: str, began: int) -> None:
        self._service = service
        self._quiet_until = began + GRACE_S
        self._since = 0
        self._dark = 0
        self._clear = 0
        self._open = False
        self._counts: deque[Counts] = deque(maxlen=LASTS_S)

    def pause(self, slot: int) -> None:
        """Nothing is said for `GRACE_S` slots from here: time jumped, or nobody looked."""
        self._quiet_until = max(self._quiet_until, slot + GRACE_S)
        self._dark = 0

    def settle(self, slot: int, fates: NDArray[np.uint8], received: int) -> None:
        """One slot; `fates` are those of the service's cells."""
        by_fate = np.bincount(fates, minlength=ABSENT + 1)[:FATES]
        counts = Counts(received, tuple(by_fate.tolist()))
        if slot < self._quiet_until:
            return
        if counts.expected and counts.fates[Fate.UNKNOWN] >= SHARE * counts.expected:
            if not self._dark:
                self._since = slot if not self._open else self._since
            self._dark, self._clear = self._dark + 1, 0
            self._counts.append(counts)
            self._open = self._open or self._dark >= LASTS_S
        else:
            self._dark, self._clear = 0, self._clear + 1
            if not self._open:
                self._counts.clear()
            elif self._clear >= CLEAR_S:
                self._open = False
                self._counts.clear()

    def findings(self) -> list[Finding]:
        """At most one."""
        if not self._open:
            return []
        counts = sum(self._counts, Counts(0, (0,) * FATES))
        unknown = counts.fates[Fate.UNKNOWN]
        last = self._since + len(self._counts) - 1
        statistic = Statistic(
            "unknown share",
            (),
            unknown / max(counts.expected, 1),
            SHARE,
            None,
            counts.expected,
            unknown,
        )
        return [
            Finding(
                AlertClass.BLIND,
                self._service,
                "blind",
                Severity.PAGE,
                (),
                self._since,
                counts=counts,
                total=counts,
                window_s=len(self._counts),
                note=f"{unknown} of {counts.expected} datapoints unknown in {len(self._counts)} s",
                explanation=Explanation(self._since, last, (statistic,)),
            )
        ]
