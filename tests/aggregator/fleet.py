"""Agents by hand: births, reports and receipts for an engine, and what an engine's ticks add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.ledger.ring import DEPTH
from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_wire.protocols import Protocol
from coalmine_wire.reports import (
    Birth,
    Endpoint,
    Life,
    Outcome,
    Report,
    SlotReport,
    State,
    Step,
    Verdict,
)
from coalmine_wire.series import Location
from tests.aggregator.store.samples import counted, told

T = 1_800_000_000
"""When tests begin."""

PROTOCOLS = (Protocol.TCP, Protocol.UDP, Protocol.HTTPS)


@dataclass
class Canary:
    """One process of an agent."""

    agent: str = "a1"
    host: str = "h1"
    boot: str = "boot1"
    revision: int = 1
    first_slot: int = T + 1
    protocols: Sequence[Protocol] = PROTOCOLS
    region: str = "eu"
    zone: str = "eu-1"
    interval_s: int = 1
    control: bool = False
    location: Location = Location.EXTERNAL

    def birth(self) -> Birth:
        return Birth(
            agent=self.agent,
            boot=self.boot,
            revision=self.revision,
            first_slot=self.first_slot,
            location=self.location,
            region=self.region,
            zone=self.zone,
            host=self.host,
            endpoints=[
                Endpoint(service="ingest", protocol=protocol, phase_ms=100 + 10 * index)
                for index, protocol in enumerate(self.protocols)
            ],
            interval_s=self.interval_s,
            control=self.control,
        )

    def report(
        self,
        slots: Iterable[int],
        verdict: Verdict = Verdict.SENT,
        *,
        endpoints: Iterable[int] | None = None,
        impaired: Sequence[str] = (),
        sent_at: float = 0.0,
        replayed: bool | None = None,
    ) -> Report:
        """`verdict` for all endpoints or some; a report without `sent_at` is a replay."""
        step = Step.CONNECT if verdict in (Verdict.FAILED, Verdict.ABANDONED) else None
        which = range(len(self.protocols)) if endpoints is None else list(endpoints)
        return Report(
            agent=self.agent,
            boot=self.boot,
            revision=self.revision,
            sent_at=sent_at,
            slots=[
                SlotReport(slot, [Outcome(index, verdict, step) for index in which], list(impaired))
                for slot in slots
            ],
            replayed=not sent_at if replayed is None else replayed,
        )

    def state(self, life: Life, last_slot: int | None = None, reason: str = "") -> State:
        return State(self.agent, self.boot, life, last_slot=last_slot, reason=reason)

    def names(self) -> list[bytes]:
        return [series.name().encode() for series in self.birth().series()]


@dataclass
class Desk:
    """An engine, the names its receivers know, and everything that its ticks said."""

    engine: Engine
    table: dict[bytes, int] = field(default_factory=dict)
    slots: dict[int, SlotCounts] = field(default_factory=dict)
    history: dict[int, SettledSlot] = field(default_factory=dict)
    lives: list[AgentLife] = field(default_factory=list)
    exceptions: dict[int, bytes] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    last: Tick | None = None

    def receive(
        self, names: Iterable[bytes], slot: int, arrived: float | None = None, source: int = 0
    ) -> None:
        """Receipts of one slot; names that are not known are what a receiver would reject."""
        self.learn()
        ids = [self.table[name] for name in names if name in self.table]
        self.engine.receive(
            Receipts(
                source,
                slot + 0.3 if arrived is None else arrived,
                np.array(ids, dtype=np.int32),
                np.full(len(ids), slot, dtype=np.int64),
            )
        )

    def learn(self) -> None:
        for name, series in self.engine.table_changes():
            if series is None:
                del self.table[name]
            else:
                self.table[name] = series

    def tick(self, now: float) -> Tick:
        tick = self.last = self.engine.tick(now)
        for counts in (*tick.settled, *tick.revised):
            # The identity, as far as one answer can show it.
            assert (counts.fates >= 0).all()
            assert (counts.received <= counts.fates.sum(axis=1)).all()
            assert len(counts.leaves) == len(counts.received) == len(set(counts.leaves))
            self.slots[counts.slot] = counts
        # History is told by series, and says the same.
        for slot in tick.slots:
            assert (np.diff(slot.ids) > 0).all()
            assert not (slot.endings == slot.usual).any()
            self.history[slot.slot] = slot
            if slot.slot in self.slots:
                assert counted(slot, self.engine.series_names) == told(self.slots[slot.slot])
        assert {each.slot for each in (*tick.settled, *tick.revised)} <= {
            each.slot for each in tick.slots
        }
        self.lives += tick.lives
        self.order += [counts.slot for counts in tick.settled]
        self.exceptions.update(tick.exceptions)
        self.events += [event.name for event in tick.events]
        return tick

    def total(self, slot: int) -> Counts:
        counts = self.slots[slot]
        return sum((counts.counts(row) for row in range(len(counts.leaves))), NOTHING)

    def fates(self, slot: int) -> dict[str, int]:
        """The fates of a slot that occurred."""
        return {name: count for name, count in self.total(slot).by_fate().items() if count}

    def restored(self, births: Sequence[Birth] = (), states: Sequence[State] = ()) -> Restored:
        """What a store would hand to the next run."""
        return Restored(
            births=tuple(births),
            states=tuple(states),
            last_slot=max(self.slots, default=None),
            exceptions=tuple(sorted(self.exceptions.items())),
            recent=tuple(counts for _, counts in sorted(self.slots.items())),
        )


def desk(
    now: float = T,
    restored: Restored | None = None,
    sources: Sequence[str] = ("tcp",),
    depth: int = DEPTH,
) -> Desk:
    """An engine that knows no services' policies."""
    engine = Engine(fleet="test", policies={}, sources=sources, restored=restored, now=now, depth=depth)
    return Desk(engine)


def running(*canaries: Canary, now: float = T, **more: object) -> Desk:
    """A desk that has heard these births."""
    made = desk(now, **more)  # type: ignore[arg-type]
    for canary in canaries:
        made.engine.birth(canary.birth(), now)
    return made


def healthy(at: Desk, slots: range, *canaries: Canary) -> None:
    """Slots in which all goes well, each settled."""
    for slot in slots:
        for canary in canaries:
            at.receive(canary.names(), slot)
            at.engine.report(canary.report([slot], sent_at=slot + 1.1), slot + 1.11)
        at.tick(slot + 1.2)


def bad(counts: Counts) -> dict[Fate, int]:
    """What an innocent service must never have."""
    return {
        fate: counts.fates[fate]
        for fate in (Fate.FAILED, Fate.ABANDONED, Fate.LOST, Fate.LATE)
        if counts.fates[fate]
    }
