"""How long it takes to detect, to acknowledge and to recover, over many incidents. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coalmine_aggregator.model.incident import Incident


class Spread(NamedTuple):
    """Of `times` times, in seconds; None where there are none."""

    times: int = 0
    mean_s: float | None = None
    median_s: float | None = None


class Numbers(NamedTuple):
    """Of `incidents` incidents: MTTD, MTTA and MTTR. What did not happen yet counts in none of them."""

    incidents: int = 0
    detect: Spread = Spread()
    acknowledge: Spread = Spread()
    recover: Spread = Spread()


class Summary(NamedTuple):
    """All together, and by service, sorted by name."""

    all: Numbers
    services: dict[str, Numbers]


def numbers(incidents: Iterable[Incident]) -> Summary:
    """The numbers of these incidents. One that was merged counts as part of the other only."""
    raise NotImplementedError
