"""Incidents before a fleet that never was: the rules are those of the real desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.restored import Restored
from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.incident import (
    Entry,
    Incident,
    IncidentChanges,
    IncidentState,
    Postmortem,
    Publication,
)
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.status.site import PublicIncident
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.incident_desk import PostmortemChangedError, PublicStanding


@dataclass
class FakeIncidents:
    """An `IncidentDesk` in memory. `writes` says whether its store does. Where there is a status page
    (`has_page`), every incident touches one component, UDP ingestion, which is held. `put` is handed
    what changes, as a store is."""

    policy: IncidentPolicy = field(default_factory=IncidentPolicy)
    has_page: bool = False
    writes: bool = True
    put: Callable[[IncidentChanges], None] = lambda _: None
    every: dict[int, Incident] = field(default_factory=dict)
    timelines: dict[int, list[Entry]] = field(default_factory=dict)
    graphs: dict[tuple[int, SnapshotName], Snapshot] = field(default_factory=dict)
    records: dict[int, PublicIncident] = field(default_factory=dict)

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.policy, Restored())

    def changed(self, *transitions: Transition, now: float) -> None:
        """Alerts did this."""
        self._keep(self.desk.take(transitions, now))

    def passed(self, now: float) -> None:
        """Time did."""
        self._keep(self.desk.due(now))

    @property
    def remind_s(self) -> float:
        return self.policy.remind_s

    def of_alert(self, alert: int) -> int:
        return self.desk.of_alert(alert)

    def standing(self, incident: Incident) -> PublicStanding | None:
        if not self.has_page:
            return None
        parts = ("UDP ingestion",)
        published = incident.publication is Publication.PUBLISHED
        waits = incident.publication is Publication.BY_COMPONENT
        return PublicStanding(
            incident.public_title or "Trouble with UDP ingestion",
            parts if published else (),
            parts if waits else (),
        )

    async def page(self, wanted: IncidentsWanted, before: int | None, limit: int) -> Sequence[Incident]:
        found = [
            each
            for number, each in sorted(self.every.items(), reverse=True)
            if (before is None or number < before) and wanted.takes(each)
        ]
        return found[:limit]

    async def find(self, number: int) -> Incident:
        return self.every[number]

    async def entries(self, number: int, after: int, limit: int) -> Sequence[Entry]:
        return [each for each in self.timelines[number] if each.sequence > after][:limit]

    async def public_record(self, number: int) -> PublicIncident | None:
        return self.records.get(number)

    async def snapshots(self, number: int) -> Sequence[SnapshotName]:
        return [name for incident, name in self.graphs if incident == number]

    async def snapshot(self, number: int, name: SnapshotName) -> Snapshot | None:
        return self.graphs.get((number, name))

    async def open(self, opening: Opening, who: str, now: float) -> Incident:
        return self._done(self.desk.open_by_hand(opening, who, now))

    async def update(
        self,
        number: int,
        *,
        state: IncidentState | None,
        text: str,
        public: str,
        who: str,
        now: float,
    ) -> Incident:
        changes = self.desk.update(number, state=state, text=text, public=public, who=who, now=now)
        return self._done(changes, number)

    async def note(self, number: int, text: str, who: str, now: float) -> Incident:
        return self._done(self.desk.note(number, text, who, now), number)

    async def title(
        self, number: int, title: str | None, public_title: str | None, who: str, now: float
    ) -> Incident:
        return self._done(self.desk.title(number, title, public_title, who, now), number)

    async def publish(self, number: int, who: str, now: float) -> Incident:
        return self._done(self.desk.publish(number, who, now), number)

    async def withhold(self, number: int, who: str, now: float) -> Incident:
        return self._done(self.desk.withhold(number, who, now), number)

    async def write_up(
        self, number: int, postmortem: Postmortem, who: str, now: float, over: Postmortem | None = None
    ) -> Incident:
        if over is not None and (await self.find(number)).postmortem != over:
            raise PostmortemChangedError(number)
        return self._done(self.desk.write_up(number, postmortem, who, now), number)

    async def reopen(self, number: int, text: str, who: str, now: float) -> Incident:
        return self._done(self.desk.reopen(number, who, now, text), number)

    async def merge(self, number: int, into: int, who: str, now: float) -> Incident:
        return self._done(self.desk.merge(number, into, who, now), into)

    def _done(self, changes: IncidentChanges, number: int = 0) -> Incident:
        self._keep(changes)
        if not self.writes:
            raise NotKeptError
        return self.every[number or changes.incidents[0].number]

    def _keep(self, changes: IncidentChanges) -> None:
        self.put(changes)
        for incident in changes.incidents:
            self.every[incident.number] = incident
        for entry in changes.entries:
            self.timelines.setdefault(entry.incident, []).append(entry)
