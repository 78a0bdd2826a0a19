"""Which incidents somebody asks for. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.incident import Incident, IncidentState


class IncidentsWanted(NamedTuple):
    """Incidents of a service (None: of any), in one of these states, that went on at some time from
    `first` to `last`, seconds since the epoch (None: without end). One that was resolved went on until
    then."""

    service: str | None = None
    states: frozenset[IncidentState] = frozenset(IncidentState)
    first: float | None = None
    last: float | None = None

    def takes(self, incident: Incident) -> bool:
        """Whether an incident is one of them, as it stands."""
        over_at = None if incident.state.is_open else incident.resolved_at
        return (
            self.service in (None, incident.service)
            and incident.state in self.states
            and (self.last is None or incident.opened_at <= self.last)
            and (self.first is None or over_at is None or over_at >= self.first)
        )
