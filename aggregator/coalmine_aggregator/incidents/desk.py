"""The desk: what becomes of incidents as alerts change, time goes by and people act. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coalmine_aggregator.incidents import acts
from coalmine_aggregator.incidents.changing import Changing
from coalmine_aggregator.incidents.counting import Counting, settled
from coalmine_aggregator.incidents.following import Following
from coalmine_aggregator.incidents.measurement import Measurement
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.reminding import reminder
from coalmine_aggregator.incidents.restored import KEEP_S, Restored
from coalmine_aggregator.incidents.scoping import has_ended, open_alerts, touches
from coalmine_aggregator.model.alerts import Alert, Change, Transition
from coalmine_aggregator.model.figures import span
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.incident import (
    EntryKind,
    Impact,
    Incident,
    IncidentChanges,
    IncidentState,
    Postmortem,
)
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_aggregator.model.scopes import Scope


class Desk:
    """Holds the open incidents and those that ended lately. Times are seconds since the epoch.

    Whatever changes something returns what is to be kept, and has changed nothing if it raises. Acts of
    people raise KeyError for an incident that is not held (see `load`), and ValueError that begins with
    the field which cannot be; `number` is said of one that takes no such act.
    """

    def __init__(self, policy: IncidentPolicy, restored: Restored) -> None:
        self._policy = policy
        self._held = {incident.number: incident for incident in restored.incidents}
        self._of_alert: dict[int, int] = {}
        self._index(self._held.values())
        self._alerts = {alert.number: alert for alert in restored.open_alerts}
        self._next_number = max([restored.next_number, *(number + 1 for number in self._held)])
        self._counting = Counting(restored.snapshots)

    @property
    def open(self) -> tuple[Incident, ...]:
        """Those that go on, the oldest first."""
        standing = (self._held[number] for number in sorted(self._held))
        return tuple(incident for incident in standing if incident.state.is_open)

    @property
    def held(self) -> tuple[Incident, ...]:
        """All that are held: the open ones, and those that ended lately."""
        return tuple(self._held.values())

    def find(self, number: int) -> Incident | None:
        """One that is held: all open ones, and those that ended lately."""
        return self._held.get(number)

    def of_alert(self, alert: int) -> int:
        """The number of the incident that an alert belongs to, of those held; 0 for none."""
        return self._of_alert.get(alert, 0)

    def load(self, incident: Incident) -> None:
        """Holds one of the store's for an act that follows; nothing where it is held already."""
        if incident.number not in self._held:
            self._held[incident.number] = incident
            self._index([incident])

    # As alerts change and time goes by.

    def adopt(self, open_alerts: Sequence[Alert], now: float) -> IncidentChanges:
        """Makes good what was missed: of all alerts that are open now, those without an incident get
        one, and no incident holds one that is not among them. Twice does no harm."""
        book, alerts = self._book(), {alert.number: alert for alert in open_alerts}
        following = Following(book, self._policy, alerts, alerts, now)
        following.lose_others()
        following.take(
            [Transition(Change.OPENED, min(now, each.opened_at), each) for each in open_alerts]
        )
        self._alerts = alerts
        return self._keep(book)

    def take(self, transitions: Sequence[Transition], now: float) -> IncidentChanges:
        """What one tick did to alerts, in its order."""
        after = dict(self._alerts)
        for change, _, alert, _ in transitions:
            if change is Change.CLOSED:
                after.pop(alert.number, None)
            else:
                after[alert.number] = alert
        book = self._book()
        Following(book, self._policy, self._alerts, after, now).take(transitions)
        self._alerts = after
        return self._keep(book)

    def due(self, now: float) -> IncidentChanges:
        """What time does: those that stayed well are resolved."""
        book = self._book()
        for incident in self.open:
            if self._is_over(incident, now):
                book.put(acts.resolved(incident, now))
                book.move(incident.number, IncidentState.RESOLVED, now)
                text = f"{span(self._policy.resolve_after_s)} without an alert."
                book.write(incident.number, EntryKind.STATE, now, text=text)
        changes = self._keep(book)
        self._forget(now)
        return changes

    def happened(
        self, kind: EntryKind, service: str, scope: Scope, text: str, now: float
    ) -> IncidentChanges:
        """Files something with the open incidents of a service whose scopes it touches."""
        book = self._book()
        for incident in self.open:
            if incident.service == service and any(
                touches(each.scope, scope) for each in incident.affected
            ):
                book.write(incident.number, kind, now, text=text, scope=scope)
        return self._keep(book)

    def reminders(self, now: float) -> list[Finding]:
        """A finding for each open incident that nobody has said anything of for too long. For a moment
        it is away each time it is to be told again."""
        found = (reminder(incident, self._policy.remind_s, now) for incident in self.open)
        return [each for each in found if each is not None]

    def to_measure(self, now: float) -> list[Measurement]:
        """What is to be counted and drawn now. What is not answered by `measured` or `pictured` is
        asked for again after a while."""
        return self._counting.due(iter(self._held.values()), now)

    def measured(self, number: int, impact: Impact, now: float) -> IncidentChanges:
        """An impact was counted; nothing where a newer one was, or the incident is gone."""
        incident = self._held.get(number)
        if incident is None or incident.merged_into:
            return IncidentChanges()
        impact, before = settled(incident, impact), incident.impact
        # One that is newer than now is of a clock that was ahead.
        if before is not None and (before.is_final or impact.measured_at < before.measured_at <= now):
            return IncidentChanges()
        self._counting.counted(number)
        counted = self._held[number] = incident._replace(impact=impact)
        return IncidentChanges((counted,))

    def pictured(self, number: int, name: SnapshotName, now: float) -> None:
        """A graph was made and kept."""
        self._counting.made(number, name, now)

    # What people do.

    def open_by_hand(self, opening: Opening, who: str, now: float) -> IncidentChanges:
        """Opens one; it is the only incident of what is returned."""
        book = self._book()
        acts.open_by_hand(book, opening, self._policy.fleet, who, now)
        return self._keep(book)

    def update(
        self,
        number: int,
        *,
        state: IncidentState | None = None,
        text: str = "",
        public: str = "",
        who: str,
        now: float,
    ) -> IncidentChanges:
        """Says how it stands."""
        book = self._book()
        acts.update(book, number, state, text, public, who, now)
        return self._keep(book)

    def note(self, number: int, text: str, who: str, now: float) -> IncidentChanges:
        """Notes something for those who work on it."""
        book = self._book()
        acts.note(book, number, text, who, now)
        return self._keep(book)

    def title(
        self, number: int, title: str | None, public_title: str | None, who: str, now: float
    ) -> IncidentChanges:
        """Calls it otherwise; None leaves a title as it is. An empty one for customers is made anew."""
        book = self._book()
        acts.title(book, number, title, public_title, who, now)
        return self._keep(book)

    def publish(self, number: int, who: str, now: float) -> IncidentChanges:
        """Customers see it, on all components that it touches."""
        book = self._book()
        acts.publish(book, number, who, now)
        return self._keep(book)

    def withhold(self, number: int, who: str, now: float) -> IncidentChanges:
        """Customers see it nowhere."""
        book = self._book()
        acts.withhold(book, number, who, now)
        return self._keep(book)

    def write_up(self, number: int, postmortem: Postmortem, who: str, now: float) -> IncidentChanges:
        """Puts the post-mortem in place of the one before; one that is resolved is written up then."""
        book = self._book()
        acts.write_up(book, number, postmortem, who, now)
        return self._keep(book)

    def reopen(self, number: int, who: str, now: float, text: str = "") -> IncidentChanges:
        """It goes on after all."""
        book = self._book()
        acts.reopen(book, number, text, who, now)
        return self._keep(book)

    def merge(self, number: int, into: int, who: str, now: float) -> IncidentChanges:
        """It is part of another, which takes over what it affected."""
        book = self._book()
        acts.merge(book, number, into, who, now)
        return self._keep(book)

    def _book(self) -> Changing:
        return Changing(self._held, self._of_alert, self._next_number)

    def _keep(self, book: Changing) -> IncidentChanges:
        changes = book.changes()
        self._held.update((incident.number, incident) for incident in changes.incidents)
        self._index(changes.incidents)
        self._next_number = book.next_number
        return changes

    def _index(self, incidents: Iterable[Incident]) -> None:
        for incident in incidents:
            for each in incident.affected:
                if each.alert:
                    self._of_alert[each.alert] = incident.number

    def _is_over(self, incident: Incident, now: float) -> bool:
        if incident.opened_by or incident.state is not IncidentState.MONITORING:
            return False
        well_since = max(incident.state_at, incident.ended_at or 0.0)
        return has_ended(incident) and now >= well_since + self._policy.resolve_after_s

    def _forget(self, now: float) -> None:
        """What ended long ago is the store's alone. `updated_at` counts too: what people did to an old
        one may not have reached the store yet."""
        for number, incident in list(self._held.items()):
            if incident.state.is_open or open_alerts(incident):
                continue
            if (
                now
                > max(incident.updated_at, incident.resolved_at or 0.0, incident.ended_at or 0.0)
                + KEEP_S
            ):
                del self._held[number]
                self._counting.forget(number)
                for each in incident.affected:
                    self._of_alert.pop(each.alert, None)
