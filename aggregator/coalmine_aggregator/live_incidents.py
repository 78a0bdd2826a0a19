"""Incidents, live: the desk, told of alerts and of time by the measuring, asked by people.

Nothing here waits but what people do, which is on disk before they are answered. A fault here costs
incidents something, never the counting or a page; what was missed by it is made good the next second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.incident_measures import IncidentMeasures
from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.incidents.policy import IncidentPolicy
from coalmine_aggregator.incidents.restored import KEEP_S, Restored
from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.incident import (
    Entry,
    EntryKind,
    Incident,
    IncidentChanges,
    IncidentState,
    Postmortem,
)
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.model.progress import Progress
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.status.components import Cell, Components
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.site import PublicIncident
from coalmine_aggregator.status.standing import preview, standing
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web.duty import NotKeptError
from coalmine_aggregator.web.incident_desk import PostmortemChangedError, PublicStanding
from coalmine_runtime.logs import get_logger

_log = get_logger("incidents")

AGAIN_S: Final = 60.0
"""After what was missed could not be made good."""

MAX_ENTRIES: Final = 10_000
"""Of one incident, read at once."""


class LiveIncidents:
    """See `web.incident_desk.IncidentDesk`; also follows alerts and watches, see `measuring`."""

    def __init__(
        self,
        policy: IncidentPolicy,
        past: Restored,
        engine: Engine,
        store: Store,
        readers: Readers,
        components: Components | None,
        now: float,
    ) -> None:
        """`components` are those of the status page, None where there is none."""
        self._policy = policy
        self._engine = engine
        self._store = store
        self._desk = Desk(policy, past)
        self._measures = IncidentMeasures(self._desk, store, readers, lambda: self._now)
        self._components = components
        self._cells: set[Cell] = set()
        self._leaves = 0
        self._now = now
        self._good_at: float | None = now  # when what was missed is to be made good

    @classmethod
    async def started(
        cls,
        policy: IncidentPolicy,
        engine: Engine,
        store: Store,
        readers: Readers,
        components: Components | None,
        now: float,
    ) -> LiveIncidents:
        """Takes over what the store has, and gives an incident to each open alert that lacks one."""
        kept = await store.incidents_past(now - KEEP_S)
        past = Restored(kept.incidents, tuple(engine.open_alerts()), kept.next_number, kept.snapshots)
        incidents = cls(policy, past, engine, store, readers, components, now)
        incidents._make_good(now)
        return incidents

    async def run(self) -> None:
        """Has counted and drawn what is due, until it is cancelled."""
        await self._measures.run()

    # What the measuring calls. None of these waits.

    def follow(self, transitions: Sequence[Transition], now: float) -> None:
        """What one tick, or a person, did to alerts; it is kept with them."""
        try:
            self._store.put_incidents(self._desk.take(transitions, now))
        except Exception:
            self._good_at = now
            raise

    def look(self, progress: Progress) -> Sequence[Finding]:
        """What time did; asked once a second."""
        now = self._now = progress.now
        self._make_good(now)
        self._store.put_incidents(self._desk.due(now))
        self._measures.ask(self._desk.to_measure(now))
        return self._desk.reminders(now)

    def happened(self, kind: EntryKind, service: str, scope: Scope, text: str, now: float) -> None:
        """Something was done to what a scope names: for the incidents that touch it."""
        self._store.put_incidents(self._desk.happened(kind, service, scope, text, now))

    # What people look at.

    @property
    def remind_s(self) -> float:
        """How often one that nobody says anything of is told; 0 for never."""
        return self._policy.remind_s

    def of_alert(self, alert: int) -> int:
        """The incident of an alert, of those in memory; 0 for none."""
        return self._desk.of_alert(alert)

    def standing(self, incident: Incident) -> PublicStanding | None:
        """What it is to customers."""
        if self._components is None:
            return None
        stands = standing(incident, self._components, self._known_cells())
        shown, held = (tuple(each.name for each in part) for part in (stands.shown, stands.held))
        return PublicStanding(stands.name, shown, held)

    async def page(self, wanted: IncidentsWanted, before: int | None, limit: int) -> Sequence[Incident]:
        """From the store, with what has changed since, or could not be written yet."""
        found: dict[int, Incident] = {}
        below, lowest = before, 0
        while len(found) < limit:
            kept = await self._store.incidents_page(wanted, below, limit)
            for each in kept:
                stands = self._desk.find(each.number) or each
                if wanted.takes(stands):
                    found[each.number] = stands
            below = lowest = kept[-1].number if len(kept) == limit else 0
            if not lowest:
                break
        for each in self._desk.held:
            if lowest < each.number and (before is None or each.number < before) and wanted.takes(each):
                found[each.number] = each
        return sorted(found.values(), key=_number, reverse=True)[:limit]

    async def find(self, number: int) -> Incident:
        """As it stands."""
        found = self._desk.find(number) or await self._store.find_incident(number)
        if found is None:
            raise KeyError(number)
        return found

    async def entries(self, number: int, after: int, limit: int) -> Sequence[Entry]:
        """From the store, with what could not be written yet."""
        # Before the others are read, so that none is missed.
        waiting = self._store.waiting_entries(number)
        kept = await self._store.incident_entries(number, after, limit)
        found = {each.sequence: each for each in (*waiting, *kept) if each.sequence > after}
        return [found[sequence] for sequence in sorted(found)[:limit]]

    async def public_record(self, number: int) -> PublicIncident | None:
        """What customers read, or would."""
        if self._components is None:
            return None
        incident = await self.find(number)
        entries = await self.entries(number, 0, MAX_ENTRIES)
        # Nothing of a page but its components tells on what is read of an incident.
        plan = Plan(incident.fleet, "", "", self._components, ZoneInfo("UTC"))
        return preview(incident, entries, plan, self._known_cells(), self._now)

    async def snapshots(self, number: int) -> Sequence[SnapshotName]:
        """From the store."""
        return await self._store.incident_snapshots(number)

    async def snapshot(self, number: int, name: SnapshotName) -> Snapshot | None:
        """From the store."""
        return await self._store.find_snapshot(number, name)

    # What people do.

    async def open(self, opening: Opening, who: str, now: float) -> Incident:
        """A new one."""
        changes = self._desk.open_by_hand(opening, who, now)
        return await self._kept(changes, changes.incidents[0].number)

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
        """How it stands."""
        await self._hold(number)
        changes = self._desk.update(number, state=state, text=text, public=public, who=who, now=now)
        return await self._kept(changes, number)

    async def note(self, number: int, text: str, who: str, now: float) -> Incident:
        """For those who work on it."""
        await self._hold(number)
        return await self._kept(self._desk.note(number, text, who, now), number)

    async def title(
        self, number: int, title: str | None, public_title: str | None, who: str, now: float
    ) -> Incident:
        """What it is called."""
        await self._hold(number)
        return await self._kept(self._desk.title(number, title, public_title, who, now), number)

    async def publish(self, number: int, who: str, now: float) -> Incident:
        """Customers see it."""
        await self._hold(number)
        return await self._kept(self._desk.publish(number, who, now), number)

    async def withhold(self, number: int, who: str, now: float) -> Incident:
        """Customers do not."""
        await self._hold(number)
        return await self._kept(self._desk.withhold(number, who, now), number)

    async def write_up(
        self, number: int, postmortem: Postmortem, who: str, now: float, over: Postmortem | None = None
    ) -> Incident:
        """What was learned."""
        await self._hold(number)
        # Nothing waits from here on: nobody else comes between.
        if over is not None and (await self.find(number)).postmortem != over:
            raise PostmortemChangedError(number)
        return await self._kept(self._desk.write_up(number, postmortem, who, now), number)

    async def reopen(self, number: int, text: str, who: str, now: float) -> Incident:
        """It goes on."""
        await self._hold(number)
        return await self._kept(self._desk.reopen(number, who, now, text), number)

    async def merge(self, number: int, into: int, who: str, now: float) -> Incident:
        """One of two."""
        # An act of the desk's own says that there is no such one to merge it into.
        others = [into] if await self._store.find_incident(into) is not None else []
        await self._hold(number, *others)
        return await self._kept(self._desk.merge(number, into, who, now), into)

    async def _hold(self, *numbers: int) -> None:
        """Has the desk hold these, all at once: it lets go of old ones each second. Raises KeyError."""
        found = [await self.find(number) for number in numbers]
        for each in found:
            self._desk.load(each)

    async def _kept(self, changes: IncidentChanges, number: int) -> Incident:
        changed = {each.number: each for each in changes.incidents}
        stands = changed.get(number) or self._desk.find(number)
        if stands is None:
            raise KeyError(number)
        self._store.put_incidents(changes)
        if not await self._store.flushed():
            raise NotKeptError
        return stands

    def _make_good(self, now: float) -> None:
        if self._good_at is None or now < self._good_at:
            return
        self._good_at = None
        try:
            self._store.put_incidents(self._desk.adopt(self._engine.open_alerts(), now))
        except Exception as error:
            _log.exception("incidents.adopt.failed", error)
            self._good_at = now + AGAIN_S

    def _known_cells(self) -> set[Cell]:
        leaves = self._engine.leaves
        new: Iterable[tuple[str, str, str]] = {
            (leaf.service, leaf.protocol, leaf.region) for leaf in leaves[self._leaves :]
        }
        self._leaves = len(leaves)
        self._cells.update(Cell(*each) for each in new)
        return self._cells


def _number(incident: Incident) -> int:
    return incident.number
