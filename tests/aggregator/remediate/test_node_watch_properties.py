"""The watch over nodes, held to what must be so whatever happens."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.node_view import NodeView, Opinion, Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Series
from tests.aggregator.remediate.watched import SIX, Tell, Watched, fails, series_of, well

NODES = ("web1", "web2", "web3")
VANTAGES = ("own", "a", "b")

Moment = dict[tuple[str, str], Fate]
"""What vantages see of nodes in a slot: (node, vantage) -> fate; delivered where nothing is said."""

moments = st.dictionaries(
    st.tuples(st.sampled_from(NODES), st.sampled_from(VANTAGES)),
    st.sampled_from([Fate.FAILED, Fate.LOST, Fate.LATE, Fate.UNKNOWN, Fate.NOT_ATTEMPTED]),
    max_size=9,
)
histories = st.lists(st.tuples(moments, st.integers(1, 12)), max_size=8)
protocol_sets = st.lists(st.sampled_from(SIX), min_size=1, max_size=6, unique=True)


def telling(moment: Moment, protocols: list[Protocol] | None = None) -> Tell:
    def tell(series: Series, _slot: int) -> Fate:
        if not series.node or (protocols is not None and series.protocol not in protocols):
            return Fate.DELIVERED
        vantage = "own" if series.host == series.node else series.host
        return moment.get((series.node, vantage), Fate.DELIVERED)

    return tell


def played(it: Watched, history: list[tuple[Moment, int]]) -> list[list[NodeView]]:
    """What is held after each slot."""
    told = []
    for moment, seconds in history:
        for _ in range(seconds):
            it.pass_s(1, telling(moment))
            told.append(list(it.views().values()))
    return told


# Invariant: nobody suffers for another. A node of which nobody ever says anything bad is not suspected.
@settings(max_examples=60)
@given(histories)
def test_a_node_with_nothing_but_good_evidence_is_never_doubted(
    history: list[tuple[Moment, int]],
) -> None:
    spared = [({k: v for k, v in each.items() if k[0] != "web1"}, s) for each, s in history]
    for views in played(Watched(series_of(NODES)), spared):
        web1 = next(each for each in views if each.node == "web1")
        assert web1.verdict in (Verdict.HEALTHY, Verdict.UNKNOWN)
        assert all(each.bad == 0 for each in web1.sights)


# Invariant: silence is no opinion. Whatever was held, it is unknown once its evidence is stale.
@settings(max_examples=60)
@given(histories, st.integers(2, 20))
def test_without_evidence_everything_is_unknown(
    history: list[tuple[Moment, int]], stale_s: int
) -> None:
    it = Watched(series_of(NODES), RemediationPolicy(stale_s=float(stale_s)))
    played(it, history)
    it.pass_s(stale_s + 1, lambda _series, _slot: Fate.UNKNOWN)
    for view in it.views().values():
        assert (view.verdict, view.good_since) == (Verdict.UNKNOWN, None)
        assert {each.opinion for each in view.sights} == {Opinion.NONE}


# Invariant: total loss is seen in three slots, through whichever endpoints, whatever was before.
@settings(max_examples=60)
@given(protocol_sets, protocol_sets, st.integers(0, 30), st.sampled_from([0.0, 0.0005, 0.001, 0.005]))
def test_total_loss_is_failure_in_the_third_slot(
    protocols: list[Protocol], lost: list[Protocol], before: int, acceptable_loss: float
) -> None:
    hit = [each for each in lost if each in protocols] or protocols
    it = Watched(series_of(NODES, protocols=protocols), acceptable_loss=acceptable_loss)
    it.pass_s(before)
    it.pass_s(2, fails(protocols=hit))
    assert it.verdict() is not Verdict.FAILED
    it.pass_s(1, fails(protocols=hit))
    assert it.verdict() is Verdict.FAILED
    assert set(it.sight("a").failing) == set(hit)


# Invariant: everything comes back. Any node that is well for long enough is healthy, however it began.
@settings(max_examples=40)
@given(histories, protocol_sets)
def test_who_is_well_for_long_is_healthy(
    history: list[tuple[Moment, int]], protocols: list[Protocol]
) -> None:
    it = Watched(series_of(NODES, protocols=protocols))
    played(it, history)
    for _ in range(330):
        it.slot += 1
        it.watch.settle(it.cells(it.slot, well))
    it.pass_s(31)
    for view in it.views().values():
        assert view.verdict is Verdict.HEALTHY
        assert view.good_since is not None


# Invariant: a recovery is counted from no earlier than the last slot in which the node's quorum saw
# something bad, and never while it is failed.
@settings(max_examples=60)
@given(st.integers(3, 30), st.integers(1, 60), protocol_sets)
def test_good_since_is_when_bad_evidence_ended(
    bad_s: int, good_s: int, protocols: list[Protocol]
) -> None:
    it = Watched(series_of(NODES, protocols=protocols))
    it.pass_s(bad_s, fails())
    last = it.slot
    it.pass_s(good_s)
    view = it.view()
    if view.verdict is Verdict.FAILED:
        assert view.good_since is None
        assert good_s < 21
    else:
        assert view.good_since == last + 1
        assert view.verdict is (Verdict.HEALTHY if good_s > 30 else Verdict.RECOVERING)


# Invariant: nothing depends on the order in which series became known, or on how many at once.
@settings(max_examples=40)
@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_series_does_not_matter(
    history: list[tuple[Moment, int]], rng: random.Random
) -> None:
    made = series_of(NODES)
    shuffled = rng.sample(made, len(made))
    assert played(Watched(made), history) == played(Watched(shuffled), history)


# Invariant: who comes and goes leaves what is held of the others as it was.
@settings(max_examples=40)
@given(histories, histories)
def test_others_that_come_and_go_change_nothing(
    first: list[tuple[Moment, int]], then: list[tuple[Moment, int]]
) -> None:
    steady, moved = Watched(series_of(NODES)), Watched(series_of(NODES))
    played(steady, first)
    played(moved, first)
    moved.expect(series_of((*NODES, "web0", "web9")))
    expected = played(steady, [*then, ({}, 1)])
    seen = played(moved, then)
    moved.expect(series_of(NODES))
    seen += played(moved, [({}, 1)])
    # Of a node that is well, counts are as old as its turn; all else is the same, and so is the rest.
    for want, got in zip(expected, seen, strict=True):
        mine = [each for each in got if each.node in NODES]
        assert [_held(each) for each in mine] == [_held(each) for each in want]


def _held(view: NodeView) -> tuple[object, ...]:
    opinions = [(each.host, each.opinion, each.failing) for each in view.sights]
    return view.verdict, view.since, view.good_since, view.text, opinions


# Invariant: evidence that comes late, slot by slot, makes the same verdicts as evidence in time.
@settings(max_examples=40)
@given(histories)
def test_late_evidence_is_as_good(history: list[tuple[Moment, int]]) -> None:
    timely, late = Watched(series_of(NODES)), Watched(series_of(NODES))
    silent: Tell = lambda _series, _slot: Fate.UNKNOWN  # noqa: E731
    for moment, seconds in history:
        for _ in range(seconds):
            timely.pass_s(1, telling(moment))
            late.slot += 1
            late.watch.settle(late.cells(late.slot, silent))
            late.revise(late.slot, silent, telling(moment))
            late.watch.views(late.slot)
            assert [_held(each) for each in late.views().values()] == [
                _held(each) for each in timely.views().values()
            ]


# Invariant: what is told of a vantage that is not well are the counts of its last ten slots.
@settings(max_examples=40)
@given(histories)
def test_counts_are_those_of_the_window(history: list[tuple[Moment, int]]) -> None:
    it = Watched(series_of(("web1",)))
    past: list[Fate] = []
    for moment, seconds in history:
        for _ in range(seconds):
            it.pass_s(1, telling(moment))
            past.append(moment.get(("web1", "a"), Fate.DELIVERED))
            view = it.view()
            if view.verdict is not Verdict.HEALTHY:
                sight = it.sight("a")
                assert sight.judged == 6 * sum(fate <= Fate.LATE for fate in past[-10:])
                assert sight.bad == 6 * sum(Fate.DELIVERED < fate <= Fate.LATE for fate in past[-10:])
