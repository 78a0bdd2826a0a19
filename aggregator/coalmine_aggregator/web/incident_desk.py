"""The seam at which people look at incidents and work on them.

What changes something returns once it is on disk, with the incident as it stands then. Times are
seconds since the epoch. Whatever is asked of an incident by its number raises KeyError where there is
none; what changes one raises ValueError that begins with the field which cannot be, as in `state: ...`
(`number` where this one takes no such act), and `NotKeptError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.model.incident import Entry, Incident, IncidentState, Postmortem
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.status.site import PublicIncident


class PostmortemChangedError(Exception):
    """Somebody else wrote the post-mortem meanwhile; nothing was changed."""


class PublicStanding(NamedTuple):
    """What an incident is to customers. `name` is what they read as its title. Of the components that
    it touches, `shown` are those by which they see it, and `held` wait for somebody to publish it. It
    is public where `shown` has any, and awaits approval where `held` has; both are empty of one that
    is withheld, or that can never be public."""

    name: str
    shown: tuple[str, ...]
    held: tuple[str, ...]


class IncidentDesk(Protocol):
    """What people look at and do."""

    @property
    def remind_s(self) -> float:
        """How long an open incident may go on without a word from anybody; 0 where nobody is
        reminded."""

    def of_alert(self, alert: int) -> int:
        """The number of the incident that an alert belongs to, as far as memory tells: it does of all
        open ones. 0 for none."""

    def standing(self, incident: Incident) -> PublicStanding | None:
        """What it is to customers; None where no status page is configured."""

    async def page(self, wanted: IncidentsWanted, before: int | None, limit: int) -> Sequence[Incident]:
        """At most `limit` incidents as they stand now, the highest numbers first; only numbers below
        `before`, if there is one."""

    async def find(self, number: int) -> Incident:
        """The incident as it stands now."""

    async def entries(self, number: int, after: int, limit: int) -> Sequence[Entry]:
        """At most `limit` entries of its timeline with sequences above `after`, the oldest first."""

    async def public_record(self, number: int) -> PublicIncident | None:
        """What customers read of it, or would as soon as it is published; None where no status page
        is configured, or it can never be public."""

    async def snapshots(self, number: int) -> Sequence[SnapshotName]:
        """Which graphs are kept with it, the oldest first."""

    async def snapshot(self, number: int, name: SnapshotName) -> Snapshot | None:
        """One of them; None where it was not made yet."""

    async def open(self, opening: Opening, who: str, now: float) -> Incident:
        """Opens one by hand. Alerts never move it; only people do."""

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
        """Says how it stands: a state (None: as it is), a text for those who work on it, one for
        customers."""

    async def note(self, number: int, text: str, who: str, now: float) -> Incident:
        """Notes something for those who work on it."""

    async def title(
        self, number: int, title: str | None, public_title: str | None, who: str, now: float
    ) -> Incident:
        """Calls it otherwise, inside and for customers; None leaves one as it is, an empty
        `public_title` makes it of the components again."""

    async def publish(self, number: int, who: str, now: float) -> Incident:
        """Customers see it, on all components that it touches."""

    async def withhold(self, number: int, who: str, now: float) -> Incident:
        """Customers see it nowhere."""

    async def write_up(
        self, number: int, postmortem: Postmortem, who: str, now: float, over: Postmortem | None = None
    ) -> Incident:
        """Puts the post-mortem in place of the one before, which is `over` if that is given: else
        raises `PostmortemChangedError`. One that is resolved is in the state postmortem then."""

    async def reopen(self, number: int, text: str, who: str, now: float) -> Incident:
        """It goes on after all."""

    async def merge(self, number: int, into: int, who: str, now: float) -> Incident:
        """It is part of another: that one takes over what it affected, and is returned."""
