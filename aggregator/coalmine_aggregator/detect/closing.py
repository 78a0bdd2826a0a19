"""When a loss is over. Pure.

The mirror image of how it was found: a CUSUM of how much likelier the alert's counts are under the
acceptable loss p0 than under half of the loss that the alert itself has shown. Had the loss only fallen
to that half, the statistic would wrongly reach its height once in a million slots.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from coalmine_aggregator.detect.likelihood import floored, ratio_of

HEIGHT: Final = 13.8
"""Nats that close an alert: a million to one."""

LEAST_SLOTS: Final = 5
"""No alert closes on fewer good slots, however many datapoints they have: an outage that stutters is
one outage."""


class Closing(NamedTuple):
    """How far an alert is from being closed: `statistic` in nats, from 0 to `HEIGHT`."""

    statistic: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether the loss is over."""
        return self.statistic >= HEIGHT - 1e-9


def still(p0: float, loss: float) -> float:
    """The loss that would mean that it is not over yet, for an alert that has shown `loss`.

    Half of it. Where that is not well above p0, the geometric mean of the two, which is always between
    them; a loss that is not above p0 itself counts as one and a half times p0.
    """
    base = floored(p0)
    shown = min(max(loss, min(1.5 * base, (1.0 + base) / 2)), 1.0)
    return max(shown / 2, math.sqrt(shown * base))


def closing_step(
    state: Closing, judged: int, bad: int, p0: float, loss: float, rho: float = 0.0
) -> Closing:
    """The state after one more slot of the alert's scope.

    `loss` is what the alert has shown until now while it lasted, in [0, 1]; `rho` the dispersion of the
    service. Where nothing is judged, nothing changes. Raises ValueError for a p0 outside [0, 1).
    """
    if judged <= 0:
        return state
    said = -ratio_of(judged, min(bad, judged), floored(p0), still(p0, loss), rho)
    step = min(said, HEIGHT / LEAST_SLOTS)
    return Closing(min(max(0.0, state.statistic + step), HEIGHT))
