"""What waits to be written: bounded where history is concerned, never dropping what pages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.incident import Entry, Incident, IncidentChanges
from coalmine_aggregator.model.incident_snapshot import Snapshot, SnapshotName
from coalmine_aggregator.model.pin import PinChange
from coalmine_aggregator.model.remediation_event import RemediationEvent
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slo_minutes import MinuteSums
from coalmine_aggregator.model.timings import Timings
from coalmine_aggregator.paging.silence import Silence
from coalmine_wire.reports import Birth, State

MAX_BYTES = 64 << 20
"""Of slots, of step times and of the ledger's exceptions that wait, each: of slots what three days
bring while all is well, or an hour in which half of 6,000 series fail; of step times seven minutes of
6,000 series."""

MAX_LIVES = 20_000
"""Births, and states, that wait: more than a large fleet has in the time that a store is away."""

MAX_CHANGES = 200_000
"""Changes in agents' lives that wait: each agent of the largest fleet once."""

MAX_MINUTES = 200_000
"""Minutes of objectives that wait: 90 days of a service, a week of a dozen."""

MAX_LEARNED_BYTES = 16 << 20
"""Of what detectors learned that waits."""

MAX_EVENTS = 10_000

_OVERHEAD = 200  # bytes of an item besides its arrays

MAX_ITEMS = (3 * MAX_BYTES + MAX_LEARNED_BYTES) // _OVERHEAD + 2 * MAX_LIVES + MAX_CHANGES + MAX_MINUTES
"""However small they are, no more items than this ever wait."""

DeliveryKey = tuple[int, str, str, int, int]
"""Transition, receiver, target, step, repeat."""

TOLD_BY = "told by "
"""Begins why a delivery was not made that the other aggregator of a pair had made already."""

K = TypeVar("K")
V = TypeVar("V")


class Delivery(NamedTuple):
    """A transition on its way to one receiver, as the outbox knows it.

    `transition_id` counts all transitions of this store. `target` is the person it goes to, empty where
    the receiver knows by itself. `step` is 0 for what everybody hears at first, 1 and more for those of
    an escalation, `repeat` counts how often a step was repeated. It was made at `made_at`. `attempts`
    were made; the next is due at `next_at` (both seconds since the epoch). At most one of
    `delivered_at` and `dead` is set: it is done, or was given up for that reason. `error` is how the
    last attempt failed.
    """

    transition_id: int
    receiver: str
    transition: Transition
    target: str = ""
    step: int = 0
    repeat: int = 0
    made_at: float = 0.0
    attempts: int = 0
    next_at: float = 0.0
    delivered_at: float | None = None
    dead: str | None = None
    error: str | None = None

    @property
    def key(self) -> DeliveryKey:
        """By which the outbox knows it."""
        return (self.transition_id, self.receiver, self.target, self.step, self.repeat)


