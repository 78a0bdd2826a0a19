"""The engine: one step of everything that is pure. Pure.

Evidence goes in as it comes (`birth`, `state`, `receive`, `report`, `gap`), and `tick` settles the
slots that are due, revises what later evidence changed and moves the alert machine. Real runs, replays
and tests drive the same engine.

The order of calls that a run must keep: what has been received by a time is handed in before `tick` of
that time; if it could not be (a stall), `gap` tells the slots that were affected before `tick` does
settle them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from coalmine_aggregator.agent_views import AgentViews
from coalmine_aggregator.detect.self_check import Proof
from coalmine_aggregator.judge.clashes import Aside
from coalmine_aggregator.judge.judge import DETECTED_S, Evidence, Judge, Kept
from coalmine_aggregator.judge.links import Links
from coalmine_aggregator.ledger.ledger import Ledger
from coalmine_aggregator.ledger.ring import DEPTH
from coalmine_aggregator.ledger.roster import Roster
from coalmine_aggregator.ledger.settling import Settler
from coalmine_aggregator.model.agent_life import AgentLife
from coalmine_aggregator.model.alerts import Alert, Transition
from coalmine_aggregator.model.claims import Claim
from coalmine_aggregator.model.events import Event
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import NO_POLICY, DetectionPolicy, ServicePolicy
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.model.receipts import Receipts
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.restored import Restored
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.settled_slot import SettledSlot
from coalmine_aggregator.model.slot_cells import Revision, SlotCells
from coalmine_aggregator.model.slot_counts import SlotCounts
from coalmine_aggregator.model.timings import NO_TIMINGS, Timings
from coalmine_aggregator.model.views import AgentView, GroupRates, GroupSums
from coalmine_aggregator.model.withdrawal import Mode, Wanted
from coalmine_aggregator.rates import rates, recent_sums
from coalmine_aggregator.remediate.remediator import Remediator, Settled, Watched
from coalmine_aggregator.remediate.turn import NO_TURN, Controls, Turn
from coalmine_wire.reports import Birth, Report, State

STALL_S = 5.0
"""If so long passed since the last tick, or time went back by more than a second, nobody looked: agents
are given time to be heard again before their silence is told."""


_COUNTING = {Proof.OK: Counting.RIGHT, Proof.WRONG: Counting.WRONG, Proof.UNPROVEN: Counting.UNPROVEN}


class Tick(NamedTuple):
    """What a tick did.

    `settled` in order of slot, each slot once; `revised` whole replacements of settled slots;
    `exceptions` what the store keeps of slots, by slot, for `Restored.exceptions`; `events` what the
    log is told. For history: `slots` by series (revised ones first, then those settled), the step times
    of attempts that reports told of meanwhile, and the changes in agents' lives. `remediation` is what
    is wanted of service discovery; `NO_TURN`, no news, in a tick that settles no slot.
    """

    settled: list[SlotCounts]
    revised: list[SlotCounts]
    transitions: list[Transition]
    exceptions: list[tuple[int, bytes]]
    events: list[Event]
    slots: Sequence[SettledSlot] = ()
    timings: Timings = NO_TIMINGS
    lives: Sequence[AgentLife] = ()
    remediation: Turn = NO_TURN


class Engine:
    """One aggregator. `now` is always wall time in seconds since the epoch, from a clock of the caller
    that does not run backwards unseen; `sources` names the receipt sources, by number."""

    def __init__(
        self,
        *,
        fleet: str,
        policies: Mapping[str, ServicePolicy],
        sources: Sequence[str],
        restored: Restored | None = None,
        detection: DetectionPolicy | None = None,
        control_key: bytes | None = None,
        own: ServicePolicy = NO_POLICY,
        remediation: Mapping[str, RemediationPolicy] | None = None,
        now: float,
        depth: int = DEPTH,
    ) -> None:
        """Begins with the next second. `restored` is what an earlier run left; the slots between its
        last one and this run are unknown, for good. `own` is what alerts about Coalmine itself carry,
        `remediation` the rules of the services that opted in, `depth` the number of slots in the ring.
        """
        past = restored or Restored()
        self.policies = policies
        self._ledger = Ledger(sources, now, past.last_slot, depth)
        self._ledger.restore(past.exceptions)
        self._ledger.recall(past.recent)
        self._roster = Roster(self._ledger)
        for birth in past.births:
            self._roster.restore(birth, now)
        for state in past.states:
            self._roster.state(state, now)
        self._roster.settle_in(now)
        self._views = AgentViews(self._ledger, self._roster)
        self._settler = Settler(self._ledger.series)
        self.judge = Judge(
            fleet,
            policies,
            detection or DetectionPolicy(),
            began=self._ledger.book.began,
            next_number=past.next_number,
            open_alerts=past.open_alerts,
            closed_alerts=past.closed_alerts,
            learned=past.learned,
            minutes=past.slo,
            control_key=control_key,
            own=own,
        )
        for birth in past.births:
            self._enrol_control(birth)
        rules = self._rules = remediation or {}
        self._remediator = Remediator(rules, self.judge.services, past.learned)
        self._controls = Controls()
        self._turn = NO_TURN
        self._late: list[Revision] = []  # since the last turn
        # What an earlier run withdrew is taken for out until this one has decided, for a lease at most.
        self._said = {name: (now, now + each.lease_s) for name, each in rules.items()}
        for name in policies.keys() - rules.keys():
            self.judge.withdraw(name, frozenset(), int(now))
        self._links = Links(sources)
        self._housekept = 0
        self._watched: Sequence[Finding] = ()
        self._claims: Sequence[Claim] = ()
        self._settled: int | None = None
        self._ticked = now

    @property
    def series_names(self) -> Sequence[str]:
        """The full names of series by the ids of `Tick.slots`: a list that only grows. Those
        that control agents send begin with a mark, see `ledger.series`."""
        return self._ledger.series.names

    @property
    def leaves(self) -> Sequence[Leaf]:
        """The leaves that series were ever expected of: a list that only grows."""
        return self._ledger.series.leaves

    @property
    def first_unsettled(self) -> int:
        """The next slot that will be settled."""
        return self._ledger.next

    def table_changes(self) -> list[tuple[bytes, int | None]]:
        """Names of series that receivers shall know from now on, with their ids; None: no longer."""
        return self._roster.table_changes()

    def birth(self, birth: Birth, now: float) -> None:
        """An agent introduces itself."""
        self._roster.birth(birth, now)
        self._enrol_control(birth)

    def state(self, state: State, now: float) -> None:
        """An agent says how it is, or its last will does."""
        self._roster.state(state, now)

    def report(self, report: Report, now: float) -> None:
        """An agent says how slots ended."""
        self._roster.report(report, now)

    def receive(self, receipts: Receipts) -> None:
        """Datapoints arrived."""
        self._ledger.receive(receipts)

    def gap(self, first_slot: int, last_slot: int, why: str) -> None:
        """We could not have received what belongs to these slots."""
        self._ledger.gap(first_slot, last_slot, why)

    def source_gap(self, source: int, first_slot: int, last_slot: int) -> None:
        """One receipt source could not have received what belongs to these slots."""
        self._ledger.sources.gap(source, first_slot, last_slot)

    def acknowledge(self, number: int, by: str, now: float) -> list[Transition]:
        """Somebody works on an open alert; nothing where it is acknowledged already. Raises KeyError
        for one that is not open."""
        return self.judge.acknowledge(number, by, now)

    def answer(self, number: int, actionable: bool) -> None:
        """Whether there was anything to do about a closed alert, as people say."""
        self.judge.answer(number, actionable)

    def connections(self, numbers: Sequence[int]) -> None:
        """How many connections each receipt source has; to be told once a second."""
        self._links.look(numbers)

    def source_restarted(self, source: int, at: float) -> None:
        """Our receiver of a source began anew: a gap until its first receipt, 30 s at most."""
        self._ledger.sources.restarted(source, at)

    def watch(self, findings: Sequence[Finding]) -> None:
        """What is wrong with the aggregator itself, as those see it who watch it: in place of what was
        told of that before."""
        self._watched = findings

    def control(self, controls: Controls) -> None:
        """What people and the pair say of remediation, in place of what they said before."""
        self._controls = controls

    def watched(self) -> dict[str, Watched]:
        """How nodes look to remediation, by service of those that opted in."""
        return self._remediator.watched()

    def remembered(self) -> dict[str, str]:
        """What remediation remembers, for the other aggregator of a pair: JSON by service."""
        return self._remediator.remembered()

    def adopt(self, theirs: Mapping[str, str]) -> None:
        """What the other aggregator remembers of remediation, to go on from should it fall silent."""
        self._remediator.adopt(theirs)

    def claim(self, claims: Sequence[Claim]) -> None:
        """The open alerts of the other aggregator of a pair, in place of those told before."""
        self._claims = claims

    def progress(self, now: float) -> Progress:
        """How the counting goes."""
        view = self.judge.control.view
        counting = Counting.UNCHECKED if view is None else _COUNTING[view.state]
        return Progress(now, self._settled, counting)

    def tick(self, now: float) -> Tick:
        """Settles what is due, in order. To be called several times a second."""
        if not -1.0 <= now - self._ticked <= STALL_S:
            self._roster.settle_in(now)
            self.judge.pause(max(self._ledger.next, int(now)))
        self._ticked = now
        if int(now) != self._housekept:
            self._housekept = int(now)
            self._roster.tick(now)
        turn = self._ledger.tick(now, self._roster.delay_s, self._roster.resting)
        settled = [self._settler.counts(table) for table in turn.settled]
        revised = [self._settler.counts(table) for table in turn.revised]
        timings = self._roster.stopwatch.drain() if turn.cells else NO_TIMINGS
        evidence = Evidence(
            turn.cells,
            turn.revisions,
            self._ledger.open_slots(now),
            self._roster.presence if self._roster.missing else None,
            self._asides(),
            self._links.sources(),
            timings,
            (*self._watched, *self._turn.findings),
            self._claims,
        )
        if settled:
            self._settled = settled[-1].slot
        transitions = self.judge.step(evidence, self._ledger.series, now)
        decided = self._remediate(turn.cells, turn.revisions, now)
        return Tick(
            settled,
            revised,
            transitions,
            turn.kept,
            [*self._roster.drain(), *self._remediator.drain()],
            turn.slots,
            timings,
            self._roster.drain_lives(),
            decided,
        )

    def rates(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> list[GroupRates]:
        """Counts by second of the series that carry the labels of `where`, grouped by those of `by`,
        over the settled slots of [first, last]. Raises KeyError for a label that there is not."""
        return rates(self._ledger, by, where, first, last)

    def recent_sums(
        self, by: Sequence[str], where: Mapping[str, str], first: int, last: int
    ) -> GroupSums | None:
        """The same of the newest of these slots, as far as that takes milliseconds; None if not at
        all. Raises KeyError."""
        return recent_sums(self._ledger, by, where, first, last)

    def agents(self, now: float) -> list[AgentView]:
        """Every agent of the roster, and those set aside."""
        return self._views.all(now)

    def kept(self) -> Kept:
        """What the store shall have beside a tick's results; to be asked once a second."""
        kept = self.judge.kept(self._ledger.next)
        kept.learned.extend(self._remediator.kept())
        return kept

    def open_alerts(self) -> list[Alert]:
        """The open alerts, the oldest first."""
        return list(self.judge.open)

    def closed_alerts(self) -> list[Alert]:
        """The closed loss alerts whose counts are still corrected, the oldest first."""
        return list(self.judge.closed)

    def oddities(self) -> dict[str, int]:
        """What was counted apart since the start, by kind."""
        return dict(self._ledger.oddities)

    def receipts(self) -> dict[str, int]:
        """Datapoints of known series received since the start, by source."""
        return dict(zip(self._ledger.sources.names, self._ledger.sources.receipts, strict=True))

    def _remediate(self, cells: Sequence[SlotCells], revisions: Sequence[Revision], now: float) -> Turn:
        """Decides what is wanted, once a slot settled and the judge has seen the same evidence."""
        if not self._said:
            return NO_TURN
        newest = self._ledger.next - 1
        self._late += [each for each in revisions if newest - each.after.slot <= DETECTED_S]
        if not cells:
            return NO_TURN
        settled, self._late = Settled(cells, self._late), []
        self._turn = self._remediator.step(settled, self._ledger.series, self._controls, now)
        for name, (first, end) in self._said.items():
            wanted = self._turn.wanted.get(name)
            if wanted is not None:
                self._said[name] = now, now + wanted.lease_s
                self.judge.withdraw(name, self._out(wanted), int(now))
            elif not first - STALL_S <= now < end:  # nobody holds any more to what was last said
                self.judge.withdraw(name, frozenset(), int(now))
        return self._turn

    def _out(self, wanted: Wanted) -> frozenset[str]:
        """Who gets no traffic, whichever aggregator of a pair sees to that."""
        acts = wanted.mode is Mode.ACTING
        acts = acts or (wanted.mode is Mode.STANDBY and not self._rules[wanted.service].dry_run)
        return frozenset(each.node for each in wanted.out) if acts else frozenset()

    def _enrol_control(self, birth: Birth) -> None:
        if birth.control:
            self.judge.control.birth(birth, self._ledger.series)

    def _asides(self) -> Sequence[Aside]:
        if not self._roster.aside:
            return ()
        return [
            Aside(
                each.birth.agent,
                each.birth.boot,
                each.birth.host,
                tuple(sorted({endpoint.service for endpoint in each.birth.endpoints})),
                each.heard,
                each.why,
            )
            for each in self._roster.aside.values()
        ]
