"""How long it takes to detect, to acknowledge and to recover, over many incidents. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean, median
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
    """The numbers of these incidents. One that was merged counts as part of the other only. Where
    somebody opened one and did not say since when, nothing is known of how long it took to detect."""
    services: defaultdict[str, list[Incident]] = defaultdict(list)
    for incident in incidents:
        if not incident.merged_into:
            services[incident.service].append(incident)
    every = [incident for each in services.values() for incident in each]
    return Summary(_numbers(every), {name: _numbers(services[name]) for name in sorted(services)})


def _numbers(incidents: list[Incident]) -> Numbers:
    return Numbers(
        len(incidents),
        _spread(each.detected_in_s if _says_since(each) else None for each in incidents),
        _spread(each.acknowledged_in_s for each in incidents),
        _spread(each.recovered_in_s for each in incidents),
    )


def _says_since(incident: Incident) -> bool:
    return not incident.opened_by or incident.since < math.floor(incident.opened_at)


def _spread(times_s: Iterable[float | None]) -> Spread:
    known = [max(0.0, each) for each in times_s if each is not None]
    return Spread(len(known), fmean(known), median(known)) if known else Spread()
