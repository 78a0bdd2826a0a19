"""What a service's owners ask for: the acceptable loss and what a page about it must carry. Pure."""

from __future__ import annotations

from typing import NamedTuple

SLO_WINDOW_S = 30 * 86_400
"""Seconds over which an objective is held, unless a service says otherwise."""


class ServicePolicy(NamedTuple):
    """One service's rules.

    `acceptable_loss` is p0, a fraction in [0, 1): what the detectors take for granted. `objective` is
    the fraction of datapoints to be delivered over `slo_window_s`; one less the acceptable loss unless
    it is given. `owner` and `playbook` (a link) may be empty; they are carried to the page.
    """

    name: str
    acceptable_loss: float
    owner: str = ""
    playbook: str = ""
    objective: float | None = None
    slo_window_s: int = SLO_WINDOW_S

    @property
    def budget(self) -> float:
        """The fraction of datapoints that may go bad over the window of the objective."""
        return self.acceptable_loss if self.objective is None else 1.0 - self.objective


class DetectionPolicy(NamedTuple):
    """What holds for all services together.

    `false_pages_per_year` is how many pages of a healthy fleet are accepted in a year, over all
    services and patterns; every threshold follows from it. A certificate that ends within
    `certificate_days` is told.
    """

    false_pages_per_year: float = 1.0
    certificate_days: float = 14.0
