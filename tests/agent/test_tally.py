"""A slot is complete when every endpoint has its outcome and every probe has ended, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_agent.tally import NULL_SINK, Tally
from coalmine_wire.reports import Outcome, Verdict


# Complete by the last thing awaited and by nothing before it; the outcomes come out in order.
@given(st.integers(0, 6), st.integers(0, 2), st.randoms(use_true_random=False))
def test_any_order_completes_it_once(endpoints: int, probes: int, random: object) -> None:
    tally = Tally(1, 7, endpoints=endpoints, probes=probes)
    awaited: list[int | None] = [*range(endpoints), *([None] * probes)]
    random.shuffle(awaited)  # type: ignore[attr-defined]
    for number, what in enumerate(awaited, start=1):
        ended = tally.probed(ok=True) if what is None else tally.add(Outcome(what, Verdict.SENT))
        assert ended == tally.complete == (number == len(awaited))
    report = tally.report()
    assert [outcome.endpoint for outcome in report.outcomes] == list(range(endpoints))
    assert report.slot == 7
    assert report.impaired == []


def test_a_failure_is_reported_only_with_the_null_sinks_verdict() -> None:
    tally = Tally(1, 7, endpoints=1, probes=1)
    assert not tally.add(Outcome(0, Verdict.FAILED))
    assert tally.probed(ok=False)
    assert tally.report().impaired == [NULL_SINK]


def test_an_impairment_is_named_once() -> None:
    tally = Tally(1, 7, endpoints=0, probes=0)
    tally.impair("overrun")
    tally.impair("loop_lag")
    tally.impair("overrun")
    assert tally.report().impaired == ["overrun", "loop_lag"]


def test_a_second_outcome_is_a_fault_of_ours() -> None:
    tally = Tally(1, 7, endpoints=2, probes=0)
    tally.add(Outcome(0, Verdict.SENT))
    with pytest.raises(ValueError, match="already"):
        tally.add(Outcome(0, Verdict.FAILED))


def test_a_probe_too_many_is_a_fault_of_ours() -> None:
    tally = Tally(1, 7, endpoints=1, probes=0)
    with pytest.raises(ValueError, match="no probe"):
        tally.probed(ok=True)
