"""What must hold for any counts in any order.

Invariants:
- An alert opens once, changes, closes once; no number is used again; a service has one open.
- Every count told adds up: scope and rest are the service over the same seconds.
- Opening needs `min_lost` bad datapoints and more than the acceptable loss; closing is within it.
- The same observations give the same transitions, also when state is taken apart and put together.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.alerts.machine import Observation, State, step
from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_counts import SlotCounts
from tests.aggregator.alerts.fleet import START, leaves, second

FLEET = leaves(protocols=["tcp", "udp"]) + leaves("logs", protocols=["tcp"])
POLICIES = {
    "ingest": ServicePolicy("ingest", 0.01, window_s=5, min_lost=4),
    "logs": ServicePolicy("logs", 0.2, window_s=8, min_lost=2),
}

fates = st.sampled_from([None, None, None, *Fate])
slot_fates = st.lists(fates, min_size=len(FLEET), max_size=len(FLEET))
# (how far the slot lies behind the newest, 0: the next one), and its fates
events = st.lists(st.tuples(st.sampled_from([0, 0, 0, 0, 1, 3, 6, 40, 90]), slot_fates), max_size=40)


def counts_of(slot: int, chosen: list[Fate | None]) -> SlotCounts:
    by_leaf = dict(zip(FLEET, chosen, strict=True))

    def fate(leaf: Leaf) -> Fate | None:
        return by_leaf[leaf]

    return second(slot, FLEET, 3, fate)


def replay(history: list[tuple[int, list[Fate | None]]], *, cut: int | None) -> list[Transition]:
    state, newest, out = State("prod"), START, []
    for i, (behind, chosen) in enumerate(history):
        if i == cut:
            state = State(state.fleet, state.next_number, state.open, tuple(state.recent))
        if behind == 0:
            newest += 1
            observation = Observation([counts_of(newest, chosen)], [])
        else:
            observation = Observation([], [counts_of(newest - behind, chosen)])
        state, transitions = step(state, observation, POLICIES, newest + 3.0)
        out += transitions
    return out


@settings(deadline=None, max_examples=150)
@given(events, st.integers(0, 40))
def test_alerts_live_once_and_add_up(history: list[tuple[int, list[Fate | None]]], cut: int) -> None:
    out = replay(history, cut=None)
    lives: defaultdict[int, list[Change]] = defaultdict(list)
    is_open: set[str] = set()
    for transition in out:
        alert = transition.alert
        lives[alert.number].append(transition.change)
        policy = POLICIES[alert.service]
        assert all(n >= 0 for n in alert.counts.fates)
        leaves_of = sum(1 for leaf in FLEET if leaf.service == alert.service)
        whole = alert.counts.expected + alert.beside.expected
        assert whole % (3 * leaves_of) == 0
        assert whole <= 3 * leaves_of * alert.window_s
        assert 1 <= alert.window_s <= policy.window_s
        if transition.change is Change.OPENED:
            assert alert.service not in is_open
            is_open.add(alert.service)
            bad = alert.counts.bad + alert.beside.bad
            assert bad > 0
            assert alert.counts.loss is not None
            assert alert.counts.loss > policy.acceptable_loss
        elif transition.change is Change.CLOSED:
            is_open.remove(alert.service)
            assert alert.closed_at == transition.at
            assert (alert.counts.loss or 0.0) <= policy.acceptable_loss
    for changes in lives.values():
        assert changes[0] is Change.OPENED
        assert changes.count(Change.OPENED) == 1
        assert Change.CLOSED not in changes[:-1]
    assert list(lives) == sorted(lives)
    assert replay(history, cut=cut) == out
