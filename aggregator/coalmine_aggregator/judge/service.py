"""One service: what its slots say, put before every watch over it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.detect.likelihood import P1S
from coalmine_aggregator.detect.closing import Closing
from coalmine_aggregator.detect.learning import Learner
from coalmine_aggregator.detect.noise import PRIOR
from coalmine_aggregator.detect.thresholds import threshold
from coalmine_aggregator.judge.blind import BlindWatch
from coalmine_aggregator.judge.cells import ServiceCells
from coalmine_aggregator.judge.fault import Place, Sources, judge
from coalmine_aggregator.judge.open_cause import OpenCause
from coalmine_aggregator.judge.share import ShareWatch
from coalmine_aggregator.judge.recent import Recent, RecentSlot, count
from coalmine_aggregator.judge.watch import Cells, Now, Watch
from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import BAD, NEITHER, Fate
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.scopes import scope_of
from coalmine_aggregator.model.slot_cells import ABSENT, OpenSlot, Revision, SlotCells

_BAD = np.zeros(256, dtype=np.bool_)
_BAD[list(BAD)] = True
_NEITHER = np.zeros(256, dtype=np.bool_)
_NEITHER[list(NEITHER)] = True

LOCATIONS = ("external", "internal", "on-machine")

RELABELLED_S = 24 * 3600
"""Late evidence corrects the counts of alerts that ended this long ago."""

MOST_ENDED = 64
"""Ended causes whose counts are still corrected, the newest."""

JUDGED_AGAIN_S = 10
"""Slots after a cause began in which the question whose fault it is is asked again."""

Mask = NDArray[np.bool_]


class Ended(NamedTuple):
    """A cause that is over: its scope from `cause.since` to `last` counts as lost, and no more."""

    cause: OpenCause
    last: int


class ServiceJudge:
    """Takes the slots of one service in their order."""

    def __init__(
        self, policy: ServicePolicy, began: int, learner: Learner, open_alerts: Sequence[Alert] = ()
    ) -> None:
        """`began` is the first slot of this run; `open_alerts` are of this service and an earlier run."""
        self.policy = policy
        self.cells = ServiceCells(policy.name)
        self.learner = learner
        self.loss = Watch(self.cells, policy.acceptable_loss, learner.noise)
        self.shares = {
            each: ShareWatch(each, policy.name, self.cells, policy.acceptable_loss, PRIOR)
            for each in (AlertClass.DUPLICATES, AlertClass.LATE)
        }
        self.blind = BlindWatch(policy.name, began)
        self.recent = Recent()
        self.ended: deque[Ended] = deque(maxlen=MOST_ENDED)
        self.corrected: set[str] = set()
        for alert in open_alerts:
            if alert.alert_class is AlertClass.LOSS:
                self.loss.restore(self._restored(alert))

    def learn(self, series: AllSeries) -> None:
        """Takes in new series."""
        self.cells.learn(series)

    def set_threshold(self, false_pages_per_year: float, services: int) -> None:
        """Follows the number of patterns."""
        value = threshold(self.loss.patterns, false_pages_per_year, bank=len(P1S), services=services)
        self.loss.threshold = value
        for share in self.shares.values():
            share.watch.threshold = value

    # Slots.

    def settle(self, slot: SlotCells, sources: Sources) -> None:
        """One settled slot."""
        fates, received = self.cells.take(slot.fates), self.cells.flags(slot.received)
        now = _cells_of(slot.slot, fates)
        self.loss.settle(now, slot.expected)
        self.recent.add(RecentSlot(slot.slot, fates, received))
        self.blind.settle(slot.slot, fates, int(np.count_nonzero(received)))
        for cause in list(self.loss.causes):
            inside, beside = self._split(cause, fates, received)
            judged = inside.expected - sum(inside.fates[fate] for fate in NEITHER)
            if cause.settle(inside, beside, judged, inside.bad):
                self.loss.close(cause)
                self.ended.append(Ended(cause, slot.slot))
        twice = self.cells.mask(slot.twice) & now.expected
        arrived = Cells(slot.slot, now.expected, twice, now.expected & ~received)
        self.shares[AlertClass.DUPLICATES].settle(arrived, slot.expected)
        nothing = np.zeros(len(fates), dtype=np.bool_)
        self.shares[AlertClass.LATE].settle(now._replace(bad=nothing), slot.expected)
        self._tell(self.loss.alarm(), (), sources)
        self._tell(self.loss.follow(), (), sources)
        for cause in self.loss.causes:
            if cause.age_s <= JUDGED_AGAIN_S:
                self._judge(cause, sources)
        self._forget(slot.slot)

    def look(self, slots: Sequence[OpenSlot], sources: Sources) -> None:
        """The open slots, a few times a second while something in them went bad."""
        seen: list[Now] = []
        for each in slots:
            fates = self.cells.take(each.fates)
            bad = _BAD[fates]
            seen.append(
                Now(each.slot, fates != ABSENT, bad, _NEITHER[fates], fates == Fate.DELIVERED)
            )
        if any(each.bad.any() for each in seen):
            self._tell(self.loss.alarm(seen), slots, sources)

    def revise(self, revision: Revision, detected: bool) -> None:
        """A settled slot is known otherwise; `detected` says whether that still may page."""
        slot = revision.after.slot
        before, after = self.cells.take(revision.before.fates), self.cells.take(revision.after.fates)
        received = self.cells.flags(revision.after.received)
        if detected:
            self.loss.revise(_cells_of(slot, before), _cells_of(slot, after))
            self.recent.revise(RecentSlot(slot, after, received))
            lost = self._lost_at(slot, len(after))
            self.shares[AlertClass.LATE].revise(
                _late_of(slot, before, lost), _late_of(slot, after, lost), revision.after.expected
            )
        for cause, last in (*((each, slot) for each in self.loss.causes), *self.ended):
            if cause.since <= slot <= last:
                had = count(before, self.cells.flags(revision.before.received), cause.members)
                has = count(after, received, cause.members)
                cause.total = _corrected(cause.total, had, has)
                self.corrected.add(cause.handle)

    def findings(self) -> list[Finding]:
        """What is wrong now."""
        return [
            *(self._finding(cause) for cause in self.loss.causes),
            *self.blind.findings(),
            *(finding for share in self.shares.values() for finding in share.findings()),
        ]

    def ended_cause(self, handle: str) -> OpenCause | None:
        """A cause that is over and not forgotten yet."""
        return next((each.cause for each in self.ended if each.cause.handle == handle), None)

    def _lost_at(self, slot: int, count: int) -> Mask:
        """bool[count]: the cells that a loss alert had in its scope in a slot."""
        lost = np.zeros(count, dtype=np.bool_)
        for cause, last in (*((each, slot) for each in self.loss.causes), *self.ended):
            if cause.since <= slot <= last:
                lost[: len(cause.members)] |= cause.members[:count]
        return lost

    # Causes.

    def _tell(
        self, changed: Sequence[OpenCause], slots: Sequence[OpenSlot], sources: Sources
    ) -> None:
        for cause in changed:
            cause.window.clear()
            cause.total = NOTHING
            for each in self.recent.since(cause.since):
                inside, beside = self._split(cause, each.fates, each.received)
                cause.window.append((inside, beside))
                cause.total += inside
            cause.ahead = tuple(
                self._split(cause, self.cells.take(each.fates), None)
                for each in slots
                if each.slot >= cause.since
            )
            self._judge(cause, sources)

    def _split(
        self, cause: OpenCause, fates: NDArray[np.uint8], received: Mask | None
    ) -> tuple[Counts, Counts]:
        width = min(len(cause.members), len(fates))
        members = cause.members[:width]
        rest = np.ones(len(fates), dtype=np.bool_)
        rest[:width] = ~members
        return count(fates, received, members), count(fates, received, rest)

    def _judge(self, cause: OpenCause, sources: Sources) -> None:
        traffic: dict[str, str] = {
            label: value for label, value in cause.scope if label in ("protocol", "variant")
        }
        by_location: dict[str, Place] = {}
        slots = list(self.recent.since(max(cause.since, self.loss.history.last - JUDGED_AGAIN_S)))
        for location in LOCATIONS:
            members = self.cells.lattice.members(scope_of({**traffic, "location": location}))
            counts = sum((count(each.fates, None, members) for each in slots), NOTHING)
            by_location[location] = Place(counts.judged, counts.bad)
        counts = cause.counts
        cause.judgement = judge(cause.scope, counts.loss or 1.0, by_location, counts.fates, sources)

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
            note=cause.judgement.why,
            quiet=cause.quiet,
            explanation=cause.explanation._replace(facts=facts),
        )

    def _restored(self, alert: Alert) -> OpenCause:
        loss = alert.counts.loss or 1.0
        return OpenCause(
            handle=alert.handle or f"restored.{alert.number}",
            scope=alert.scope,
            equivalents=alert.equivalents,
            members=np.zeros(0, dtype=np.bool_),
            since=alert.since,
            quiet=alert.severity is Severity.TICKET,
            closing=Closing(self.policy.acceptable_loss, loss),
            total=alert.total,
            age_s=JUDGED_AGAIN_S + 1,
        )

    def _forget(self, slot: int) -> None:
        while self.ended and self.ended[0].last < slot - RELABELLED_S:
            self.ended.popleft()


def _cells_of(slot: int, fates: NDArray[np.uint8]) -> Cells:
    return Cells(slot, fates != ABSENT, _BAD[fates], _NEITHER[fates])


def _late_of(slot: int, fates: NDArray[np.uint8], lost: Mask) -> Cells:
    return Cells(slot, fates != ABSENT, (fates == Fate.LATE) & ~lost, _NEITHER[fates])


def _corrected(total: Counts, had: Counts, has: Counts) -> Counts:
    fates = tuple(t - a + b for t, a, b in zip(total.fates, had.fates, has.fates, strict=True))
    return Counts(total.received - had.received + has.received, fates)
