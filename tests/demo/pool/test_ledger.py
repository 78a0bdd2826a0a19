"""What customers lost, whatever arrives and in whichever order.

Invariant: every datapoint that was begun is lost until it is kept, and is counted once.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.demo.pool.ledger import MAX_KEPT, Deliveries, Ledger


def test_what_is_under_way_is_lost_until_it_is_kept() -> None:
    ledger = Ledger()
    first, second = ledger.begin(10.0), ledger.begin(11.0)
    assert ledger.total == Deliveries(2, 2)
    ledger.keep(second)
    assert ledger.total == Deliveries(2, 1)
    assert ledger.between(10.0, 11.0) == Deliveries(1, 1)
    assert ledger.between(11.0, 12.0) == Deliveries(1, 0)
    ledger.keep(first)
    assert ledger.between(10.0, 12.0) == Deliveries(2, 0)


def test_what_was_never_sent_and_what_arrives_twice_change_nothing() -> None:
    ledger = Ledger()
    number = ledger.begin(10.0)
    for each in (number, number, number + 1, 10**30):
        ledger.keep(each)
    assert ledger.total == ledger.between(0.0, 99.0) == Deliveries(1, 0)


def test_the_oldest_are_forgotten_and_stay_in_the_total() -> None:
    ledger = Ledger()
    for at in range(MAX_KEPT + 5):
        ledger.begin(float(at))
    ledger.keep(0)
    assert ledger.between(0.0, 1e9).sent == MAX_KEPT
    assert ledger.total == Deliveries(MAX_KEPT + 5, MAX_KEPT + 5)


@given(
    kept=st.lists(st.integers(0, 60), max_size=80),
    sent=st.integers(0, 50),
    cut=st.integers(0, 50),
)
@settings(max_examples=100, deadline=None)
def test_two_spans_add_up_to_the_whole(kept: list[int], sent: int, cut: int) -> None:
    ledger = Ledger()
    for at in range(sent):
        ledger.begin(float(at))
    for number in kept:
        ledger.keep(number)
    before, after = ledger.between(0.0, cut), ledger.between(cut, 99.0)
    assert Deliveries(before.sent + after.sent, before.lost + after.lost) == ledger.total
    assert ledger.total == Deliveries(sent, len(set(range(sent)) - set(kept)))
