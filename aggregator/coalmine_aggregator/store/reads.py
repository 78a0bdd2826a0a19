"""What is asked of the store, on a thread of its own: no answer waits for what is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import sqlalchemy as sa

from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.audit_entry import AuditEntry
from coalmine_aggregator.model.incident import Entry, Incident
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.incidents_wanted import IncidentsWanted
from coalmine_aggregator.model.pin import PinChange
from coalmine_aggregator.model.remediation_log import LoggedEvent
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.paging.silence import Silence
from coalmine_aggregator.store import incident_log, read
from coalmine_aggregator.store.audit_log import read_audit
from coalmine_aggregator.store.incident_log import IncidentsPast
from coalmine_aggregator.store.paging_log import PagingPast, paging_past, silences
from coalmine_aggregator.store.recorded import Recorded
from coalmine_aggregator.store.remediation_log import read_events, read_pins

T = TypeVar("T")


class StoreReads:
    """The reading half of a store."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="store-read")

    async def load(self) -> Restored:
        """What a start takes over."""
        return await self._read(read.restored)

    async def standing(self, closed_after: float) -> read.Standing:
        """The outbox, with alerts open, or closed after that time (seconds since the epoch)."""
        return await self._read(lambda connection: read.standing(connection, closed_after))

    async def paging(self, now: float) -> PagingPast:
        """What paging takes over: what was told of open alerts, and silences that are not over."""
        return await self._read(lambda connection: paging_past(connection, now))

    async def silences(self, over_after: float, limit: int) -> tuple[Silence, ...]:
        """The silences that end after that time, the newest `limit` of them, as they begin."""
        return await self._read(lambda connection: silences(connection, over_after, limit))

    async def recent_alerts(self, limit: int) -> list[Alert]:
        """The newest alerts, open or closed, newest first."""
        return await self._read(lambda connection: read.recent_alerts(connection, limit))

    async def slots(self, first: int, last: int) -> list[SlotCounts]:
        """The counts kept of the slots from `first` to `last`, both included, ascending."""
        return await self._read(lambda found: Recorded(found).slots(found, first, last))

    async def read_slots(self, first: int, last: int) -> AsyncIterator[list[SlotCounts]]:
        """The same as `slots`, of any length of time: by the hour, or less at once in a large fleet."""
        recorded = await self._read(Recorded)
        for span in await self._read(lambda connection: recorded.spans(connection, first, last)):
            found = await self._read(partial(recorded.slots, first=span[0], last=span[1]))
            if found:
                yield found

    async def find_alert(self, ref: str) -> Alert | None:
        """The alert of this number, or the newest one of this id; None where there is none."""
        return await self._read(lambda connection: read.find_alert(connection, ref))

    async def explained(self, number: int) -> list[Transition]:
        """All transitions of an alert with their explanations, the oldest first."""
        return await self._read(lambda connection: read.explained(connection, number))

    async def audit(
        self, *, before: int, limit: int, actor: str = "", action: str = ""
    ) -> list[AuditEntry]:
        """Entries of the audit log with numbers below `before`, the newest first."""
        return await self._read(
            lambda connection: read_audit(
                connection, before=before, limit=limit, actor=actor, action=action
            )
        )

    async def incidents_past(self, resolved_after: float) -> IncidentsPast:
        """What a start takes over of incidents: those that stand, and those resolved after that time
        (seconds since the epoch)."""
        return await self._read(partial(incident_log.incidents_past, resolved_after=resolved_after))

    async def incidents_page(
        self, wanted: IncidentsWanted, before: int | None, limit: int
    ) -> list[Incident]:
        """At most `limit` incidents, the highest numbers first; only numbers below `before`, if any."""
        return await self._read(
            lambda connection: incident_log.page_of(connection, wanted, before, limit)
        )

    async def find_incident(self, number: int) -> Incident | None:
        """The incident of this number; None where there is none."""
        return await self._read(partial(incident_log.find_incident, number=number))

    async def incident_entries(
        self, number: int, after: int = 0, limit: int | None = None
    ) -> list[Entry]:
        """The entries of an incident whose sequence is above `after`, the oldest first."""
        return await self._read(
            lambda connection: incident_log.entries_of(connection, number, after, limit)
        )

    async def incident_snapshots(self, number: int) -> list[SnapshotName]:
        """Which snapshots there are of an incident, the oldest first."""
        return await self._read(partial(incident_log.snapshots_of, number=number))

    async def find_snapshot(self, number: int, name: SnapshotName) -> Snapshot | None:
        """A snapshot of an incident; None where there is none yet."""
        return await self._read(lambda connection: incident_log.find_snapshot(connection, number, name))

    async def remediation(
        self, *, before: int, limit: int, service: str = "", node: str = ""
    ) -> list[LoggedEvent]:
        """What remediation did, with numbers below `before`, the newest first."""
        return await self._read(
            lambda connection: read_events(
                connection, before=before, limit=limit, service=service, node=node
            )
        )

    async def pins(self) -> list[PinChange]:
        """The newest word of people on every node, the oldest first."""
        return await self._read(read_pins)

    async def _read(self, query: Callable[[sa.Connection], T]) -> T:
        def run() -> T:
            with self._engine.connect().execution_options(coalmine_reads=True) as connection:
                return query(connection)

        return await asyncio.get_running_loop().run_in_executor(self._reads, run)
