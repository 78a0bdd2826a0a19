"""Blind: half of a service is unknown, so nothing can be said of it. Pure.

What silent agents would have reported is told as `agents_missing`, which says more, and is left out
here: blind is a service of which those who do report leave half unknown.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.judge.recent import count
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.explanation import Explanation, Statistic
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.findings import Finding

Mask = NDArray[np.bool_]

SHARE = 0.5
LASTS_S = 10
"""Slots in a row of which at least `SHARE` of what was expected is unknown."""

CLEAR_S = 5
"""Slots in a row that are not, after which it is over."""

GRACE_S = 60
"""Nothing is said in the aggregator's first slots."""


class _Run:
    """Slots in a row, and whether they are enough."""

    def __init__(self) -> None:
        self.open = False
        self.since = 0
        self.counts: deque[Counts] = deque(maxlen=LASTS_S)
        self._dark = 0
        self._clear = 0

    def pause(self) -> None:
        self._dark = 0

    def settle(self, slot: int, counts: Counts) -> None:
        if counts.expected and counts.fates[Fate.UNKNOWN] >= SHARE * counts.expected:
            if not self._dark:
                self.since = slot if not self.open else self.since
            self._dark, self._clear = self._dark + 1, 0
            self.counts.append(counts)
            self.open = self.open or self._dark >= LASTS_S
        else:
            self._dark, self._clear = 0, self._clear + 1
            if not self.open:
                self.counts.clear()
            elif self._clear >= CLEAR_S:
                self.open = False
                self.counts.clear()


class BlindWatch:
    """One service. `began` is the first slot of this run of the aggregator."""

    def __init__(self, service: str, began: int) -> None:
        self._service = service
        self._last = began - 1
        self._quiet_until = began + GRACE_S
        self._whole, self._beside = _Run(), _Run()

    @property
    def half(self) -> bool:
        """Whether half of the service is unknown, for whatever reason."""
        return self._whole.open

    def pause(self, slot: int) -> None:
        """Nothing is said for `GRACE_S` slots from here: time jumped, or nobody looked."""
        self._quiet_until = max(self._quiet_until, slot + GRACE_S)
        self._whole.pause()
        self._beside.pause()

    def settle(
        self, slot: int, fates: NDArray[np.uint8], received: int, silent: Mask | None = None
    ) -> None:
        """One slot; `fates` are those of the service's cells, `silent` the cells of agents that are
        known to be silent, None if there are none."""
        if slot <= self._last:  # time went back
            self._quiet_until = slot + GRACE_S
        self._last = slot
        if slot < self._quiet_until:
            return
        whole = count(fates, None, None)
        self._whole.settle(slot, whole._replace(received=received))
        self._beside.settle(slot, whole if silent is None else count(fates, None, ~silent))

    def findings(self) -> list[Finding]:
        """At most one."""
        run = self._beside
        if not run.open:
            return []
        counts = sum(run.counts, NOTHING)
        unknown = counts.fates[Fate.UNKNOWN]
        last = run.since + len(run.counts) - 1
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
                run.since,
                counts=counts,
                total=counts,
                window_s=len(run.counts),
                note=f"{unknown} of {counts.expected} datapoints unknown in {len(run.counts)} s",
                explanation=Explanation(run.since, last, (statistic,)),
            )
        ]
