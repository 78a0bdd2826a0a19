"""What incidents cost and how they looked: asked of the readers, one question at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from coalmine_aggregator.graphs.incident_graph import Mark
from coalmine_aggregator.incidents.desk import Desk
from coalmine_aggregator.incidents.measurement import Measurement, Why
from coalmine_aggregator.model.incident import Impact, Incident
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.reading.frames import RefusedError
from coalmine_aggregator.reading.impact import ImpactAsked, ImpactFound
from coalmine_aggregator.reading.incident_graph import GraphAsked
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.store.store import Store
from coalmine_aggregator.web import reader_tasks
from coalmine_runtime.logs import get_logger

_log = get_logger("incidents")

MAX_WAITING: Final = 32
"""More need not wait: the desk asks again."""

_GRAPHS: Final = {Why.OPENED: SnapshotName.OPENED, Why.RESOLVED: SnapshotName.RESOLVED}

_pack = msgspec.msgpack.Encoder()
_impact = msgspec.msgpack.Decoder(ImpactFound)


class IncidentMeasures:
    """Use `ask`, which never waits; `run` does the work. What comes of it is put into the store."""

    def __init__(self, desk: Desk, store: Store, readers: Readers, now: Callable[[], float]) -> None:
        self._desk = desk
        self._store = store
        self._readers = readers
        self._now = now
        self._waiting: asyncio.Queue[Measurement] = asyncio.Queue(MAX_WAITING)
        self._faults: Counter[str] = Counter()

    def ask(self, wanted: Iterable[Measurement]) -> None:
        """What is to be counted or drawn; what finds no room is left out."""
        for each in wanted:
            if self._waiting.full():
                return
            self._waiting.put_nowait(each)

    async def run(self) -> None:
        """Answers until it is cancelled."""
        while True:
            wanted = await self._waiting.get()
            try:
                await self._answer(wanted)
            except RefusedError as error:
                self._fault(error.refusal.name, wanted, error)
            except Exception as error:
                # Whatever it was, the others are still to be counted, and it will be asked again.
                self._fault(type(error).__name__, wanted, error)

    async def _answer(self, wanted: Measurement) -> None:
        incident = self._desk.find(wanted.number)
        if incident is None:
            return
        name = _GRAPHS.get(wanted.why)
        if name is None:
            await self._count(wanted)
        else:
            await self._draw(incident, wanted, name)

    async def _count(self, wanted: Measurement) -> None:
        asked_at = self._now()
        asked = ImpactAsked(wanted.service, wanted.affected, wanted.first, wanted.last)
        answer = await self._readers.ask(reader_tasks.impact.__name__, _pack.encode(asked))
        found = _impact.decode(answer)
        is_final = wanted.why is Why.FINAL
        impact = Impact(found.first, found.last, found.cells, asked_at, is_final)
        self._store.put_incidents(self._desk.measured(wanted.number, impact, self._now()))

    async def _draw(self, incident: Incident, wanted: Measurement, name: SnapshotName) -> None:
        asked = graph_asked(incident, wanted)
        body = await self._readers.ask(reader_tasks.incident_graph.__name__, _pack.encode(asked))
        now = self._now()
        self._store.put_snapshot(Snapshot(wanted.number, name, now, body))
        self._desk.pictured(wanted.number, name, now)

    def _fault(self, kind: str, wanted: Measurement, error: Exception) -> None:
        before = self._faults[kind]
        self._faults[kind] += 1
        # Asked again and again it would fill a log: say it at powers of two.
        if (before + 1).bit_length() > before.bit_length():
            fields = {"incident": wanted.number, "why": str(wanted.why), "faults": before + 1}
            if isinstance(error, RefusedError):
                _log.warning("incidents.not_measured", error=error, **fields)
            else:
                _log.exception("incidents.measure.failed", error, **fields)


def graph_asked(incident: Incident, wanted: Measurement) -> GraphAsked:
    """What the graph of an incident shows: what was affected, and when people and Coalmine did what."""
    first = min(each.first for each in wanted.affected)
    ends = [wanted.last if each.last is None else each.last for each in wanted.affected]
    is_by_hand = bool(incident.opened_by)
    moments = (
        ("began" if is_by_hand else "first loss", float(incident.since)),
        ("opened" if is_by_hand else "seen", incident.opened_at),
        ("acknowledged", incident.acknowledged_at),
        ("over", incident.ended_at),
    )
    return GraphAsked(
        f"Incident {incident.number}: {incident.title}",
        incident.service,
        wanted.first,
        wanted.last,
        (max(wanted.first, first), min(wanted.last, max(ends))),
        tuple(Mark(at, name) for name, at in moments if at is not None),
    )
