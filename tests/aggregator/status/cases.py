"""A page with three components, and incidents of its service."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.incident import (
    Affected,
    CellImpact,
    Entry,
    EntryKind,
    Impact,
    Incident,
    IncidentState,
    Publication,
)
from coalmine_aggregator.model.scopes import Scope, scope_of
from coalmine_aggregator.status.components import Cell, Component, Components, Publish
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.record import Recorded

NOW = 1_795_835_520.0
"""2026-11-28 03:12:00 UTC."""

UDP = Component("udp", "UDP ingestion", "ingest", protocols=("udp",))
HTTPS = Component("https", "HTTPS ingestion", "ingest", protocols=("https",))
HELD = Component("eu", "Europe", "ingest", regions=("eu-*",), publish=Publish.HELD)

CELLS = frozenset(
    Cell("ingest", protocol, region) for protocol in ("udp", "https") for region in ("eu-1", "us-1")
)


def plan(*components: Component) -> Plan:
    return Plan(
        "default", "status", "Example", Components(components or (UDP, HTTPS, HELD)), ZoneInfo("UTC")
    )


class Story:
    """An incident and its timeline, as the desk writes them."""

    def __init__(self, *scopes: Scope, by_hand: bool = False, number: int = 7) -> None:
        self.entries: list[Entry] = []
        self.scopes = {0 if by_hand else 100 + at: scope for at, scope in enumerate(scopes)}
        self.incident = Incident(
            number=number,
            fleet="default",
            service="ingest",
            severity=Severity.PAGE,
            title="internal title",
            state=IncidentState.INVESTIGATING,
            since=int(NOW),
            opened_at=NOW,
            opened_by="anna" if by_hand else "",
            updated_at=NOW,
            told_at=NOW,
            entries=0,
            affected=tuple(
                Affected(alert, scope, int(NOW), None, AlertClass.LOSS if alert else None)
                for alert, scope in self.scopes.items()
            ),
        )
        self.add(EntryKind.OPENED, 0)
        for alert, scope in self.scopes.items():
            if alert:
                self.add(EntryKind.ALERT_OPENED, 0, alert=alert, scope=scope)

    def add(
        self,
        kind: EntryKind,
        after: float,
        state: IncidentState | None = None,
        public: str = "",
        alert: int = 0,
        scope: Scope | None = None,
        who: str = "",
        rewrites_public: bool = False,
    ) -> Story:
        state = state or self.incident.state
        sequence = len(self.entries) + 1
        entry = Entry(
            self.incident.number,
            sequence,
            NOW + after,
            kind,
            who,
            "internal",
            state,
            public,
            alert,
            scope,
            rewrites_public,
        )
        self.entries.append(entry)
        self.incident = self.incident._replace(state=state, updated_at=NOW + after, entries=sequence)
        if state is IncidentState.RESOLVED:
            self.incident = self.incident._replace(resolved_at=NOW + after)
        return self

    def close(self, after: float) -> Story:
        """Its alerts close."""
        for alert in self.scopes:
            if alert:
                self.add(EntryKind.ALERT_CLOSED, after, alert=alert)
        self.add(EntryKind.STATE, after, IncidentState.MONITORING)
        ended = tuple(each._replace(last=int(NOW + after) - 1) for each in self.incident.affected)
        self.incident = self.incident._replace(affected=ended, ended_at=NOW + after)
        return self

    def publish(self, after: float) -> Story:
        self.incident = self.incident._replace(publication=Publication.PUBLISHED)
        return self.add(EntryKind.PUBLISHED, after, who="anna")

    def withhold(self, after: float) -> Story:
        self.incident = self.incident._replace(publication=Publication.WITHHELD)
        return self.add(EntryKind.WITHHELD, after, who="anna")

    def count(self, *cells: CellImpact, seconds: int = 1_680) -> Story:
        impact = Impact(int(NOW), int(NOW) + seconds - 1, cells, NOW + seconds)
        self.incident = self.incident._replace(impact=impact)
        return self

    def but(self, **fields: object) -> Story:
        self.incident = self.incident._replace(**fields)  # type: ignore[arg-type]
        return self

    @property
    def recorded(self) -> Recorded:
        return Recorded(self.incident, tuple(self.entries))


def scope(**labels: str) -> Scope:
    return scope_of(labels)
