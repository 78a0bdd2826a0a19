"""The roster: which agents there are, and which series are expected of them. Pure.

Agents are learned from their births and retired on purpose, never by silence. A seat (location, region,
zone, host) belongs to one live agent, an agent's id to one live process; whoever comes second is set
aside and told, and steps in once the first is gone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger import book
from coalmine_aggregator.ledger.agents import (
    GOODBYE_S,
    MISSING_S,
    Agent,
    Aside,
    Assignment,
    Ids,
    Seat,
    seat_of,
)
from coalmine_aggregator.ledger.evidence import SKIPPED
from coalmine_aggregator.ledger.growing import grown
from coalmine_aggregator.ledger.ledger import Ledger
from coalmine_aggregator.ledger.outcomes import write
from coalmine_aggregator.ledger.series import SeriesFullError
from coalmine_aggregator.ledger.stopwatch import Stopwatch
from coalmine_aggregator.ledger.waiting import Waiting
from coalmine_aggregator.ledger.windows import NEVER
from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.events import Event
from coalmine_aggregator.model.presence import Presence
from coalmine_aggregator.model.views import AgentStatus
from coalmine_wire.reports import Birth, Life, Report, State
from coalmine_wire.series import escape
from coalmine_wire.slots import REVISABLE_S, slot_of

MAX_AGENTS = 200_000
MAX_ASIDE = 1_000
AHEAD_S = 5
"""A birth may name a first slot this far ahead; later ones are taken as this."""

KNOWN_AFTER_S = 60
"""Receipts of an ended series are told from unknown ones for this long."""

MAX_DELAY_S = 30
"""Settling waits at most this much longer for agents that report at long intervals."""

_TWINS = 2  # slots past another boot's first that a process in its last moments does not report


class _Listed(NamedTuple):
    """A change of the names that receivers know."""

    name: bytes
    series: int | None


class Roster:
    """All agents. `events` gathers what should be logged."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.agents: dict[str, Agent] = {}
        self.aside: dict[tuple[str, str], Aside] = {}
        self.events: list[Event] = []
        self.stopwatch = Stopwatch()
        self._lives: dict[str, AgentLife] = {}
        self._present: list[Presence] | None = None
        self._service_sets: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._holders: dict[Seat, str] = {}
        self._seats: dict[Seat, int] = {}
        self._waiting = Waiting(ledger.oddities)
        self._resting: set[str] = set()
        # Series whose names receivers know, and the first slot in which they knew them.
        self._listed: NDArray[np.int64] = np.full(1024, NEVER, dtype=np.int64)
        self._changes: list[_Listed] = []
        # Agents that are neither retired nor missing, the one heard longest ago first.
        self._by_hearing: dict[str, None] = {}
        self._missing: set[str] = set()
        self._retired: dict[str, float] = {}
        self._intervals: Counter[int] = Counter()

    def birth(self, birth: Birth, now: float) -> None:
        """An agent introduces itself, maybe not for the first time."""
        key = (birth.agent, birth.boot)
        agent = self.agents.get(birth.agent)
        if key in self.aside:
            self.aside[key].birth, self.aside[key].heard = birth, now
            return
        if agent is not None and (birth.boot, birth.revision) in agent.assignments:
            return  # a retained message, heard again
        holder = self._holders.get(seat_of(birth))
        if holder is not None and holder != birth.agent and self.agents[holder].alive(now):
            self._set_aside(birth, now, f"agent {holder} has its labels")
            return
        self._accept(birth, now)

    def state(self, state: State, now: float) -> None:
        """An agent, or its last will, says how it is. A last will decides nothing."""
        aside = self.aside.get((state.agent, state.boot))
        if aside is not None:
            if state.life in (Life.GOODBYE, Life.RETIRED):
                del self.aside[state.agent, state.boot]
            return
        agent = self.agents.get(state.agent)
        if agent is None or state.boot not in agent.firsts:
            self._waiting.state(state)
            return
        current = state.boot == agent.birth.boot
        match state.life:
            case Life.ALIVE if current:
                self._hear(agent, now)
            case Life.GOODBYE if state.boot not in agent.goodbyes:
                last = state.last_slot if state.last_slot is not None else slot_of(state.at or now)
                agent.goodbyes[state.boot] = last
                self._resting.add(state.agent)
                self._rest_settled(agent, last)
                if current and not agent.retired:
                    self._live(state.agent, now, AgentStatus.GOODBYE, state.reason)
            case Life.RETIRED if current and not agent.retired:
                end = agent.last_slot if state.last_slot is None else state.last_slot
                self._retire(agent, end, now, state.reason or "retired")
            case _:
                pass

    def report(self, report: Report, now: float) -> None:
        """An agent says how slots ended."""
        if self.aside:
            aside = self.aside.get((report.agent, report.boot))
            if aside is not None:
                aside.heard = now
                self._ledger.oddities["reports_set_aside"] += 1
                return
        agent = self.agents.get(report.agent)
        assignment = None if agent is None else agent.assignments.get((report.boot, report.revision))
        if agent is None or assignment is None:
            self._waiting.report(report, now)
            return
        ahead = math.floor(now) + book.AHEAD_S
        if ahead > self._ledger.ring.high:
            self._ledger.book.reach(ahead)
        if report.boot == agent.current.birth.boot:
            self._hear(agent, now)
            if agent.replaced and not report.replayed:
                agent.replaced = False
                self._set_aside(
                    agent.birth, now, f"agent {self._holders.get(agent.seat)} has its labels"
                )
        elif not report.replayed:
            newest = max((each.slot for each in report.slots), default=0)
            if newest >= agent.firsts[agent.birth.boot] + _TWINS:
                self._clash(agent, report.boot, now)
        self._write(agent, assignment, report, now)

    def tick(self, now: float) -> None:
        """What time does: those set aside step in, the silent are told, ended names are dropped."""
        for (name, boot), aside in list(self.aside.items()):
            if aside.birth.interval_s + MISSING_S <= now - aside.heard:
                del self.aside[name, boot]
                continue
            holder = self._holders.get(seat_of(aside.birth))
            rivals = {name, holder} if holder is not None else {name}
            if not any(rival in self.agents and self.agents[rival].alive(now) for rival in rivals):
                del self.aside[name, boot]
                self._accept(aside.birth, now)
        for name in self._newly_missing(now):
            del self._by_hearing[name]
            self._missing.add(name)
            self._present = None
            self.events.append(Event("aggregator.agent.missing", {"agent": name}))
            self._live(name, now, AgentStatus.MISSING)
        for name in [each for each, at in self._retired.items() if now - at > REVISABLE_S]:
            del self._retired[name], self.agents[name]
        self._waiting.forget(now)
        self._unlist(slot_of(now) - KNOWN_AFTER_S)

    def resting(self, slot: int) -> Iterator[Ids]:
        """The series of agents that said they would not take part in `slot`."""
        for name in list(self._resting):
            agent = self.agents.get(name)
            if agent is None or slot > max(agent.goodbyes.values(), default=0) + GOODBYE_S:
                self._resting.discard(name)
            elif (ids := agent.resting(slot)) is not None:
                yield ids

    @property
    def missing(self) -> bool:
        """Whether any agent is."""
        return bool(self._missing)

    def presence(self) -> list[Presence]:
        """Every agent that is expected to report, those on leave left out: the same list until another
        agent is missing, back, born or gone."""
        if self._present is None:
            self._present = [
                Presence(
                    name,
                    agent.seat.location,
                    agent.seat.region,
                    agent.seat.zone,
                    agent.seat.host,
                    agent.current.services,
                    agent.heard if name in self._missing else None,
                )
                for name, agent in self.agents.items()
                if not agent.retired and (name in self._by_hearing or name in self._missing)
            ]
        return self._present

    def seats(self) -> int:
        """How many seats there ever were."""
        return len(self._seats)

    @property
    def delay_s(self) -> int:
        """How much later than usual slots settle, for agents that report at longer intervals."""
        return min(max(max(self._intervals, default=1) - 1, 0), MAX_DELAY_S)

    def table_changes(self) -> list[tuple[bytes, int | None]]:
        """Names that receivers shall know from now on, with their id, or no longer: None."""
        changes, self._changes = self._changes, []
        return [(change.name, change.series) for change in changes]

    def restore(self, birth: Birth, now: float) -> None:
        """A birth heard by an earlier run. Nobody is known to live yet: the later of two counts."""
        agent = self.agents.get(birth.agent)
        if agent is None or (birth.boot, birth.revision) not in agent.assignments:
            self._accept(birth, now, restored=True)

    def drain(self) -> list[Event]:
        """What happened since it was last asked."""
        events, self.events = self.events, []
        return events

    def drain_lives(self) -> list[AgentLife]:
        """How agents' lives changed since it was last asked, the last change of each; some may not
        differ from what they were."""
        lives, self._lives = list(self._lives.values()), {}
        return lives

    def settle_in(self, now: float) -> None:
        """After a restart: everybody is given the time to be heard."""
        for agent in self.agents.values():
            if not agent.retired:
                self._hear(agent, now)
        self.events.clear()

    def _accept(self, birth: Birth, now: float, *, restored: bool = False) -> None:
        if birth.agent not in self.agents and len(self.agents) >= MAX_AGENTS:
            self._refuse(birth, f"{MAX_AGENTS} agents are known")
            return
        seat = seat_of(birth)
        number = self._seats.setdefault(seat, len(self._seats))
        self._ledger.clocks.grow(0, len(self._seats))
        try:
            listed = [
                self._ledger.enrol(series, birth.control, number, endpoint.phase_ms)
                for series, endpoint in zip(birth.series(), birth.endpoints, strict=True)
            ]
        except SeriesFullError:
            self._refuse(birth, "too many series are known")
            return
        assignment = Assignment(
            birth,
            np.array(sorted(set(listed)), dtype=np.int32),
            listed,
            number,
            _services_of(birth, self._service_sets),
        )
        self._present = None
        first = max(min(birth.first_slot, slot_of(now) + AHEAD_S), self._ledger.next)
        agent = self.agents.get(birth.agent)
        self._vacate(seat, birth.agent, assignment, first, now)
        if agent is None:
            agent = self.agents[birth.agent] = Agent(seat, assignment, now)
            self._ledger.clocks.restart(number)
        else:
            if agent.birth.boot != birth.boot:
                self._ledger.clocks.restart(number)
            left = agent.every_series() - set(listed)
            self._ledger.windows.close(left, first)
            if agent.seat != seat and self._holders.get(agent.seat) == birth.agent:
                del self._holders[agent.seat]
            if not agent.retired:
                self._intervals[agent.birth.interval_s] -= 1
        agent.seat, agent.retired, agent.replaced = seat, "", False
        agent.remember(assignment, min(birth.first_slot, slot_of(now) + AHEAD_S))
        self._intervals[birth.interval_s] += 1
        self._intervals += Counter()  # drops what is 0
        self._retired.pop(birth.agent, None)
        self._hear(agent, now)
        self._live(birth.agent, now, AgentStatus.ALIVE)
        self._holders[seat] = birth.agent
        self._expect(assignment, first, self._ledger.next if restored else slot_of(now) + 1)
        for early in self._waiting.reports_of(birth.agent, birth.boot, birth.revision):
            self.report(early.report, early.at)
        state = self._waiting.state_of(birth.agent, birth.boot)
        if state is not None:
            self.state(state, now)

    def _expect(self, assignment: Assignment, first: int, unheard: int) -> None:
        """Opens the windows of a birth's series. Those whose names receivers did not know have been
        turned away until now, so they are expected from slot `unheard` on at the earliest."""
        self._listed = grown(self._listed, len(self._ledger.series), NEVER)
        for series in assignment.ids.tolist():
            if self._listed[series] == NEVER:
                self._listed[series] = unheard
                self._changes.append(_Listed(self._ledger.series.wire_name(series), series))
            self._ledger.windows.open((series,), max(first, int(self._listed[series])))

    def _vacate(
        self, seat: Seat, newcomer: str, assignment: Assignment, first: int, now: float
    ) -> None:
        """Whoever had the seat and is not alive makes way."""
        holder = self._holders.get(seat)
        if holder is None or holder == newcomer:
            return
        before = self.agents[holder]
        left = before.every_series() - set(assignment.listed)
        self._ledger.windows.close(left, first)
        before.replaced = True
        self._leave(before, now, f"agent {newcomer} took its labels over")
        self.events.append(Event("aggregator.agent.replaced", {"agent": holder, "by": newcomer}))

    def _hear(self, agent: Agent, now: float) -> None:
        """The running process of an agent was heard."""
        name = agent.birth.agent
        if now > agent.heard:
            agent.heard = now
        if agent.retired:
            return
        self._by_hearing.pop(name, None)
        self._by_hearing[name] = None
        if name in self._missing:
            self._missing.discard(name)
            self._present = None
            self.events.append(Event("aggregator.agent.back", {"agent": name}))
            self._live(name, now, AgentStatus.ALIVE)

    def _live(self, agent: str, now: float, status: AgentStatus, note: str = "") -> None:
        self._lives.pop(agent, None)
        self._lives[agent] = AgentLife(agent, now, status, note)

    def _newly_missing(self, now: float) -> list[str]:
        names: list[str] = []
        for name in self._by_hearing:
            agent = self.agents[name]
            if now - agent.heard < MISSING_S:
                break  # the others were heard later still
            if agent.silent(now) and not agent.on_leave(now):
                names.append(name)
        return names

    def _leave(self, agent: Agent, now: float, why: str) -> None:
        """Nothing is expected of an agent any more."""
        name = agent.birth.agent
        agent.retired = why
        self._present = None
        self._by_hearing.pop(name, None)
        self._missing.discard(name)
        self._retired[name] = agent.heard
        self._intervals[agent.birth.interval_s] -= 1
        self._intervals += Counter()
        self._live(name, now, AgentStatus.RETIRED, why)

    def _set_aside(self, birth: Birth, now: float, why: str) -> None:
        if len(self.aside) >= MAX_ASIDE:
            self._refuse(birth, f"{MAX_ASIDE} agents are set aside")
            return
        self.aside[birth.agent, birth.boot] = Aside(birth, now, why)
        known = self.agents.get(birth.agent)
        if known is None or known.replaced:  # else it is a second process: the first one lives on
            self._live(birth.agent, now, AgentStatus.SET_ASIDE, why)
        self._ledger.oddities["identity_clashes"] += 1
        fields = {"agent": birth.agent, "boot": birth.boot, "host": birth.host, "why": why}
        self.events.append(Event("aggregator.agent.identity_clash", fields))

    def _refuse(self, birth: Birth, why: str) -> None:
        self._ledger.oddities["births_refused"] += 1
        self.events.append(Event("aggregator.birth.refused", {"agent": birth.agent, "why": why}))

    def _clash(self, agent: Agent, boot: str, now: float) -> None:
        """A process that seemed replaced is alive: two share one id. The second one is set aside."""
        second = agent.birth
        first = agent.newest_of(boot)
        self._set_aside(second, now, f"boot {boot} of this id is alive")
        left = agent.every_series() - set(first.listed)
        self._ledger.windows.close(left, self._ledger.next)
        self._expect(first, self._ledger.next, slot_of(now) + 1)
        agent.firsts.pop(second.boot, None)
        for key in [key for key in agent.assignments if key[0] == second.boot]:
            del agent.assignments[key]
        self._intervals[agent.birth.interval_s] -= 1
        agent.current = first
        self._intervals[agent.birth.interval_s] += 1
        self._intervals += Counter()
        self._hear(agent, now)

    def _retire(self, agent: Agent, last: int | None, now: float, why: str) -> None:
        end = self._ledger.next if last is None else min(last + 1, slot_of(now) + AHEAD_S)
        self._ledger.windows.close(agent.every_series(), max(end, self._ledger.next))
        self._leave(agent, now, why)
        if self._holders.get(agent.seat) == agent.birth.agent:
            del self._holders[agent.seat]
        self.events.append(Event("aggregator.agent.retired", {"agent": agent.birth.agent, "why": why}))

    def _rest_settled(self, agent: Agent, last: int) -> None:
        """A goodbye that was heard late speaks of settled slots, too."""
        for slot in range(last + 1, min(last + GOODBYE_S, self._ledger.next - 1) + 1):
            ids = agent.resting(slot)
            if ids is not None and self._ledger.is_revisable(slot):
                self._ledger.book.merge(slot, ids, SKIPPED)

    def _write(self, agent: Agent, assignment: Assignment, report: Report, now: float) -> None:
        write(report, assignment, self._ledger.book, self._ledger.oddities)
        if not report.replayed:
            self._ledger.clocks.report(assignment.seat, now - report.sent_at)
            self.stopwatch.take(report, assignment)
        ahead = math.floor(now) + AHEAD_S
        for each in report.slots:
            if each.slot > ahead:
                continue
            if agent.last_slot is None or each.slot > agent.last_slot:
                agent.last_slot = each.slot
            if each.impaired and each.slot >= agent.impaired_slot:
                agent.impaired, agent.impaired_slot = tuple(each.impaired), each.slot

    def _unlist(self, below: int) -> None:
        for series in self._ledger.windows.ended(below).tolist():
            if series < len(self._listed) and self._listed[series] != NEVER:
                self._listed[series] = NEVER
                self._changes.append(_Listed(self._ledger.series.wire_name(series), None))


def _services_of(birth: Birth, known: dict[tuple[str, ...], tuple[str, ...]]) -> tuple[str, ...]:
    """The services that an agent sends to, the same object for all agents that send to the same."""
    services = tuple(sorted({escape(each.service) for each in birth.endpoints}))
    return known.setdefault(services, services)
