"""The alert machine under any history of findings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.alerts.machine import State, step
from coalmine_aggregator.model.alerts import AlertClass, Change
from coalmine_aggregator.model.findings import Finding
from tests.aggregator.alerts.findings import POLICIES, finding

_findings = st.builds(
    finding,
    st.sampled_from(
        [
            AlertClass.LOSS,
            AlertClass.BLIND,
            AlertClass.AGENTS_MISSING,
            AlertClass.BUDGET,
            AlertClass.LATE,
        ]
    ),
    st.sampled_from("abc"),
    protocol=st.sampled_from(["udp", "tcp"]),
    quiet=st.booleans(),
)
_whole = st.builds(finding, st.just(AlertClass.LOSS), st.sampled_from("ab"))
_histories = st.lists(st.lists(_findings | _whole, max_size=5), max_size=12)


@given(_histories)
def test_opened_once_closed_once_and_never_two_of_one_key(history: list[list[Finding]]) -> None:
    """Between its opening and its close an alert only changes; no two open alerts share a
    de-duplication key; numbers are never used again; the state holds exactly what is open."""
    state, open_keys, numbers = State("test"), dict[int, str](), set[int]()
    for second, findings in enumerate(history):
        state, transitions = step(state, findings, POLICIES, 1_000.0 + second)
        for change, _, alert, _ in transitions:
            if change is Change.OPENED:
                assert alert.number not in numbers
                numbers.add(alert.number)
                open_keys[alert.number] = alert.dedup_key
            elif change is Change.CHANGED:
                assert open_keys[alert.number] == alert.dedup_key
            else:
                assert open_keys.pop(alert.number) == alert.dedup_key
        assert len(set(open_keys.values())) == len(open_keys)
        assert {alert.number for alert in state.open} == set(open_keys)


@given(_histories)
def test_the_same_history_gives_the_same_transitions(history: list[list[Finding]]) -> None:
    """Nothing but the arguments decides: two aggregators that see the same page the same."""
    one = two = State("test")
    for second, findings in enumerate(history):
        one, told = step(one, findings, POLICIES, 1_000.0 + second)
        two, again = step(two, findings, POLICIES, 1_000.0 + second)
        assert told == again
