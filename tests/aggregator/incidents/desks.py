"""A desk and what a store would keep of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.restored import KEEP_S, Restored
from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.incident import Entry, EntryKind, Incident, IncidentChanges
from tests.aggregator.paging.alerts import NOW, closed


class Kept:
    """Incidents as they stand and timelines that only grow."""

    def __init__(self) -> None:
        self.incidents: dict[int, Incident] = {}
        self.entries: dict[int, list[Entry]] = {}

    def put(self, changes: IncidentChanges) -> IncidentChanges:
        for entry in changes.entries:
            timeline = self.entries.setdefault(entry.incident, [])
            assert entry.sequence == len(timeline) + 1
            timeline.append(entry)
        for incident in changes.incidents:
            self.incidents[incident.number] = incident
            assert incident.entries == len(self.entries[incident.number])
        told = {entry.incident for entry in changes.entries}
        assert told <= {incident.number for incident in changes.incidents}
        return changes

    def copy(self) -> Kept:
        other = Kept()
        other.incidents = dict(self.incidents)
        other.entries = {number: list(entries) for number, entries in self.entries.items()}
        return other

    def restored(self, open_alerts: Sequence[Alert], now: float) -> Restored:
        """As a start finds it."""
        standing = tuple(
            each
            for each in self.incidents.values()
            if each.resolved_at is None
            or each.resolved_at > now - KEEP_S
            or any(affected.alert and affected.last is None for affected in each.affected)
        )
        return Restored(standing, tuple(open_alerts), max(self.incidents, default=0) + 1)


class Office:
    """A desk whose changes are kept."""

    def __init__(self, policy: IncidentPolicy | None = None) -> None:
        self.policy = policy or IncidentPolicy()
        self.kept = Kept()
        self.desk = Desk(self.policy, Restored())

    def take(self, *transitions: Transition, at: float = NOW) -> IncidentChanges:
        return self.kept.put(self.desk.take(transitions, at))

    def due(self, at: float) -> IncidentChanges:
        return self.kept.put(self.desk.due(at))

    def act(self, act: Callable[[Desk], IncidentChanges]) -> IncidentChanges:
        return self.kept.put(act(self.desk))

    def restart(self, open_alerts: Sequence[Alert], at: float) -> IncidentChanges:
        self.desk = Desk(self.policy, self.kept.restored(open_alerts, at))
        return self.kept.put(self.desk.adopt(open_alerts, at))

    def kinds(self, number: int) -> list[EntryKind]:
        return kinds(self.kept.entries[number])

    def __getitem__(self, number: int) -> Incident:
        return self.kept.incidents[number]


def kinds(entries: Iterable[Entry]) -> list[EntryKind]:
    return [entry.kind for entry in entries]


def folded(of: Alert, into: str, at: float) -> Transition:
    """It closed since a wider one took it in."""
    transition = closed(of, at)
    return transition._replace(alert=transition.alert._replace(folded_into=into))
