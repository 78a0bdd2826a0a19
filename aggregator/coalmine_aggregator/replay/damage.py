"""Damage: what faults and noise do to each datapoint and each agent of some slots. Pure.

Faults may overlap. An attempt ends in the earliest step that any of them hits, and at once rather than
at the deadline where both would hold; what is sent and lost once is lost, however late it would have
come; of several delays the longest counts; clocks that are set twice are off by the sum.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.replay.draws import NoiseSource, fault_stream
from coalmine_aggregator.replay.effects import OF_AGENTS, Effect, Fault
from coalmine_aggregator.replay.fleet import Mask, SimulatedFleet
from coalmine_aggregator.replay.scenario import Scenario
from coalmine_aggregator.replay.timing import DRAIN_S, slots_between
from coalmine_wire.reports import Step

SENT: Final = 255
"""The end of an attempt that went well. Others are 2 x step, and 1 more where it was abandoned."""

ANSWERED: Final = 2 * Step.RESPONSE + 1
"""Abandoned in response: the datapoint arrived."""

BLOCK_CELLS = 1_000_000
BLOCK_SLOTS = 256

Ends = NDArray[np.uint8]


class Block(NamedTuple):
    """The slots from `first` on; arrays are [slots, series] or [slots, agents], None for none of it.

    `ends` uint8 how attempts end; `lost` bool sent and never received; `late_s` float64 seconds of
    delay; `not_before` float64 fleet time before which they do not arrive; `twice` bool; `silent` and
    `impaired` bool by agent; `skew_s` float64 by agent. `plain` is bool[slots]: slots in which nothing
    at all happens.
    """

    first: int
    plain: NDArray[np.bool_]
    ends: Ends | None
    lost: Mask | None
    late_s: NDArray[np.float64] | None
    not_before: NDArray[np.float64] | None
    twice: Mask | None
    silent: Mask | None
    impaired: Mask | None
    skew_s: NDArray[np.float64] | None


class Prepared(NamedTuple):
    """A fault with what it may hit (numbers of series, or of agents) and its own random stream."""

    fault: Fault
    slots: range
    targets: NDArray[np.intp]
    rng: np.random.Generator


class Damage:
    """Blocks of slots, to be asked for in order."""

    def __init__(self, scenario: Scenario, fleet: SimulatedFleet) -> None:
        self._series, self._agents = fleet.size, len(fleet.places)
        self._noise = NoiseSource(scenario.noise, scenario.seed, fleet.size)
        self.faults = [
            _prepare(fault, fleet, fault_stream(scenario.seed, number))
            for number, fault in enumerate(scenario.faults)
            if fault.effect is not Effect.AGGREGATOR_DOWN
        ]
        self._end = scenario.slots + DRAIN_S + 2
        self._size = max(1, min(BLOCK_SLOTS, BLOCK_CELLS // fleet.size))

    def block(self, first: int) -> Block:
        """The next slots, from `first` on."""
        count = max(1, min(self._size, self._end - first))
        damage = _Building(first, count, self._series, self._agents)
        damage.lost = self._noise.lost(first, count)
        for prepared in self.faults:
            slots = prepared.slots
            start, end = max(first, slots.start), min(first + count, slots.stop)
            if start < end:
                damage.add(prepared, slice(start - first, end - first))
        return damage.done()


def _prepare(fault: Fault, fleet: SimulatedFleet, rng: np.random.Generator) -> Prepared:
    of_agents = fault.effect in OF_AGENTS
    mask = fleet.agents_matching(fault.where) if of_agents else fleet.matching(fault.where)
    if fault.hosts is not None:
        agents = np.flatnonzero(mask) if of_agents else np.unique(fleet.agent_of[mask])
        drawn = rng.choice(agents, fault.hosts, replace=False)
        mask = mask & np.isin(np.arange(len(mask)) if of_agents else fleet.agent_of, drawn)
    targets = np.flatnonzero(mask)
    if of_agents and fault.effect is not Effect.AGENT_IMPAIRED and fault.fraction is not None:
        targets = targets[rng.random(len(targets)) < fault.fraction]
    return Prepared(fault, slots_between(fault.from_, fault.to), targets, rng)


class _Building:
    """A block that is being put together."""

    def __init__(self, first: int, count: int, series: int, agents: int) -> None:
        self._first = first
        self._of_series, self._of_agents = (count, series), (count, agents)
        self.lost: Mask | None = None
        self._ends: Ends | None = None
        self._late_s: NDArray[np.float64] | None = None
        self._not_before: NDArray[np.float64] | None = None
        self._twice: Mask | None = None
        self._silent: Mask | None = None
        self._impaired: Mask | None = None
        self._skew_s: NDArray[np.float64] | None = None

    def add(self, prepared: Prepared, rows: slice) -> None:
        """What a fault does in `rows`."""
        fault, targets = prepared.fault, prepared.targets
        count = rows.stop - rows.start
        match fault.effect:
            case Effect.LOST:
                self.lost = _mark(self.lost, self._of_series, rows, targets, _hits(prepared, count))
            case Effect.DUPLICATED:
                self._twice = _mark(self._twice, self._of_series, rows, targets, _hits(prepared, count))
            case Effect.FAILED | Effect.ABANDONED:
                if self._ends is None:
                    self._ends = np.full(self._of_series, SENT, dtype=np.uint8)
                end = 2 * fault.step.step + (fault.effect is Effect.ABANDONED)
                ends = np.where(_hits(prepared, count), np.uint8(end), np.uint8(SENT))
                _place(self._ends, rows, targets, ends, np.minimum)
            case Effect.LATE:
                self._late(prepared, rows, count)
            case Effect.AGENT_SILENT:
                self._silent = _mark(
                    self._silent, self._of_agents, rows, targets, _all(prepared, count)
                )
            case Effect.AGENT_IMPAIRED:
                hits = _hits(prepared, count)
                self._impaired = _mark(self._impaired, self._of_agents, rows, targets, hits)
            case Effect.CLOCK_SKEW:
                if self._skew_s is None:
                    self._skew_s = np.zeros(self._of_agents)
                assert fault.seconds is not None
                skew = np.full((count, len(targets)), fault.seconds)
                _place(self._skew_s, rows, targets, skew, np.add)
            case _:  # links and the aggregator: no datapoint is different for them
                pass

    def _late(self, prepared: Prepared, rows: slice, count: int) -> None:
        delay = prepared.fault.delay
        hits = _hits(prepared, count)
        if delay is None or delay.seconds is None:
            if self._not_before is None:
                self._not_before = np.zeros(self._of_series)
            until = np.where(hits, prepared.fault.to, 0.0)
            _place(self._not_before, rows, prepared.targets, until, np.maximum)
        else:
            if self._late_s is None:
                self._late_s = np.zeros(self._of_series)
            by = np.where(hits, delay.seconds, 0.0)
            _place(self._late_s, rows, prepared.targets, by, np.maximum)

    def done(self) -> Block:
        """The block."""
        plain = np.ones(self._of_series[0], dtype=np.bool_)
        for mask in (self.lost, self._twice, self._silent, self._impaired):
            if mask is not None:
                plain &= ~mask.any(axis=1)
        for delay in (self._late_s, self._not_before, self._skew_s):
            if delay is not None:
                plain &= ~(delay != 0).any(axis=1)
        if self._ends is not None:
            plain &= ~(self._ends != SENT).any(axis=1)
        return Block(
            self._first,
            plain,
            self._ends,
            self.lost,
            self._late_s,
            self._not_before,
            self._twice,
            self._silent,
            self._impaired,
            self._skew_s,
        )


def _hits(prepared: Prepared, count: int) -> Mask:
    """bool[count, targets]: what is drawn."""
    share = prepared.fault.share
    if share >= 1:
        return _all(prepared, count)
    drawn: Mask = prepared.rng.random((count, len(prepared.targets)), dtype=np.float32) < share
    return drawn


def _all(prepared: Prepared, count: int) -> Mask:
    return np.ones((count, len(prepared.targets)), dtype=np.bool_)


def _mark(
    mask: Mask | None, shape: tuple[int, int], rows: slice, targets: NDArray[np.intp], hits: Mask
) -> Mask:
    if mask is None:
        mask = np.zeros(shape, dtype=np.bool_)
    _place(mask, rows, targets, hits, np.logical_or)
    return mask


def _place(
    whole: NDArray[np.generic],
    rows: slice,
    targets: NDArray[np.intp],
    part: NDArray[np.generic],
    how: np.ufunc,
) -> None:
    whole[rows, targets] = how(whole[rows, targets], part)
