"""What a healthy service's loss is like, which sets how far a single slot is trusted. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

PRIOR_RHO: Final = 0.001
"""The dispersion taken for granted before anything is known. It costs next to no delay."""

PRIOR_Q: Final = 0.3
"""The loss that a healthy burst may reach before any was seen, and at least."""

BURST_STEP: Final = 6.0
"""Nats by which a burst may raise a statistic, all its slots together."""


class Noise(NamedTuple):
    """The noise of one service.

    `rho` is the dispersion: the correlation of any two datapoints of a slot. `loss` is the healthy
    loss rate, told but never judged by. `burst_loss` is the 99th percentile of the loss of measured
    bursts (0 while there were too few), `burst_span` how many slots a burst lasts. `slots` were
    learned from.
    """

    rho: float = PRIOR_RHO
    loss: float = 0.0
    burst_loss: float = 0.0
    burst_span: int = 1
    slots: int = 0

    @property
    def q(self) -> float:
        """Up to which loss a slot may be a healthy burst."""
        return min(max(PRIOR_Q, self.burst_loss), 0.999)

    @property
    def c(self) -> float:
        """By how many nats a slot that may be one raises a statistic at most."""
        return BURST_STEP / max(1, self.burst_span)


PRIOR: Final = Noise()
"""What holds from the first slot."""
