"""Bad outcomes ahead of their slot's end: told once, only of an agent that is fit, few messages."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_agent.early import FIRST_S, LATER_S, Early
from coalmine_agent.tally import Tally
from coalmine_wire.reports import Outcome, SlotReport, Step, Verdict

SLOT = 1_763_608_320


def failed(endpoint: int) -> Outcome:
    return Outcome(endpoint, Verdict.FAILED, Step.CONNECT)


def worried(tally: Tally, *endpoints: int) -> Tally:
    """`tally` after attempts that failed."""
    for endpoint in endpoints:
        tally.add(failed(endpoint))
        tally.worries.append(failed(endpoint))
    return tally


def test_what_failed_is_gathered_and_told_once() -> None:
    early = Early()
    tally = worried(Tally(1, SLOT, endpoints=3, probes=0), 2)
    assert early.add(tally) == FIRST_S
    worried(tally, 0)
    assert early.add(tally) is None
    assert early.take() == [(1, SlotReport(SLOT, [failed(2), failed(0)]))]
    assert early.take() == []
    worried(tally, 1)
    assert early.add(tally) == LATER_S
    assert early.take() == [(1, SlotReport(SLOT, [failed(1)]))]


def test_slots_and_revisions_that_overlap_share_a_message_time() -> None:
    early = Early()
    first = worried(Tally(1, SLOT, endpoints=2, probes=0), 1)
    second = worried(Tally(2, SLOT + 1, endpoints=1, probes=0), 0)
    assert early.add(first) == FIRST_S
    assert early.add(second) is None
    assert early.take() == [(1, SlotReport(SLOT, [failed(1)])), (2, SlotReport(SLOT + 1, [failed(0)]))]


def test_a_slot_that_ended_is_left_to_its_report() -> None:
    early = Early()
    tally = worried(Tally(1, SLOT, endpoints=1, probes=0), 0)
    early.add(tally)
    early.ended(tally)
    assert early.take() == []
    assert early.add(worried(Tally(1, SLOT + 1, endpoints=2, probes=0), 0)) == FIRST_S


def test_an_agent_that_is_not_fit_is_not_believed() -> None:
    early = Early()
    tally = worried(Tally(1, SLOT, endpoints=2, probes=1), 0)
    early.add(tally)
    assert early.take() == []  # the null sink has not spoken
    tally.probed(ok=True)
    early.add(tally)
    tally.impair("loop_lag")  # while it was gathered
    assert early.take() == []
    assert tally.report().impaired == ["loop_lag"]


# Whatever comes in whatever order: no outcome is told ahead twice, none that is not bad, none before
# the null sink's verdict, and none with a bad verdict of it.
@given(
    st.lists(st.sampled_from(["bad", "good", "take"]), max_size=30),
    st.integers(0, 30),
    st.booleans(),
)
def test_nothing_is_told_twice_or_too_early(events: list[str], verdict_at: int, ok: bool) -> None:
    early = Early()
    tally = Tally(1, SLOT, endpoints=len(events) + 1, probes=1)
    told: list[int] = []
    bad: list[int] = []
    for number, event in enumerate(events):
        if number == verdict_at:
            tally.probed(ok=ok)
        if event == "take":
            told += [o.endpoint for _, report in early.take() for o in report.outcomes]
            assert number >= verdict_at or not told
        elif event == "bad":
            bad.append(number)
            worried(tally, number)
            early.add(tally)
        else:
            tally.add(Outcome(number, Verdict.SENT))
    assert len(set(told)) == len(told)
    assert set(told) <= set(bad)
    if not ok:
        assert not told
