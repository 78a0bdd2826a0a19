"""Report intervals: bad outcomes are told at once, good ones within the interval, none twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_agent.batch import Batcher
from coalmine_wire.reports import Outcome, SlotReport, Step, Verdict

SENT = Outcome(0, Verdict.SENT)
FAILED = Outcome(1, Verdict.FAILED, Step.CONNECT)

verdicts = st.sampled_from(list(Verdict))
slots = st.lists(
    st.tuples(
        st.lists(verdicts, min_size=1, max_size=4), st.sampled_from([[], ["loop_lag"]]), st.booleans()
    ),
    max_size=40,
)


def test_an_interval_of_one_tells_each_slot_as_it_is() -> None:
    report = SlotReport(7, [SENT, FAILED], ["loop_lag"])
    assert Batcher(1).add(3, report) == [(3, [report])]


def test_good_outcomes_wait_and_bad_ones_do_not() -> None:
    batcher = Batcher(10)
    assert batcher.add(1, SlotReport(101, [SENT])) == []
    assert batcher.add(1, SlotReport(102, [SENT, FAILED])) == [(1, [SlotReport(102, [FAILED])])]
    assert batcher.add(1, SlotReport(110, [SENT])) == [
        (1, [SlotReport(101, [SENT]), SlotReport(102, [SENT]), SlotReport(110, [SENT])])
    ]
    assert batcher.flush() == []


def test_a_new_revision_flushes_what_was_held_under_the_old_one() -> None:
    batcher = Batcher(10)
    batcher.add(1, SlotReport(101, [SENT]))
    assert batcher.add(2, SlotReport(102, [SENT])) == [(1, [SlotReport(101, [SENT])])]
    assert batcher.flush() == [(2, [SlotReport(102, [SENT])])]


def test_what_was_told_ahead_is_not_told_again() -> None:
    batcher = Batcher(1)
    assert batcher.ahead(3, SlotReport(7, [FAILED])) == [(3, [SlotReport(7, [FAILED])])]
    assert batcher.add(3, SlotReport(7, [SENT, FAILED])) == [(3, [SlotReport(7, [SENT])])]
    batcher.ahead(3, SlotReport(8, [FAILED]))
    assert batcher.add(3, SlotReport(8, [FAILED])) == []
    assert batcher.add(3, SlotReport(9, [FAILED])) == [(3, [SlotReport(9, [FAILED])])]


def test_an_agent_found_unfit_afterwards_is_told_all_the_same() -> None:
    batcher = Batcher(1)
    batcher.ahead(3, SlotReport(7, [FAILED]))
    impaired = SlotReport(7, [FAILED], ["overrun"])
    assert batcher.add(3, impaired) == [(3, [SlotReport(7, [], ["overrun"])])]


def test_good_outcomes_wait_beside_what_was_told_ahead() -> None:
    batcher = Batcher(10)
    batcher.ahead(1, SlotReport(101, [FAILED]))
    assert batcher.add(1, SlotReport(101, [SENT, FAILED])) == []
    assert batcher.flush() == [(1, [SlotReport(101, [SENT])])]


# Every outcome and impairment given is told exactly once, under its own slot and revision; none waits
# longer than the interval; no bad outcome waits at all.
@given(slots, st.integers(1, 12), st.integers(0, 100))
def test_everything_is_told_once_and_in_time(
    given_slots: list[tuple[list[Verdict], list[str], bool]], interval_s: int, offset: int
) -> None:
    batcher = Batcher(interval_s, offset)
    revision = 1
    expected: list[tuple[int, int, Outcome]] = []
    told: list[tuple[int, int, Outcome]] = []
    impaired = told_impaired = 0
    for slot, (kinds, reasons, reload) in enumerate(given_slots, start=1000):
        revision += reload
        outcomes = [Outcome(index, verdict) for index, verdict in enumerate(kinds)]
        bad_ones = [outcome for outcome in outcomes if outcome.verdict >= Verdict.FAILED]
        if bad_ones and slot % 2:
            for under, reports in batcher.ahead(revision, SlotReport(slot, bad_ones[:2])):
                told += [(under, each.slot, outcome) for each in reports for outcome in each.outcomes]
        expected += [(revision, slot, outcome) for outcome in outcomes]
        impaired += len(reasons)
        for under, reports in batcher.add(revision, SlotReport(slot, outcomes, reasons)):
            assert reports
            for report in reports:
                assert slot - report.slot < interval_s
                told += [(under, report.slot, outcome) for outcome in report.outcomes]
                told_impaired += len(report.impaired)
        bad = {entry for entry in expected if entry[2].verdict is not Verdict.SENT}
        assert bad <= set(told)
    for under, reports in batcher.flush():
        told += [(under, report.slot, outcome) for report in reports for outcome in report.outcomes]
    assert sorted(told, key=_order) == sorted(expected, key=_order)
    assert told_impaired == impaired


def _order(entry: tuple[int, int, Outcome]) -> tuple[int, int, int]:
    return entry[0], entry[1], entry[2].endpoint