class Pager:
    """Transitions, alerts, the state of deliveries, silences, incidents, pins: as many as there are
    alerts, and acts of people, so without bound. Of what remediation did (`events`, by number) the
    newest `MAX_EVENTS` wait.

    `alerts` are those that changed, by number, each as it stands: after its newest transition, or after
    late evidence corrected its counts without one. `batches` are numbers of the store's own: what it
    does once this is committed.
    """

    def __init__(self) -> None:
        self.transitions: list[tuple[int, Transition]] = []
        self.alerts: dict[int, Alert] = {}
        self.deliveries: dict[DeliveryKey, Delivery] = {}
        self.silences: dict[str, Silence] = {}
        self.incidents: dict[int, Incident] = {}
        self.entries: dict[tuple[int, int], Entry] = {}
        self.snapshots: dict[tuple[int, SnapshotName], Snapshot] = {}
        self.events: dict[int, RemediationEvent] = {}
        self.pins: dict[tuple[str, str], PinChange] = {}
        self.batches: list[int] = []

    def __len__(self) -> int:
        return len(self.transitions) + sum(
            len(each)
            for each in (
                self.alerts,
                self.deliveries,
                self.silences,
                self.incidents,
                self.entries,
                self.snapshots,
                self.events,
                self.pins,
            )
        )

    def put_transition(self, number: int, transition: Transition) -> None:
        """A transition under its number; its alert stands as it says."""
        self.transitions.append((number, transition))
        self.alerts[transition.alert.number] = transition.alert

    def put_incidents(self, changes: IncidentChanges) -> None:
        """Incidents as they stand, and new entries of their timelines."""
        self.incidents.update((each.number, each) for each in changes.incidents)
        self.entries.update(((each.incident, each.sequence), each) for each in changes.entries)

    def put_event(self, number: int, event: RemediationEvent) -> None:
        """Something that remediation did, under its number."""
        self.events[number] = event

    def bound_events(self) -> int:
        """Gives up the oldest of what remediation did past `MAX_EVENTS`; returns how many."""
        gone = list(self.events)[: max(0, len(self.events) - MAX_EVENTS)]
        for number in gone:
            del self.events[number]
        return len(gone)

    def put_back(self, failed: Pager) -> None:
        """Takes in what could not be written; what came meanwhile is newer."""
        self.transitions[:0] = failed.transitions
        self.alerts = {**failed.alerts, **self.alerts}
        self.deliveries = {**failed.deliveries, **self.deliveries}
        self.silences = {**failed.silences, **self.silences}
        self.incidents = {**failed.incidents, **self.incidents}
        self.entries = {**failed.entries, **self.entries}
        self.snapshots = {**failed.snapshots, **self.snapshots}
        self.events = {**failed.events, **self.events}
        self.pins = {**failed.pins, **self.pins}
        self.batches[:0] = failed.batches


class Waiting(Generic[K, V]):
    """Items by key. What is put twice waits once; past `limit`, in sizes, the oldest is dropped."""

    def __init__(self, limit: int, size: Callable[[V], int]) -> None:
        self._limit = limit
        self._size = size
        self._items: dict[K, V] = {}
        self._total = 0

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[V]:
        return iter(self._items.values())

    def put(self, key: K, item: V) -> int:
        """Adds or replaces an item; returns how many others were dropped for it."""
        before = self._items.get(key)
        if before is not None:
            self._total -= self._size(before)
        self._items[key] = item
        self._total += self._size(item)
        return self._bound()

    def put_back(self, failed: Waiting[K, V]) -> int:
        """Takes in what could not be written, as older than what came meanwhile."""
        self._items = {**failed._items, **self._items}
        self._total = sum(self._size(item) for item in self)
        return self._bound()

    def items(self) -> dict[K, V]:
        """All of them."""
        return self._items

    def _bound(self) -> int:
        dropped = 0
        while self._total > self._limit:
            self._total -= self._size(self._items.pop(next(iter(self._items))))
            dropped += 1
        return dropped


