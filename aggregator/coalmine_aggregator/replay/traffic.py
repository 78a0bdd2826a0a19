"""What the simulated fleet sends: receipts and reports, by the fifths of seconds they arrive in. Pure.

Nearly all of it is the same each second. So who arrives in which fifth is worked out once, and only the
seconds in which something happens are planned, a second ahead; what does not come at its usual time
waits in a book of its own. While no report says that something went badly, all receipts of a second are
handed out together in its last fifth: no slot is settled in between, and whether they came in time does
not depend on it.

All times are fleet time, in seconds from slot 0, but for what agents' own clocks say in reports.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.replay.damage import ANSWERED, SENT, Block, Damage, Ends
from coalmine_aggregator.replay.fleet import Mask, SimulatedFleet
from coalmine_aggregator.replay.outcomes import Outcomes
from coalmine_aggregator.replay.skew import Clocks
from coalmine_aggregator.replay.timing import EPOCH, TICKS, tick_of
from coalmine_wire.reports import Report, SlotReport, Step
from coalmine_wire.slots import DEADLINE_S

EARLY_S = 0.1
"""Failures are told so long after the first one, if their slot goes on for longer."""

NULL_SINK = ["null_sink"]

_CALM_S = 5  # slots are open for three seconds; looks at them want to see what came by then

_CONNECT = 2 * Step.CONNECT
_NO_ONE: frozenset[int] = frozenset()

Ids = NDArray[np.int64]


class Arrivals(NamedTuple):
    """Receipts that arrived by `at`; `slots` are absolute."""

    at: float
    series: Ids
    slots: Ids


class Told(NamedTuple):
    """A report that arrives at `at`, of the agent of that number."""

    at: float
    agent: int
    report: Report


class _Group(NamedTuple):
    """Series that usually arrive in one fifth, `shift` seconds after their slot, by `offset_s`."""

    shift: int
    offset_s: float
    series: Ids


class _Reporters(NamedTuple):
    """Agents whose reports usually arrive in one fifth, with the times at which they are sent."""

    shift: int
    members: list[tuple[int, str, float]]


class _Second(NamedTuple):
    """What is unusual about a slot: the series that arrive at their usual time, how attempts end (None:
    all well), the agents that are impaired, and those whose reports are not sent at the usual time."""

    arrives: Mask
    ends: bytes | None
    impaired: frozenset[int]
    apart: frozenset[int]


class Traffic:
    """To be asked for `receipts` and `reports` fifth by fifth, after `plan` of the next second."""

    def __init__(self, damage: Damage, fleet: SimulatedFleet, latency_s: float) -> None:
        self._fleet = fleet
        self._latency_s = latency_s
        self._damage = damage
        self._block: Block | None = None
        self._seconds: dict[int, _Second] = {}
        self._outcomes = Outcomes(fleet)
        self._clocks = Clocks()
        self._usual = fleet.phase_s + latency_s
        self._groups, self._reporters = _groups(self._usual), _reporters(fleet, latency_s)
        self._every_group = list(itertools.chain.from_iterable(self._groups))
        self._shifts = sorted({each.shift for each in self._every_group})
        self._whole = _whole(self._every_group)
        self._calm = False
        shifts = [*self._shifts, *(each.shift for row in self._reporters for each in row)]
        self._memory = _CALM_S + max(shifts)
        self._waiting: dict[int, list[Arrivals]] = defaultdict(list)
        self._waiting_reports: dict[int, list[Told]] = defaultdict(list)
        self._now = -TICKS

    def plan(self, slot: int) -> None:
        """Works out what is unusual about a slot; in order, a second before it begins."""
        self._seconds.pop(slot - self._memory, None)
        block = self._block
        if block is None or slot >= block.first + len(block.plain):
            block = self._block = self._damage.block(slot)
        row = slot - block.first
        if not block.plain[row] or self._clocks.apart:
            self._seconds[slot] = self._unusual(slot, block, row)

    def receipts(self, tick: int) -> list[Arrivals]:
        """What arrives in a fifth."""
        self._now = tick
        second, residue = divmod(tick, TICKS)
        arrivals = self._waiting.pop(tick, [])
        if residue == 0:
            self._calm = second >= self._memory and not any(
                self._told_bad(slot) for slot in range(second - self._memory, second + 1)
            )
        if not self._calm:
            arrivals += self._usual_arrivals(second, self._groups[residue])
        elif residue == TICKS - 1:
            if not any(second - shift in self._seconds for shift in self._shifts):
                whole = self._whole
                slots = whole.slots + (EPOCH + second)
                arrivals.append(Arrivals(second + whole.offset_s, whole.series, slots))
            else:
                arrivals += self._usual_arrivals(second, self._every_group)
        return arrivals

    def _told_bad(self, slot: int) -> bool:
        """Whether reports of a slot say, or may say, that something went badly."""
        unusual = self._seconds.get(slot)
        return unusual is not None and (unusual.ends is not None or bool(unusual.apart))

    def _usual_arrivals(self, second: int, groups: Iterable[_Group]) -> Iterator[Arrivals]:
        """What comes at its usual time."""
        for shift, offset_s, series in groups:
            slot = second - shift
            if slot < 0:
                continue
            unusual = self._seconds.get(slot)
            if unusual is not None:
                series = series[unusual.arrives[series]]
            if len(series):
                slots = np.full(len(series), EPOCH + slot)
                yield Arrivals(slot + offset_s, series, slots)

    def reports(self, tick: int) -> list[Told]:
        """The reports that arrive in a fifth."""
        second, residue = divmod(tick, TICKS)
        told = self._waiting_reports.pop(tick, [])
        latency_s, well = self._latency_s, self._outcomes.well
        for shift, members in self._reporters[residue]:
            slot = second - shift
            if slot < 0:
                continue
            absolute = EPOCH + slot
            unusual = self._seconds.get(slot)
            if unusual is not None:
                told += self._unusual_reports(slot, unusual, members)
                continue
            told += [
                Told(
                    slot + sent_s + latency_s,
                    agent,
                    Report(name, "1", 1, absolute + sent_s, [SlotReport(absolute, well[agent])]),
                )
                for agent, name, sent_s in members
            ]
        return told

    def silent(self, slot: int) -> set[int]:
        """The agents that neither send nor report in a slot that was planned last, or next to last."""
        block = self._block
        if block is None or block.silent is None or slot < block.first:
            return set()
        return set(np.flatnonzero(block.silent[slot - block.first]).tolist())

    def _unusual_reports(
        self, slot: int, unusual: _Second, members: list[tuple[int, str, float]]
    ) -> list[Told]:
        absolute = EPOCH + slot
        told: list[Told] = []
        for agent, name, sent_s in members:
            if agent in unusual.apart:
                continue
            outcomes = self._outcomes.of(agent, unusual.ends)
            impaired = NULL_SINK if agent in unusual.impaired else []
            slots = [SlotReport(absolute, outcomes, impaired)]
            report = Report(name, "1", 1, absolute + sent_s, slots)
            told.append(Told(slot + sent_s + self._latency_s, agent, report))
        return told

    def _unusual(self, slot: int, block: Block, row: int) -> _Second:
        fleet = self._fleet
        agent_of = fleet.agent_of
        ends = None if block.ends is None else block.ends[row]
        impaired = _none_of(fleet) if block.impaired is None else block.impaired[row]
        silent = _none_of(fleet) if block.silent is None else block.silent[row]
        if impaired.any():
            ends = np.full(fleet.size, SENT, dtype=np.uint8) if ends is None else ends.copy()
            ends[impaired[agent_of]] = _CONNECT
        arrives = np.ones(fleet.size, dtype=np.bool_)
        if ends is not None:
            arrives = (ends == SENT) | (ends == ANSWERED)
            arrives &= ~impaired[agent_of]
        if block.lost is not None:
            arrives &= ~block.lost[row]
        skew_s = None if block.skew_s is None else block.skew_s[row]
        skewed = self._clocks.turn(slot, skew_s, silent)
        absent = silent
        if skewed.held:
            absent = silent.copy()
            absent[list(skewed.held)] = True
        arrives &= ~absent[agent_of]
        at, slots, moved = self._displaced(slot, block, row, skewed.shifts)
        if block.twice is not None:
            again = np.flatnonzero(arrives & block.twice[row])
            self._wait(at[again], again, slots[again])
        apart = set(np.flatnonzero(absent).tolist()) | set(skewed.shifts)
        if moved is not None:
            waiting = np.flatnonzero(arrives & moved)
            self._wait(at[waiting], waiting, slots[waiting])
            arrives &= ~moved
        for agent in self._hanging(ends) | set(skewed.shifts):
            if not absent[agent]:
                apart.add(agent)
                shift = skewed.shifts.get(agent, (0, 0.0))
                self._report(slot, agent, ends, shift, bool(impaired[agent]), skewed.missed.get(agent))
        return _Second(
            arrives,
            None if ends is None else ends.tobytes(),
            frozenset(np.flatnonzero(impaired).tolist()) or _NO_ONE,
            frozenset(apart) or _NO_ONE,
        )

    def _displaced(
        self, slot: int, block: Block, row: int, shifts: dict[int, tuple[int, float]]
    ) -> tuple[NDArray[np.float64], Ids, Mask | None]:
        """When each datapoint arrives, for which absolute slot, and which ones not as usual."""
        at = self._usual + slot
        slots = np.full(self._fleet.size, EPOCH + slot)
        moved = None
        for agent, (whole, rest_s) in shifts.items():
            mine = slice(self._fleet.first[agent], self._fleet.first[agent + 1])
            at[mine] -= rest_s
            slots[mine] += whole
            moved = np.zeros(self._fleet.size, dtype=np.bool_) if moved is None else moved
            moved[mine] = True
        if block.late_s is not None:
            late = block.late_s[row] > 0
            at += block.late_s[row]
            moved = late if moved is None else moved | late
        if block.not_before is not None:
            late = block.not_before[row] > at
            at = np.maximum(at, block.not_before[row])
            moved = late if moved is None else moved | late
        return at, slots, moved

    def _hanging(self, ends: Ends | None) -> set[int]:
        """The agents with an attempt that runs into its deadline."""
        if ends is None:
            return set()
        hanging = (ends != SENT) & (ends % 2 == 1)
        return set(self._fleet.agent_of[hanging].tolist())

    def _report(
        self,
        slot: int,
        agent: int,
        ends: Ends | None,
        shift: tuple[int, float],
        impaired: bool,
        missed: range | None,
    ) -> None:
        """Sends the report of a slot at the end of its last attempt, and failures ahead of it."""
        fleet, (whole, rest_s) = self._fleet, shift
        name = fleet.places[agent].host
        outcomes = self._outcomes.of(agent, None if ends is None else ends.tobytes())
        started = slot - rest_s
        ended_s = float(fleet.last_phase_s[agent])
        absolute = EPOCH + slot + whole
        if ends is not None:
            mine = slice(fleet.first[agent], fleet.first[agent + 1])
            own, phases_s = ends[mine], fleet.phase_s[mine]
            hanging = (own != SENT) & (own % 2 == 1)
            if hanging.any():
                ended_s = max(ended_s, float(phases_s[hanging].max()) + DEADLINE_S)
            failed = (own != SENT) & (own % 2 == 0)
            if failed.any() and not impaired:
                told_s = float(phases_s[failed].min()) + EARLY_S
                early = set(np.flatnonzero(failed & (phases_s <= told_s)).tolist())
                if told_s < ended_s:
                    slots = [SlotReport(absolute, [outcomes[each] for each in sorted(early)])]
                    self._tell(started + told_s, agent, name, slots, whole + rest_s)
                    outcomes = [each for each in outcomes if each.endpoint not in early]
        slots = [SlotReport(absolute, outcomes, NULL_SINK if impaired else [])]
        if missed is not None:
            skipped = self._outcomes.skipped(agent)
            slots = [SlotReport(EPOCH + each, skipped) for each in missed] + slots
        self._tell(started + ended_s, agent, name, slots, whole + rest_s)

    def _tell(self, sent: float, agent: int, name: str, slots: list[SlotReport], skew_s: float) -> None:
        at = sent + self._latency_s
        report = Report(name, "1", 1, EPOCH + sent + skew_s, slots)
        self._waiting_reports[max(tick_of(at), self._now + 1)].append(Told(at, agent, report))

    def _wait(self, at: NDArray[np.float64], series: Ids, slots: Ids) -> None:
        """Lets datapoints arrive when they do."""
        if not len(series):
            return
        ticks = np.floor(at * TICKS + 1e-6).astype(np.int64)
        order = np.argsort(ticks, kind="stable")
        ticks, at, series, slots = ticks[order], at[order], series[order], slots[order]
        edges = np.flatnonzero(np.diff(ticks, prepend=ticks[0] - 1)).tolist()
        for begin, end in zip(edges, [*edges[1:], len(ticks)], strict=True):
            arrivals = Arrivals(float(at[begin:end].max()), series[begin:end], slots[begin:end])
            self._waiting[max(int(ticks[begin]), self._now + 1)].append(arrivals)


class _Whole(NamedTuple):
    """All groups together, as they arrive in one second; `slots` are to be added to that second."""

    offset_s: float
    series: Ids
    slots: Ids


def _none_of(fleet: SimulatedFleet) -> Mask:
    return np.zeros(len(fleet.places), dtype=np.bool_)


def _groups(usual: NDArray[np.float64]) -> list[list[_Group]]:
    ticks = np.floor(usual * TICKS + 1e-6).astype(np.int64)
    rows: list[list[_Group]] = [[] for _ in range(TICKS)]
    for tick in np.unique(ticks).tolist():
        series = np.flatnonzero(ticks == tick)
        rows[tick % TICKS].append(_Group(tick // TICKS, float(usual[series].max()), series))
    return rows


def _whole(groups: list[_Group]) -> _Whole:
    slots = np.concatenate([np.full(len(each.series), -each.shift) for each in groups])
    return _Whole(
        max(each.offset_s - each.shift for each in groups),
        np.concatenate([each.series for each in groups]),
        slots,
    )


def _reporters(fleet: SimulatedFleet, latency_s: float) -> list[list[_Reporters]]:
    by_tick: dict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for agent in np.argsort(fleet.last_phase_s, kind="stable").tolist():
        sent_s = float(fleet.last_phase_s[agent])
        by_tick[tick_of(sent_s + latency_s)].append((agent, fleet.places[agent].host, sent_s))
    rows: list[list[_Reporters]] = [[] for _ in range(TICKS)]
    for tick, members in sorted(by_tick.items()):
        rows[tick % TICKS].append(_Reporters(tick // TICKS, members))
    return rows
