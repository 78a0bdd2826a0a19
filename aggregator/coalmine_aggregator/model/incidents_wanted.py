"""Which incidents somebody asks for. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.incident import IncidentState


class IncidentsWanted(NamedTuple):
    """Incidents of a service (None: of any), in one of these states, that went on at some time from
    `first` to `last`, seconds since the epoch (None: without end). One that was resolved went on until
    then."""

    service: str | None = None
    states: frozenset[IncidentState] = frozenset(IncidentState)
    first: float | None = None
    last: float | None = None
