"""What a loss has cost, whatever is learned of it later, and what an objective is charged with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.judge.recent import count
from coalmine_aggregator.model.alerts import AlertClass, Change
from coalmine_aggregator.model.counts import NOTHING, Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.slot_cells import SlotCells
from coalmine_wire.reports import Verdict
from tests.aggregator.fleet import Canary, T
from tests.aggregator.judge.story import End, Story, fleet, in_zones, losing, report_of

Mask = NDArray[Any]


@dataclass
class Recorder:
    """The fates of all cells in all slots as the ledger tells them, and the scopes of loss by slot."""

    story: Story
    fates: dict[int, Mask] = field(default_factory=dict)
    received: dict[int, Mask] = field(default_factory=dict)
    lost: dict[int, Mask] = field(default_factory=dict)
    moved: dict[int, list[Mask]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        service = self.story.service
        settle, revise, look = service.settle, service.revise, service.look

        def noted_settle(cells: SlotCells, *more: object) -> None:
            self._take(cells)
            over, before = len(service.ended), list(service.loss.causes)
            scopes = [each.members.copy() for each in before if each.since <= cells.slot]
            settle(cells, *more)  # type: ignore[arg-type]
            # The slot that ends a cause is still in its time.
            self._exclude({cells.slot: [each.cause.members for each in [*service.ended][over:]]})
            self._exclude_open()
            self.moved[cells.slot] = scopes

        def noted_look(*arguments: object) -> None:
            look(*arguments)  # type: ignore[arg-type]
            self._exclude_open()

        def noted_revise(revision: object, detected: bool) -> None:
            self._take(revision.after)  # type: ignore[attr-defined]
            revise(revision, detected)  # type: ignore[arg-type]

        service.settle = noted_settle  # type: ignore[assignment,method-assign]
        service.revise = noted_revise  # type: ignore[method-assign]
        service.look = noted_look  # type: ignore[assignment,method-assign]

    def _take(self, cells: SlotCells) -> None:
        self.fates[cells.slot] = self.story.service.cells.take(cells.fates).copy()
        self.received[cells.slot] = self.story.service.cells.flags(cells.received).copy()

    def _exclude(self, scopes: dict[int, list[Mask]]) -> None:
        for slot, members in scopes.items():
            for each in members:
                lost = self.lost.setdefault(slot, np.zeros(len(each), dtype=np.bool_))
                lost |= each[: len(lost)]

    def _exclude_open(self) -> None:
        for cause in self.story.service.loss.causes:
            slots = [slot for slot in self.fates if slot >= cause.since]
            self._exclude({slot: [cause.members] for slot in slots})

    def total(self, first: int, last: int, members: Mask) -> Counts:
        total = NOTHING
        for slot, fates in self.fates.items():
            if first <= slot <= last:
                total += count(fates, self.received[slot], members)
        return total

    def sums(self) -> tuple[int, int, int, int]:
        """Judged and bad, and both outside of all loss alerts, over everything."""
        sums = np.zeros(4, dtype=np.int64)
        for slot, fates in self.fates.items():
            judged = np.isin(fates, [0, 1, 2, 3, 4])
            bad = np.isin(fates, [1, 2, 3, 4])
            rest = ~self.lost.get(slot, np.zeros(len(fates), dtype=np.bool_))
            sums += [judged.sum(), bad.sum(), (judged & rest).sum(), (bad & rest).sum()]
        a, b, c, d = sums.tolist()
        return a, b, c, d


def check_totals(story: Story, recorder: Recorder) -> None:
    """Each loss that is open or over has cost what the fates say, over all of its time."""
    newest = max(recorder.fates)
    for cause, last in (
        *((each, newest) for each in story.service.loss.causes),
        *story.service.ended,
    ):
        assert cause.total == recorder.total(cause.since, last, cause.members)


def check_slo(story: Story, recorder: Recorder) -> None:
    for each in story.service.recent:
        # A scope that moves as a slot settles may count for that slot as it was before, or not.
        surely = recorder.lost.get(each.slot, np.zeros(len(each.fates), dtype=np.bool_))
        lost = surely if each.lost is None else each.lost[: len(surely)]
        assert not (surely & ~lost).any()
        assert not (lost & ~np.logical_or.reduce([surely, *recorder.moved[each.slot]])).any()
        recorder.lost[each.slot] = lost
    sums = story.service.slo.sums(max(recorder.fates), 3_600)
    assert (sums.judged, sums.bad, sums.outside_judged, sums.outside_bad) == recorder.sums()
    known = [bool(np.isin(fates, [0, 1, 2, 3, 4]).any()) for fates in recorder.fates.values()]
    assert sum(known) <= sums.slots <= len(known)  # what becomes a gap later was known once


ACTS = st.lists(
    st.tuples(
        st.integers(0, 70),  # slot
        st.integers(1, 12),  # length
        st.sampled_from(["z0", "z1", "z2", "z3", "all", "tcp"]),
        st.sampled_from([Fate.FAILED, Fate.LOST, Fate.ABANDONED, Fate.NOT_ATTEMPTED, None]),
    ),
    max_size=6,
)
LATER = st.lists(
    st.tuples(
        st.integers(0, 70),  # slot
        st.integers(0, 7),  # canary
        st.sampled_from(["receipt", "failed", "sent", "gap"]),
        st.integers(4, 90),  # how much later
    ),
    max_size=25,
)


# Invariant: whatever ends how and whatever is learned later (late receipts, replays, gaps of ours), the
# counts of every loss alert and the sums of the objective are those of the fates as they stand.
@settings(max_examples=30, deadline=None)
@example(  # a cause whose scope moves in the very slot in which a wider one takes it in
    acts=[
        (19, 7, "z2", Fate.LOST),
        (18, 6, "z0", Fate.FAILED),
        (38, 4, "z0", Fate.NOT_ATTEMPTED),
        (55, 6, "z0", Fate.ABANDONED),
        (25, 9, "all", Fate.LOST),
        (29, 12, "tcp", None),
    ],
    later=[
        (64, 0, "receipt", 8),
        (16, 4, "receipt", 61),
        (40, 7, "gap", 32),
        (69, 4, "sent", 40),
        (28, 6, "failed", 9),
        (35, 4, "failed", 34),
    ],
)
@given(ACTS, LATER)
def test_totals_and_objectives_are_sums_of_fates(
    acts: list[tuple[int, int, str, End]], later: list[tuple[int, int, str, int]]
) -> None:
    canaries = fleet(hosts=2)
    story = Story(canaries)
    recorder = Recorder(story)

    def course(canary: Canary, endpoint: int, slot: int) -> End:
        for begin, length, where, end in acts:
            here = where in ("all", canary.zone) or (where == "tcp" and endpoint == 0)
            if here and begin <= slot - T - 1 < begin + length:
                return end
        return Fate.DELIVERED

    for slot in range(T + 1, T + 100):
        for about, number, what, age in later:
            if slot != T + 1 + about + age:
                continue
            canary, old = canaries[number], T + 1 + about
            if what == "receipt":
                story.at.receive(canary.names(), old, arrived=slot + 0.1)
            elif what == "gap":
                story.engine.gap(old, old, "test")
            else:
                verdict = Verdict.SENT if what == "sent" else Verdict.FAILED
                story.engine.report(canary.report([old], verdict), slot + 0.1)
        story.run([slot], course)
    check_totals(story, recorder)
    check_slo(story, recorder)


def test_what_was_lost_and_is_replayed_turns_late_in_effect_and_total() -> None:
    canaries = fleet()
    story = Story(canaries)
    recorder = Recorder(story)
    story.run(range(T + 1, T + 20))
    story.run(range(T + 20, T + 50), losing(in_zones("z0"), Fate.LOST))
    (alert,) = story.open()
    assert alert.effect == "lost"
    cells = 3 * 3
    # The half of the outage that is replayed first is not most of it yet.
    for part, effect in ((range(T + 20, T + 30), "lost"), (range(T + 30, T + 44), "late")):
        for slot in part:
            for canary in canaries[:3]:
                story.at.receive(canary.names(), slot, arrived=T + 50.1)
        story.run([T + 50 if part[0] == T + 20 else T + 51], losing(in_zones("z0"), Fate.LOST))
        (alert,) = story.open()
        assert alert.effect == effect
    assert alert.total.fates[Fate.LATE] == 24 * cells
    check_totals(story, recorder)
    changed = [each.alert.effect for each in story.of() if each.change is Change.CHANGED]
    assert changed[-1] == "late"
    assert len(story.pages()) == 1
    assert not story.of(AlertClass.LATE)


def test_a_closed_alert_says_what_all_of_its_slots_cost_and_is_corrected_after_its_end() -> None:
    canaries = fleet()
    story = Story(canaries)
    recorder = Recorder(story)
    story.run(range(T + 1, T + 20))
    story.run(range(T + 20, T + 50), losing(in_zones("z0"), Fate.LOST))
    story.run(range(T + 50, T + 70))
    (ended,) = story.service.ended
    (closed,) = [each.alert for each in story.of() if each.change is Change.CLOSED]
    assert closed.total == recorder.total(T + 20, ended.last, ended.cause.members)
    assert closed.total.fates[Fate.LOST] == 30 * 9
    story.engine.kept()
    for slot in range(T + 20, T + 50):
        for canary in canaries[:3]:
            story.at.receive(canary.names(), slot, arrived=T + 70.1)
    story.run([T + 70])
    amended = story.engine.kept().amended
    assert (amended[-1].number, amended[-1].effect) == (closed.number, "late")
    assert amended[-1].total.fates[Fate.LATE] == 30 * 9
    assert amended[-1].total == recorder.total(T + 20, ended.last, ended.cause.members)
    assert story.engine.kept().amended == []


# What was wrong: a scope that moved lost all that was counted before the newest minute.
def test_a_scope_that_moves_after_minutes_keeps_what_it_has_counted() -> None:
    story = Story(fleet(zones=4, hosts=2))
    recorder = Recorder(story)
    story.run(range(T + 1, T + 20))
    story.run(range(T + 20, T + 160), losing(in_zones("z0", "z1")))
    (cause,) = story.service.loss.causes
    wide = cause.members.copy()
    assert cause.total.bad == (140 - 2) * 12  # two slots are open
    story.run(range(T + 160, T + 260), losing(in_zones("z1")))
    (cause,) = story.service.loss.causes
    assert dict(cause.scope) == {"zone": "z1"}
    # All of it is in reach of the recent slots, so it is counted as if it had been so from the start.
    assert cause.total == recorder.total(T + 20, max(recorder.fates), cause.members)
    assert cause.total.bad < recorder.total(T + 20, max(recorder.fates), wide).bad
    check_slo(story, recorder)


@pytest.mark.parametrize("when_s", [100, 400])
def test_loss_before_its_alert_is_outside_no_more(when_s: int) -> None:
    """A creeping loss is known minutes after it began; then the minutes before are its own, too."""
    story = Story(fleet())
    recorder = Recorder(story)
    rng = np.random.default_rng(7)
    story.run(range(T + 1, T + 20))

    def course(canary: Canary, endpoint: int, slot: int) -> End:
        return Fate.FAILED if canary.zone == "z2" and rng.random() < 0.1 else Fate.DELIVERED

    story.run(range(T + 20, T + when_s), course)
    (cause,) = story.service.loss.causes
    assert cause.since < T + 60
    check_slo(story, recorder)
    sums = story.service.slo.sums(max(recorder.fates), 3_600)
    assert sums.outside_bad <= 3 < sums.bad


def test_revisions_reach_the_objective_for_a_day() -> None:
    canaries = fleet(zones=2)
    story = Story(canaries)
    recorder = Recorder(story)
    story.run(range(T + 1, T + 20), lambda canary, *_: None if canary.zone == "z0" else Fate.DELIVERED)
    story.run(range(T + 20, T + 130))
    for canary in canaries:
        if canary.zone == "z0":
            for slot in range(T + 1, T + 20):
                story.engine.report(report_of(canary, slot, [Fate.FAILED] * 3), T + 130.1)
    story.run(range(T + 130, T + 133))
    sums = story.service.slo.sums(T + 132, 3_600)
    assert sums.bad == sums.outside_bad == 19 * 9
    check_slo(story, recorder)