class History:
    """Everything but the pager's. `dropped(kind, count)` is told of what the bounds cost."""

    def __init__(self, dropped: Callable[[str, int], None]) -> None:
        self._dropped = dropped
        self.slots: Waiting[int, SettledSlot] = Waiting(MAX_BYTES, _bytes_of_slot)
        self.timings: Waiting[int, Timings] = Waiting(MAX_BYTES, _bytes_of_timings)
        self.exceptions: Waiting[int, bytes] = Waiting(MAX_BYTES, _bytes_of_blob)
        self.slo: Waiting[tuple[str, int], MinuteSums] = Waiting(MAX_MINUTES, _one)
        self.learned: Waiting[str, str] = Waiting(MAX_LEARNED_BYTES, _bytes_of_text)
        self.births: Waiting[tuple[str, str, int], tuple[float, Birth]] = Waiting(MAX_LIVES, _one)
        self.states: Waiting[tuple[str, str], tuple[float, State]] = Waiting(MAX_LIVES, _one)
        self.lives: Waiting[tuple[str, float], AgentLife] = Waiting(MAX_CHANGES, _one)
        self._width = 0

    def __len__(self) -> int:
        return sum(self.waiting().values())

    def waiting(self) -> dict[str, int]:
        """How many items of each kind wait."""
        return {
            "slots": len(self.slots),
            "step_times": len(self.timings),
            "exceptions": len(self.exceptions),
            "slo_minutes": len(self.slo),
            "learned": len(self.learned),
            "births": len(self.births),
            "states": len(self.states),
            "lives": len(self.lives),
        }

    @property
    def width(self) -> int:
        """All ids of series in what waits are below it."""
        return self._width

    def put_slot(self, slot: SettledSlot) -> None:
        """A slot as it stands now."""
        self._width = max(self._width, slot.expected.width)
        self._tell("slots", self.slots.put(slot.slot, slot))

    def put_timings(self, slot: int, timings: Timings) -> None:
        """Step times that were told while a slot was settled, once for each slot; ends of certificates
        are not kept."""
        if len(timings.series):
            self._width = max(self._width, int(timings.series.max()) + 1)
            waiting = self.timings.items().get(slot)
            self._tell("step_times", self.timings.put(slot, _joined(waiting, timings)))

    def put_exceptions(self, slot: int, blob: bytes) -> None:
        """The newest exceptions of a slot."""
        self._tell("exceptions", self.exceptions.put(slot, blob))

    def put_slo(self, service: str, minute: int, sums: MinuteSums) -> None:
        """The newest sums of a service's minute."""
        self._tell("slo_minutes", self.slo.put((service, minute), sums))

    def put_learned(self, name: str, body: str) -> None:
        """The newest of what was learned under a name."""
        self._tell("learned", self.learned.put(name, body))

    def put_birth(self, birth: Birth, at: float) -> None:
        """A birth, and when it was heard."""
        key = (birth.agent, birth.boot, birth.revision)
        self._tell("births", self.births.put(key, (at, birth)))

    def put_state(self, state: State, at: float) -> None:
        """A state, and when it was heard."""
        self._tell("states", self.states.put((state.agent, state.boot), (at, state)))

    def put_life(self, life: AgentLife) -> None:
        """A change in an agent's life."""
        self._tell("lives", self.lives.put((life.agent, life.at), life))

    def put_back(self, failed: History) -> None:
        """Takes in what could not be written; what came meanwhile is newer."""
        self._width = max(self._width, failed._width)
        self._tell("slots", self.slots.put_back(failed.slots))
        self._tell("step_times", self.timings.put_back(failed.timings))
        self._tell("exceptions", self.exceptions.put_back(failed.exceptions))
        self._tell("slo_minutes", self.slo.put_back(failed.slo))
        self._tell("learned", self.learned.put_back(failed.learned))
        self._tell("births", self.births.put_back(failed.births))
        self._tell("states", self.states.put_back(failed.states))
        self._tell("lives", self.lives.put_back(failed.lives))

    def _tell(self, kind: str, count: int) -> None:
        if count:
            self._dropped(kind, count)


def _joined(one: Timings | None, other: Timings) -> Timings:
    if one is None:
        return other._replace(ends=())
    return Timings(
        np.concatenate([one.series, other.series]), np.concatenate([one.steps_us, other.steps_us]), ()
    )


def _bytes_of_slot(slot: SettledSlot) -> int:
    return slot.ids.nbytes + slot.endings.nbytes + _OVERHEAD


def _bytes_of_timings(timings: Timings) -> int:
    return timings.series.nbytes + timings.steps_us.nbytes + _OVERHEAD


def _bytes_of_blob(blob: bytes) -> int:
    return len(blob) + _OVERHEAD


def _bytes_of_text(text: str) -> int:
    return len(text) + _OVERHEAD


def _one(_: object) -> int:
    return 1
