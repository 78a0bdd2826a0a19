"""A scenario, run: the simulated fleet's traffic into a real engine, by a virtual clock. Pure.

The engine ticks on the fifths of each second. What arrives in a fifth is handed in before the tick that
ends it, so the run is a function of the scenario alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from coalmine_aggregator.engine import Engine, Tick
from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.remediate.turn import Turn
from coalmine_aggregator.replay.controls import controls_at
from coalmine_aggregator.replay.damage import Damage
from coalmine_aggregator.replay.effects import Effect
from coalmine_aggregator.replay.fleet import SimulatedFleet
from coalmine_aggregator.replay.links import Absence, absences
from coalmine_aggregator.replay.memory import Memory
from coalmine_aggregator.replay.scenario import Scenario
from coalmine_aggregator.replay.timing import DRAIN_S, EPOCH, TICKS, ceil_tick
from coalmine_aggregator.replay.totals import Totals
from coalmine_aggregator.replay.traffic import Arrivals, Told, Traffic
from coalmine_wire.reports import MAX_SLOTS, Birth, Life, Report, SlotReport, State

SOURCE = "simulated"
"""The one receipt source."""

_KEPT_TICKS = 60 * TICKS
_SPOOL_SLOTS = 86_400  # as long as reports may be revised


class Moment(NamedTuple):
    """A tick at fleet time `at`, and what it led to."""

    at: float
    transitions: list[Transition]
    remediation: Turn


class Simulation:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, fleet: SimulatedFleet) -> None:
        self._scenario = scenario
        self._fleet = fleet
        damage = Damage(scenario, fleet)
        self._traffic = Traffic(damage, fleet, scenario.latency)
        links = absences(damage.faults, scenario.keepalive, (Effect.AGENT_SILENT, Effect.REPORTS_LOST))
        mute = absences(damage.faults, scenario.keepalive, (Effect.REPORTS_LOST,))
        self._sayings = _sayings(links, fleet, scenario.latency)
        self._cuts: dict[int, list[int]] = defaultdict(list)
        self._joins: dict[int, list[int]] = defaultdict(list)
        for absence in mute:
            self._cuts[absence.start * TICKS].append(absence.agent)
            self._joins[absence.end * TICKS].append(absence.agent)
        self._muted: set[int] = set()
        self._spools: dict[int, list[SlotReport]] = {}
        outages = [(ceil_tick(each.from_), ceil_tick(each.to)) for each in scenario.outages()]
        self._outages = _joined(outages)
        self._memory = Memory(needed=bool(outages), last_slot=EPOCH - 1)
        self.totals = Totals(scenario.slots, fleet.expected_by_leaf())
        self._numbers = {name: number for number, name in enumerate(fleet.names)}
        self._ids = np.full(fleet.size, -1, dtype=np.int32)
        self._engine: Engine | None = self._make(None, -1.0)
        self._restored = Restored()
        self._next_number = 1

    @property
    def engine(self) -> Engine | None:
        """The aggregator that runs now; None while there is none."""
        return self._engine

    def run(self) -> Iterator[Moment]:
        """Every tick from the first slot until all has drained."""
        for birth in self._fleet.births:
            self._birth(birth, -1.0)
            self._state(State(birth.agent, birth.boot, Life.ALIVE, float(EPOCH - 1)), -1.0)
        outages = dict(self._outages)
        ends = set(outages.values())
        self._traffic.plan(0)
        for tick in range((self._scenario.slots + DRAIN_S) * TICKS):
            if tick % TICKS == 0:
                self._traffic.plan(tick // TICKS + 1)
            if tick in ends:
                self._start(tick / TICKS)
            if tick in outages:
                self._kill(tick / TICKS)
            self._muted.update(self._cuts.get(tick, ()))
            if tick in self._joins:
                self._muted.difference_update(self._joins[tick])
                self._replay(self._joins[tick], tick / TICKS)
            self._deliver(tick)
            if self._engine is not None:
                yield self._tick(self._engine, tick + 1)

    def _deliver(self, tick: int) -> None:
        """What comes in a fifth of a second."""
        engine = self._engine
        receipts = self._traffic.receipts(tick)
        told = self._traffic.reports(tick)
        if engine is not None and receipts:
            self._receive(engine, receipts)
        for at, message in self._sayings.pop(tick, ()):
            if isinstance(message, Birth):
                self._birth(message, at)
            else:
                self._state(message, at)
        if engine is None or self._muted:
            told = self._spooled(told, down=engine is None)
        if engine is not None:
            report = engine.report
            for at, _, each in told:
                report(each, EPOCH + at)

    def _receive(self, engine: Engine, arrivals: list[Arrivals]) -> None:
        if len(arrivals) == 1:
            at, series, slots = arrivals[0]
        else:
            at = max(each.at for each in arrivals)
            series = np.concatenate([each.series for each in arrivals])
            slots = np.concatenate([each.slots for each in arrivals])
        engine.receive(Receipts(0, EPOCH + at, self._ids[series], slots))

    def _tick(self, engine: Engine, number: int) -> Moment:
        now = (EPOCH * TICKS + number) / TICKS
        if self._scenario.controls:
            engine.control(controls_at(self._scenario.controls, number / TICKS))
        tick: Tick = engine.tick(now)
        if tick.settled or tick.revised:
            self.totals.take(tick.settled)
            self.totals.take(tick.revised)
        self._memory.tick(tick, now)
        if number % _KEPT_TICKS == 0:
            self._memory.keep(engine.kept())
        for transition in tick.transitions:
            self._next_number = max(self._next_number, transition.alert.number + 1)
        if tick.events:
            self._learn(engine)
        return Moment(number / TICKS, tick.transitions, tick.remediation)

    def _birth(self, birth: Birth, at: float) -> None:
        if self._engine is not None:
            self._engine.birth(birth, EPOCH + at)
            self._memory.birth(birth)
            self._learn(self._engine)

    def _state(self, state: State, at: float) -> None:
        if self._engine is not None:
            self._engine.state(state, EPOCH + at)
            self._memory.state(state)
            self._learn(self._engine)

    def _learn(self, engine: Engine) -> None:
        """What receivers shall know."""
        for name, series in engine.table_changes():
            self._ids[self._numbers[name]] = -1 if series is None else series

    def _spooled(self, told: Iterable[Told], *, down: bool) -> list[Told]:
        """Keeps the reports of agents that reach nobody; gives back the others."""
        heard: list[Told] = []
        for each in told:
            if down or each.agent in self._muted:
                spool = self._spools.setdefault(each.agent, [])
                spool += each.report.slots
                del spool[:-_SPOOL_SLOTS]
            else:
                heard.append(each)
        return heard

    def _replay(self, agents: Iterable[int], at: float) -> None:
        """Agents that can be heard again tell what they kept."""
        engine = self._engine
        if engine is None:
            return
        for agent in agents:
            slots = self._spools.pop(agent, [])
            for begin in range(0, len(slots), MAX_SLOTS):
                part = slots[begin : begin + MAX_SLOTS]
                name = self._fleet.places[agent].host
                engine.report(Report(name, "1", 1, EPOCH + at, part, replayed=True), EPOCH + at)

    def _kill(self, at: float) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            self._restored = self._memory.restored(EPOCH + at, engine, self._next_number)

    def _start(self, at: float) -> None:
        """The aggregator is there again, and so is the broker: whoever can be heard says so."""
        self._ids[:] = -1
        self._engine = self._make(self._restored, at)
        self._learn(self._engine)
        away = set(self._muted) | self._traffic.silent(int(at))
        heard = [agent for agent in range(len(self._fleet.places)) if agent not in away]
        for agent in heard:
            birth = self._fleet.births[agent]
            self._birth(birth, at)
            self._state(State(birth.agent, birth.boot, Life.ALIVE, EPOCH + at), at)
        self._replay(heard, at)

    def _make(self, restored: Restored | None, at: float) -> Engine:
        return Engine(
            fleet=self._scenario.name,
            policies=self._scenario.policies(),
            sources=(SOURCE,),
            restored=restored,
            detection=self._scenario.detection.policy(),
            remediation=self._scenario.remediation.policies(),
            now=EPOCH + at,
        )


_Saying = tuple[float, Birth | State]


def _sayings(
    links: Iterable[Absence], fleet: SimulatedFleet, latency_s: float
) -> dict[int, list[_Saying]]:
    """Last wills, and what agents say when they are back, by tick."""
    sayings: dict[int, list[_Saying]] = defaultdict(list)
    for absence in links:
        birth = fleet.births[absence.agent]
        if absence.will_at is not None:
            will = State(birth.agent, birth.boot, Life.LOST, EPOCH + absence.will_at)
            sayings[ceil_tick(absence.will_at)].append((absence.will_at, will))
        at = absence.end + latency_s
        alive = State(birth.agent, birth.boot, Life.ALIVE, float(EPOCH + absence.end))
        sayings[ceil_tick(at)] += [(at, birth), (at, alive)]
    return sayings


def _joined(outages: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Outages that touch made one, in order."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(outages):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
