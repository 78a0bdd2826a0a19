"""The desk: what becomes of incidents as alerts change, time goes by and people act. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from coalmine_aggregator.incidents.measurement import Measurement
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.restored import Restored
from coalmine_aggregator.model.alerts import Alert, Transition
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
        raise NotImplementedError

    @property
    def open(self) -> tuple[Incident, ...]:
        """Those that go on, the oldest first."""
        raise NotImplementedError

    def find(self, number: int) -> Incident | None:
        """One that is held: all open ones, and those that ended lately."""
        raise NotImplementedError

    def of_alert(self, alert: int) -> int:
        """The number of the incident that an alert belongs to, of those held; 0 for none."""
        raise NotImplementedError

    def load(self, incident: Incident) -> None:
        """Holds one of the store's for an act that follows; nothing where it is held already."""
        raise NotImplementedError

    # As alerts change and time goes by.

    def adopt(self, open_alerts: Sequence[Alert], now: float) -> IncidentChanges:
        """Makes good what was missed: of all alerts that are open now, those without an incident get
        one, and no incident holds one that is not among them. Twice does no harm."""
        raise NotImplementedError

    def take(self, transitions: Sequence[Transition], now: float) -> IncidentChanges:
        """What one tick did to alerts, in its order."""
        raise NotImplementedError

    def due(self, now: float) -> IncidentChanges:
        """What time does: those that stayed well are resolved."""
        raise NotImplementedError

    def happened(
        self, kind: EntryKind, service: str, scope: Scope, text: str, now: float
    ) -> IncidentChanges:
        """Files something with the open incidents of a service whose scopes it touches."""
        raise NotImplementedError

    def reminders(self, now: float) -> list[Finding]:
        """A finding for each open incident that nobody has said anything of for too long. For a moment
        it is away each time it is to be told again."""
        raise NotImplementedError

    def to_measure(self, now: float) -> list[Measurement]:
        """What is to be counted and drawn now. What is not answered by `measured` or `pictured` is
        asked for again after a while."""
        raise NotImplementedError

    def measured(self, number: int, impact: Impact, now: float) -> IncidentChanges:
        """An impact was counted; nothing where it says nothing new, or the incident is gone."""
        raise NotImplementedError

    def pictured(self, number: int, name: SnapshotName, now: float) -> None:
        """A graph was made and kept."""
        raise NotImplementedError

    # What people do.

    def open_by_hand(self, opening: Opening, who: str, now: float) -> IncidentChanges:
        """Opens one; it is the only incident of what is returned."""
        raise NotImplementedError

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
        raise NotImplementedError

    def note(self, number: int, text: str, who: str, now: float) -> IncidentChanges:
        """Notes something for those who work on it."""
        raise NotImplementedError

    def title(
        self, number: int, title: str | None, public_title: str | None, who: str, now: float
    ) -> IncidentChanges:
        """Calls it otherwise; None leaves a title as it is, an empty one is made by itself again."""
        raise NotImplementedError

    def publish(self, number: int, who: str, now: float) -> IncidentChanges:
        """Customers see it, on all components that it touches."""
        raise NotImplementedError

    def withhold(self, number: int, who: str, now: float) -> IncidentChanges:
        """Customers see it nowhere."""
        raise NotImplementedError

    def write_up(self, number: int, postmortem: Postmortem, who: str, now: float) -> IncidentChanges:
        """Puts the post-mortem in place of the one before; one that is resolved is written up then."""
        raise NotImplementedError

    def reopen(self, number: int, who: str, now: float, text: str = "") -> IncidentChanges:
        """It goes on after all."""
        raise NotImplementedError

    def merge(self, number: int, into: int, who: str, now: float) -> IncidentChanges:
        """It is part of another, which takes over what it affected."""
        raise NotImplementedError
