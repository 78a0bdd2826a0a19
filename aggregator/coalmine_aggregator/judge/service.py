"""One service: what its slots say, put before every watch over it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.budget import BudgetWatch
from coalmine_aggregator.detect.burn import BurnWatch
from coalmine_aggregator.detect.learning import Learner
from coalmine_aggregator.detect.likelihood import P1S
from coalmine_aggregator.detect.noise import PRIOR
from coalmine_aggregator.detect.slo import Slo
from coalmine_aggregator.detect.thresholds import threshold
from coalmine_aggregator.judge.blind import BlindWatch
from coalmine_aggregator.judge.cells import ServiceCells
from coalmine_aggregator.judge.costs import Cost
from coalmine_aggregator.judge.fault import Place, Sources, judge
from coalmine_aggregator.judge.nesting import within
from coalmine_aggregator.judge.open_cause import JUDGED_AGAIN_S, Ended, OpenCause
from coalmine_aggregator.judge.past import ServicePast
from coalmine_aggregator.judge.reach import EVERY_S, reach_of
from coalmine_aggregator.judge.recent import Recent, RecentSlot, count
from coalmine_aggregator.judge.service_slots import Cells, Now, among
from coalmine_aggregator.judge.share import ShareWatch
from coalmine_aggregator.judge.taken_out import TOGETHER_S
from coalmine_aggregator.judge.watch import Watch
from coalmine_aggregator.judge.withdrawn import Withdrawn
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import AlertClass, Cause, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import BAD, NEITHER, Fate
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.scopes import Scope, describe, scope_of
from coalmine_aggregator.model.slot_cells import ABSENT, OpenSlot, Revision, SlotCells
from coalmine_wire.series import Location

RELABELLED_S = 24 * 3600
"""Late evidence corrects the counts of alerts that ended this long ago."""

MOST_ENDED = 64
"""Ended causes whose counts are still corrected, the newest."""

MOST_JUDGED = 1_000_000
"""Cells, of all slots together, by which it is told whose fault a loss is."""

Mask = NDArray[np.bool_]


class ServiceJudge:
    """Takes the slots of one service in their order."""

    def __init__(
        self,
        policy: ServicePolicy,
        began: int,
        pages_per_year: float,
        past: ServicePast,
    ) -> None:
        """`began` is the first slot of this run, `pages_per_year` this service's part of the budget."""
        self.policy = policy
        self.cells = ServiceCells(policy.name)
        self.learner = Learner(policy.acceptable_loss, past.learned)
        self.loss = Watch(self.cells, policy.acceptable_loss, self.learner.noise)
        self.shares = {
            each: ShareWatch(each, policy.name, self.cells, policy.acceptable_loss, PRIOR)
            for each in (AlertClass.DUPLICATES, AlertClass.LATE)
        }
        self.blind = BlindWatch(policy.name, began)
        self.slo = Slo(policy.budget, policy.slo_window_s)
        if past.minutes is not None:
            self.slo.restore(past.minutes)
        was_open = {alert.alert_class for alert in past.open_alerts}
        self.burn = BurnWatch(
            policy.name,
            self.slo,
            false_pages_per_year=pages_per_year,
            was_open=AlertClass.BURN in was_open,
        )
        self.budget = BudgetWatch(
            policy.name,
            policy.acceptable_loss,
            self.slo,
            was_open=AlertClass.BUDGET in was_open,
        )
        self.withdrawn = Withdrawn(self.cells, past.withdrawn)
        self._pages_per_year = pages_per_year
        self._silent: tuple[frozenset[str], int, Mask] = (frozenset(), 0, np.zeros(0, dtype=np.bool_))
        self.recent = Recent()
        self.ended: deque[Ended] = deque(maxlen=MOST_ENDED)
        self.corrected: set[str] = set()
        for cause in past.causes():
            self.loss.restore(cause)
        for ended, told_otherwise in past.ended():
            self.ended.append(ended)
            if told_otherwise:
                self.corrected.add(ended.cause.handle)

    def learn(self, series: AllSeries) -> None:
        """Takes in new series."""
        self.cells.learn(series)

    def _follow_patterns(self) -> None:
        value = threshold(self.loss.patterns, self._pages_per_year, bank=len(P1S))
        self.loss.threshold = value
        for share in self.shares.values():
            share.watch.threshold = value

    # Slots.

    def settle(self, slot: SlotCells, sources: Sources, silent: frozenset[str] = frozenset()) -> None:
        """One settled slot; `silent` are the hosts of silent agents."""
        if slot.slot <= self.loss.history.last:
            self._rewind(slot.slot)
        taken = self.withdrawn.take(slot)
        fates, received = taken.fates, taken.received
        now = _cells_of(slot.slot, fates)
        changed = self.loss.settle(now, taken.expected)
        whole = count(fates, received, None)
        lost = self.loss.masked
        if any(cause.since > slot.slot for cause in self.loss.causes):  # known before this slot settled
            lost = self._lost_at(slot.slot, len(fates))
        self.recent.add(RecentSlot(slot.slot, fates, received, whole, lost))
        self._account(slot.slot, whole, _inside(fates, lost), 1)
        self._end_absorbed(slot.slot)
        received_now = int(np.count_nonzero(received))
        self.blind.settle(slot.slot, fates, received_now, self._silent_cells(silent))
        for cause in list(self.loss.causes):
            self._touch(cause, now.bad)
            if slot.slot % EVERY_S == 0:
                self._reach(cause, now.expected)
            inside, beside = _split(cause, fates, received, whole)
            cause.quiet = cause.quiet and not self.loss.taken_out.outgrown(cause, slot.slot)
            cause.withdrawn = self.withdrawn.among(taken, self._members(cause))
            if slot.slot >= cause.since and (
                cause.settle(inside, beside, self.loss.p0, self.loss.noise.rho) or cause.withdrawn
            ):
                self.loss.close(cause, self.cells.nodes(slot.fates) if cause.withdrawn else 0)
                self.ended.append(Ended(cause, slot.slot))
        twice = self.cells.mask(slot.twice) & now.expected
        arrived = Cells(slot.slot, now.expected, twice, now.expected & ~received)
        self.shares[AlertClass.DUPLICATES].settle(arrived, taken.expected)
        nothing = np.zeros(len(fates), dtype=np.bool_)
        self.shares[AlertClass.LATE].settle(now._replace(bad=nothing), taken.expected)
        anew = slot.slot if changed else None
        changed = changed or self.loss.follow()
        self._tell(changed, (), sources, anew)
        for cause in self.loss.causes:
            if 0 < cause.age_s <= JUDGED_AGAIN_S and cause not in changed:
                self._judge(cause, sources)
        self._follow_patterns()
        self._learn(now)
        self.burn.look(slot.slot)
        self.budget.look(slot.slot)
        self._forget(slot.slot)

    def _rewind(self, slot: int) -> None:
        """Time went back to this slot: what was settled lies in the future."""
        self.slo.rewind(slot)
        self.recent.clear()
        self.ended.clear()
        self.learner.forget()
        for cause in self.loss.causes:
            cause.counted.clear()

    def _silent_cells(self, hosts: frozenset[str]) -> Mask | None:
        if not hosts:
            return None
        known, count, mask = self._silent
        if hosts is not known or count != len(self.cells):
            mask = self.cells.of("host", hosts)
            self._silent = hosts, len(self.cells), mask
        return mask

    def _learn(self, now: Cells) -> None:
        """Of a slot in which nothing is open; one that led to an alert is taken back."""
        if self.loss.causes:
            self.learner.forget(min(cause.since for cause in self.loss.causes))
            return
        judged = int(np.count_nonzero(now.expected & ~now.neither))
        self.learner.learn(now.slot, judged, int(np.count_nonzero(now.bad)))
        noise = self.learner.noise
        if (noise.rho, noise.q, noise.c) != (self.loss.noise.rho, self.loss.noise.q, self.loss.noise.c):
            self.loss.set_noise(noise)

    def look(self, slots: Sequence[OpenSlot], sources: Sources) -> None:
        """The open slots, a few times a second while something in them went bad."""
        seen: list[Now] = []
        for each in slots:
            fates = self.withdrawn.fates(each.slot, each.fates)
            bad, neither = among(fates, BAD), among(fates, NEITHER)
            seen.append(Now(each.slot, fates != ABSENT, bad, neither, fates == Fate.DELIVERED))
        if any(each.bad.any() for each in seen):
            self._tell(self.loss.look(seen), slots, sources)

    def revise(self, revision: Revision, detected: bool) -> None:
        """A settled slot is known otherwise; `detected` says whether that still may page."""
        slot = revision.after.slot
        was, became = self.withdrawn.take(revision.before), self.withdrawn.take(revision.after)
        before, after, received = was.fates, became.fates, became.received
        recent = self.recent.at(slot)
        lost = self._lost_at(slot, len(after)) if recent is None else _padded(recent.lost, len(after))
        self._account(slot, count(before, None, None), _inside(before, lost), -1)
        self._account(slot, count(after, None, None), _inside(after, lost), 1)
        if detected:
            told = self.withdrawn.or_out(lost)
            self.loss.revise(_cells_of(slot, before), _cells_of(slot, after), told)
            self.shares[AlertClass.LATE].revise(
                _late_of(slot, before, told), _late_of(slot, after, told), became.expected
            )
        if recent is not None:
            whole = count(after, received, None)
            self.recent.replace(recent._replace(fates=after, received=received, whole=whole))
        for cause, last in (*((each, slot) for each in self.loss.causes), *self.ended):
            scope = cause.counted_at(slot)
            if cause.since <= slot <= last and scope is not None:
                same = scope == cause.scope
                members = self._members(cause) if same else self.cells.lattice.members(scope)
                had = count(before, was.received, members)
                has = count(after, received, members)
                if had != has:
                    cause.total = _corrected(cause.total, had, has)
                    self.corrected.add(cause.handle)

    def losses(self) -> list[Finding]:
        """The losses that are open."""
        return [self._finding(cause) for cause in self.loss.causes]

    def series_in(self, scope: Scope) -> NDArray[np.int32]:
        """The ids of the series in a scope, expected or not. Raises KeyError for an unknown label."""
        return self.cells.series_in(scope)

    def findings(self) -> list[Finding]:
        """What is wrong now, and once what another cause has taken in."""
        absorbed = [
            self._finding(cause)._replace(within=(wider.handle,))
            for cause, wider in self.loss.absorbed
            if any(wider is each for each in self.loss.causes)
        ]
        self.loss.absorbed.clear()
        return [
            *self.losses(),
            *absorbed,
            *self.blind.findings(),
            *(finding for share in self.shares.values() for finding in share.findings()),
            *self.burn.findings(),
            *self.budget.findings(),
        ]

    def ended_cause(self, handle: str) -> OpenCause | None:
        """A cause that is over and not forgotten yet."""
        return next((each.cause for each in self.ended if each.cause.handle == handle), None)

    def costs(self) -> dict[str, Cost]:
        """What the losses that are over and those that are open have cost so far, by handle."""
        over = {each.cause.handle: Cost.of(each.cause, each.last) for each in self.ended}
        return over | {cause.handle: Cost.of(cause) for cause in self.loss.causes}

    def _account(self, slot: int, whole: Counts, lost: Counts, sign: int) -> None:
        """Adds a slot to the objective's sums, or takes it out of them. `lost` are the counts of what
        loss alerts have in their scopes."""
        outside_judged, outside_bad = whole.judged - lost.judged, whole.bad - lost.bad
        counts = (whole.judged, whole.bad, outside_judged, outside_bad)
        self.slo.add(slot, *(sign * each for each in counts))

    def _exclude(self, cause: OpenCause) -> None:
        """What was lost in a cause's scope before it was known is not outside of it, either."""
        masks: dict[int, tuple[Mask, Mask]] = {}
        for each in list(self.recent.since(cause.since)):
            known = masks.get(id(each.lost))
            if known is None:
                before = np.zeros(len(self.cells), dtype=np.bool_)
                if each.lost is not None:
                    before[: len(each.lost)] = each.lost
                members = np.zeros(len(self.cells), dtype=np.bool_)
                members[: len(cause.members)] = cause.members
                known = masks[id(each.lost)] = before | members, members & ~before
            lost, newly = known
            more = _inside(each.fates, newly)
            self.slo.add(each.slot, 0, 0, -more.judged, -more.bad)
            self.recent.replace(each._replace(lost=lost))

    def _lost_at(self, slot: int, count: int) -> Mask:
        """bool[count]: the cells that a loss alert had in its scope in a slot."""
        lost = np.zeros(count, dtype=np.bool_)
        for cause, last in (*((each, slot) for each in self.loss.causes), *self.ended):
            if cause.since <= slot <= last:
                lost |= self._members(cause)[:count]
        return lost

    def _members(self, cause: OpenCause) -> Mask:
        """bool[cells]: an earlier run's come without, and what is over does not grow by itself."""
        if len(cause.members) < len(self.cells):
            cause.members = self.cells.lattice.members(cause.scope)
        return cause.members

    # Causes.

    def _tell(
        self,
        changed: Sequence[OpenCause],
        slots: Sequence[OpenSlot],
        sources: Sources,
        anew: int | None = None,
    ) -> None:
        """Counts what is new or has moved; slot `anew` is counted by the new scopes already."""
        self._end_absorbed(None)
        ahead: list[tuple[int, NDArray[np.uint8]]] = []
        if changed:
            ahead = [(each.slot, self.withdrawn.fates(each.slot, each.fates)) for each in slots]
        for cause in changed:
            self._count_anew(cause, anew, cause.members)
            cause.ahead = tuple(
                _split(cause, fates, None, count(fates, None, None))
                for slot, fates in ahead
                if slot >= cause.since
            )
            self._judge(cause, sources, slots)
            self._reach_anew(cause, slots)
            self._exclude(cause)

    def _end_absorbed(self, uncounted: int | None) -> None:
        """What another cause took in is over. Its scope may have moved just before; slot `uncounted`
        it does not count yet."""
        for cause, _ in self.loss.absorbed:
            if not any(cause is each.cause for each in self.ended):
                self.ended.append(Ended(cause, self.loss.history.last))
                self._count_anew(cause, uncounted, None)

    def _count_anew(self, cause: OpenCause, anew: int | None, anew_by: Mask | None) -> None:
        """Counts a cause by its scope as it is, as far back as slots are remembered. All of them are
        counted by the scope before, but slot `anew` by these members, or not at all."""
        slots_since = list(self.recent.since(cause.since))
        if cause.counted:
            before = self.cells.lattice.members(cause.counted[-1][0])
            for each in slots_since:
                members = anew_by if each.slot == anew else before
                if members is not None:
                    had = count(each.fates, each.received, members)
                    cause.total = _corrected(cause.total, had, NOTHING)
        else:
            cause.total = NOTHING
        first = slots_since[0].slot if slots_since else cause.since
        cause.counted.append((cause.scope, first))
        cause.window.clear()
        for each in slots_since:
            inside, beside = _split(cause, each.fates, each.received, each.whole)
            cause.window.append((inside, beside))
            cause.total += inside

    def _judge(self, cause: OpenCause, sources: Sources, ahead: Sequence[OpenSlot] = ()) -> None:
        traffic: dict[str, str] = {
            label: value for label, value in cause.scope if label in ("protocol", "variant")
        }
        by_location: dict[str, Place] = {}
        others = np.zeros(len(self.cells), dtype=np.bool_)
        for other in self.loss.causes:
            if other is not cause:
                others[: len(other.members)] |= other.members
        first = max(cause.since, self.loss.history.last - JUDGED_AGAIN_S)
        slots = [each.fates for each in self.recent.since(first)]
        slots += [self.withdrawn.fates(each.slot, each.fates) for each in ahead if each.slot >= first]
        slots = slots[-max(1, MOST_JUDGED // max(len(self.cells), 1)) :]
        for location in map(str, Location):
            members = self.cells.lattice.members(scope_of({**traffic, "location": location}))
            members = members & ~others
            counts = sum((count(fates, None, members) for fates in slots), NOTHING)
            by_location[location] = Place(counts.judged, counts.bad)
        counts = cause.counts
        found = judge(cause.scope, counts.loss or 1.0, by_location, counts.fates, sources)
        if found.cause is not Cause.UNKNOWN or cause.judgement.cause is Cause.UNKNOWN:
            cause.judgement = found

    def _touch(self, cause: OpenCause, bad: Mask) -> None:
        if len(cause.touched) < len(bad):
            cause.touched = _padded(cause.touched, len(bad))
        cause.touched[: len(bad)] |= bad

    def _reach(self, cause: OpenCause, expected: Mask) -> None:
        count = len(self.cells)
        members = self._members(cause)[:count] & _padded(expected, count)
        cause.reach = reach_of(self.cells.lattice, cause.scope, members, _padded(cause.touched, count))

    def _reach_anew(self, cause: OpenCause, slots: Sequence[OpenSlot]) -> None:
        """By the scope as it is now: what is remembered since the loss began, and the open slots."""
        known = [each.fates for each in self.recent.since(cause.since)]
        known += [
            self.withdrawn.fates(each.slot, each.fates) for each in slots if each.slot >= cause.since
        ]
        cause.touched = np.zeros(len(self.cells), dtype=np.bool_)
        for fates in known:
            self._touch(cause, among(fates, BAD))
        newest = self.recent.newest
        if newest is not None:
            self._reach(cause, newest.fates != ABSENT)

    def _finding(self, cause: OpenCause) -> Finding:
        noise = self.loss.noise
        facts = (
            ("acceptable loss", f"{self.loss.p0:g}"),
            ("learned dispersion", f"{noise.rho:.3g}"),
            ("burst loss allowed for", f"{noise.q:.3g}"),
            ("most that one slot counts", f"{noise.c:.3g}"),
            ("patterns watched", str(self.loss.patterns)),
        )
        return Finding(
            AlertClass.LOSS,
            self.policy.name,
            cause.handle,
            Severity.PAGE,
            cause.scope,
            cause.since,
            counts=cause.counts,
            beside=cause.beside,
            total=cause.total,
            window_s=cause.window_s,
            equivalents=cause.equivalents,
            cause=cause.judgement.cause,
            effect=cause.effect,
            note=self._note(cause),
            quiet=cause.quiet,
            reach=cause.reach,
            within=tuple(
                other.handle
                for other in self.loss.causes
                if within(cause.members, other.members) and not within(other.members, cause.members)
            ),
            explanation=cause.explanation._replace(facts=facts),
        )

    def _note(self, cause: OpenCause) -> str:
        """Why it is whose fault, and what else began with it."""
        beside = [
            describe(other.scope)
            for other in self.loss.causes
            if other is not cause and abs(other.since - cause.since) <= TOGETHER_S
        ]
        return "; ".join([cause.judgement.why, *(f"with it began {scope}" for scope in beside)])

    def _forget(self, slot: int) -> None:
        while self.ended and self.ended[0].last < slot - RELABELLED_S:
            self.ended.popleft()


def _cells_of(slot: int, fates: NDArray[np.uint8]) -> Cells:
    return Cells(slot, fates != ABSENT, among(fates, BAD), among(fates, NEITHER))


def _late_of(slot: int, fates: NDArray[np.uint8], lost: Mask) -> Cells:
    return Cells(slot, fates != ABSENT, (fates == Fate.LATE) & ~lost, among(fates, NEITHER))


def _corrected(total: Counts, had: Counts, has: Counts) -> Counts:
    # Where no cost was kept, an earlier run's total may lack what is taken back: never below nothing.
    fates = tuple(max(t - a + b, 0) for t, a, b in zip(total.fates, had.fates, has.fates, strict=True))
    return Counts(max(total.received - had.received + has.received, 0), fates)


def _padded(lost: Mask | None, count: int) -> Mask:
    padded = np.zeros(count, dtype=np.bool_)
    if lost is not None:
        padded[: len(lost)] = lost[:count]
    return padded


def _split(
    cause: OpenCause, fates: NDArray[np.uint8], received: Mask | None, whole: Counts
) -> tuple[Counts, Counts]:
    """The counts of a cause's scope, and of the rest of the service."""
    inside = count(fates, received, cause.members)
    return inside, whole.less(inside)


def _inside(fates: NDArray[np.uint8], mask: Mask | None) -> Counts:
    """The counts of the cells of a mask; of none without one."""
    return NOTHING if mask is None else count(fates, None, mask)
