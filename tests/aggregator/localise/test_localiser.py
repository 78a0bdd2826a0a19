"""What the localiser names.

Invariants:
- Causes lose something, judged and bad are those of their scopes, gains are positive, scores add up.
- What is told scores at least as high as what is asked about, but for what a narrower scope may cost.
- The same counts give the same verdict, also from a localiser that has answered other questions.
- No counts make it fail or say anything but finite numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coalmine_aggregator.localise.localiser import CANDIDATES, CAUTION, MOST_NAMED, Localiser
from coalmine_aggregator.localise.search import TIE
from coalmine_aggregator.localise.verdict import Verdict
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import Scope
from tests.aggregator.localise.fleet import PLACES, PROTOCOLS, cells, counts, lattice, losses, scope

P0 = 0.001
Causes = Sequence[tuple[Scope, float]]


def verdict(of: Lattice, causes: Causes, per_cell: int = 60, seed: int = 0) -> Verdict:
    return Localiser(of).localise(*counts(of, causes, per_cell, seed), P0)


def named(found: Verdict) -> set[Scope]:
    return {cause.scope for cause in found.causes}


UDP, HTTPS, TCP = scope(protocol="udp"), scope(protocol="https"), scope(protocol="tcp")
EU, US = scope(region="eu"), scope(region="us")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "causes",
    [
        [(UDP, 1.0)],
        [((), 0.9)],
        [((), 0.05)],
        [(HTTPS, 0.16)],
        [(scope(zone="us-b"), 0.3)],
        [(scope(location="internal"), 0.5)],
        [(scope(protocol="tls", location="external"), 0.4)],
        [(scope(protocol="tcp", region="us"), 0.3)],
        [(UDP, 1.0), (US, 0.2)],
        [(UDP, 0.3), (US, 0.5), (scope(location="internal"), 0.4)],
        [(TCP, 0.8), (scope(protocol="tcp", zone="us-a"), 0.9), (EU, 0.1)],
        [((), 0.1), (UDP, 0.9)],
        [(scope(host="us-a-2"), 0.6), (HTTPS, 0.2)],
        [(scope(node="dc1-a-7"), 1.0)],
        [(scope(protocol="udp", node="dc1-a-7"), 1.0)],
        [(scope(protocol="udp", host="us-a-1"), 1.0)],
        [],
    ],
    ids=str,
)
def test_the_scope_is_named(causes: Causes, seed: int) -> None:
    assert named(verdict(lattice(), causes, seed=seed)) == {where for where, _ in causes}


def test_one_lost_series_among_many_is_host_and_protocol() -> None:
    made = lattice()
    found = verdict(made, [(scope(protocol="udp", host="us-a-1"), 1.0)])
    assert found.causes[0].judged == found.causes[0].bad == 60
    assert found.causes[0].equivalents[0] == scope(protocol="udp", location="external", host="us-a-1")


def test_one_slot_of_a_lost_protocol() -> None:
    made = lattice()
    judged = np.ones(made.cells, dtype=np.int32)
    bad = made.members(UDP).astype(np.int32)
    found = Localiser(made).localise(judged, bad, P0)
    assert named(found) == {UDP}
    assert (found.causes[0].judged, found.causes[0].bad) == (22, 22)
    assert found.causes[0].loss == pytest.approx(1.0)


def test_equals_are_named_by_the_fewest_and_first_labels() -> None:
    found = verdict(lattice(), [(scope(zone="eu-a"), 0.5)])
    assert found.causes[0].scope == EU
    assert found.causes[0].equivalents[0] == scope(zone="eu-a")
    assert len(found.causes[0].equivalents) == 5  # every set of location, region, zone but two


def test_cells_that_nobody_judged_do_not_count() -> None:
    made = lattice()
    judged, bad = counts(made, [(scope(protocol="udp", region="us"), 0.7)], 60)
    silent = ~made.members(US)
    judged[silent] = bad[silent] = 0
    found = Localiser(made).localise(judged, bad, P0)
    assert named(found) == {UDP}  # elsewhere nobody knows
    assert scope(protocol="udp", region="us") in found.causes[0].equivalents


def test_a_narrower_scope_is_taken_where_another_cause_hides_the_difference() -> None:
    made = lattice(cells(protocols=("tcp", "udp")))
    causes = [(US, 0.97), (scope(protocol="tcp", location="external"), 0.3)]
    found = named(verdict(made, causes, 10))
    truth = made.members(scope(protocol="tcp", location="external"))
    assert US in found
    assert all((made.members(where) <= truth).all() for where in found - {US})


def test_the_gain_of_a_lone_cause_is_the_likelihood_ratio() -> None:
    made = lattice()
    judged = np.full(made.cells, 50, dtype=np.int32)
    bad = np.where(made.members(UDP), 10, 0).astype(np.int32)
    found = Localiser(made).localise(judged, bad, P0, among=1000)
    n, k = 50 * 22, 10 * 22
    total = 50 * made.cells
    nothing = k * math.log(0.002) + (total - k) * math.log(0.998)  # the base goes up to 2 p0
    base = (total - n) * math.log(0.999)
    expected = base + k * math.log(0.2) + (n - k) * math.log(0.8) - nothing - math.log(1000) - CAUTION
    assert found.score == pytest.approx(expected)
    assert found.causes[0].gain == pytest.approx(expected)
    assert found.causes[0].loss == pytest.approx(1.0 - 0.8 / 0.999)


def test_named_scopes_are_scored_as_given() -> None:
    made = lattice()
    judged, bad = counts(made, [(UDP, 0.5), (US, 0.3)], 60)
    localiser = Localiser(made)

    def score(*scopes: Scope) -> float:
        found = localiser.localise(judged, bad, P0, named=scopes).named_score
        assert found is not None
        return found

    best = localiser.localise(judged, bad, P0)
    assert best.named_score is None
    assert score(UDP, US) == pytest.approx(best.score)
    assert score(US, UDP) == pytest.approx(best.score)
    penalty = math.log(made.patterns) + CAUTION
    assert score(UDP, US, US) == pytest.approx(best.score - penalty)
    assert score(UDP) < best.score - 100
    # A scope that is no pattern, and one that no cell has.
    odd = scope(region="us", host="us-a-1"), scope(zone="us-a", location="external", host="us-a-2")
    assert score(*odd) < score(US)
    assert score(UDP, US, scope(host="gone")) == pytest.approx(best.score - penalty)
    exact = score(UDP, scope(zone="us-a"), scope(zone="us-b"))
    assert best.score - exact == pytest.approx(penalty, abs=3.0)


def test_candidates_are_other_sets_best_first() -> None:
    made = lattice()
    found = Localiser(made).localise(*counts(made, [(UDP, 0.5), (US, 0.3)], 60), P0)
    scores = [candidate.score for candidate in found.candidates]
    assert scores == sorted(scores, reverse=True)
    assert 1 <= len(scores) <= CANDIDATES
    assert all(set(candidate.scopes) != named(found) for candidate in found.candidates)


def test_noise_up_to_twice_the_acceptable_is_no_cause() -> None:
    made = lattice()
    wrong = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        judged = np.full(made.cells, 600, dtype=np.int32)
        bad = rng.binomial(judged, 0.0018).astype(np.int32)
        wrong += bool(Localiser(made).localise(judged, bad, P0).causes)
    assert wrong <= 1


def test_clustered_losses_split_nothing_when_their_dispersion_is_known() -> None:
    made = lattice()
    rng, rho = np.random.default_rng(8), 0.05
    split = {0.0: 0, rho: 0}
    for _ in range(20):
        share = rng.beta(0.2 * (1 / rho - 1), 0.8 * (1 / rho - 1), size=made.cells)
        judged = np.full(made.cells, 120, dtype=np.int32)
        bad = rng.binomial(judged, np.where(made.members(UDP), share, 0.0002)).astype(np.int32)
        for given_rho in split:
            found = Localiser(made).localise(judged, bad, P0, rho=given_rho)
            split[given_rho] += named(found) != {UDP}
    assert split[rho] <= 1 < split[0.0]


def test_limits() -> None:
    made = lattice()
    judged, bad = counts(made, [(UDP, 0.5), (US, 0.3), (scope(location="internal"), 0.2)], 60)
    localiser = Localiser(made)
    for limit in range(4):
        assert len(localiser.localise(judged, bad, P0, limit=limit).causes) == limit
    strict = localiser.localise(judged, bad, P0, among=10**300)
    assert len(strict.causes) < 3


def test_the_lattice_may_grow() -> None:
    made = lattice()
    localiser = Localiser(made)
    assert named(localiser.localise(*counts(made, [(UDP, 0.5)], 60), P0)) == {UDP}
    made.add(cells([("external", "sa", "sa-a", 5)]))
    sa = scope(region="sa")
    assert named(localiser.localise(*counts(made, [(sa, 0.5)], 60), P0)) == {sa}


def test_an_empty_lattice_and_nothing_judged() -> None:
    empty = np.zeros(0, dtype=np.int32)
    assert Localiser(Lattice()).localise(empty, empty, P0) == Verdict()
    made = lattice()
    none = np.zeros(made.cells, dtype=np.int32)
    assert Localiser(made).localise(none, none, P0) == Verdict()
    healthy = Localiser(made).localise(none + 9, none, P0, named=[UDP], among=100)
    assert healthy.causes == ()
    assert healthy.named_score == pytest.approx(-math.log(100) - CAUTION)


def test_bad_input_is_refused() -> None:
    made = lattice()
    ask = Localiser(made).localise
    ones = np.ones(made.cells, dtype=np.int32)
    with pytest.raises(ValueError, match="132 cells"):
        ask(ones[1:], ones[1:], P0)
    with pytest.raises(ValueError, match="132 cells"):
        ask(ones, ones[1:], P0)
    for judged, bad in ((ones, ones + 1), (ones, -ones), (-ones, ones)):
        with pytest.raises(ValueError, match="between 0 and the judged"):
            ask(judged, bad, P0)
    with pytest.raises(KeyError, match="service"):
        ask(ones, ones, P0, named=[(("service", "ingest"),)])
    with pytest.raises(ValueError, match="9 scopes"):
        ask(ones, ones, P0, named=[UDP] * (MOST_NAMED + 1))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 7, 60, 100_000]), st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.5, 1.0])
        ),
        min_size=24,
        max_size=24,
    ),
    st.sampled_from([0.0, 0.001, 0.3, 1.0]),
    st.sampled_from([0.0, 0.01, 1.0]),
)
def test_any_counts(drawn: list[tuple[int, float]], p0: float, rho: float) -> None:
    made = lattice(cells(PLACES[:3], PROTOCOLS[:2])[:20] + cells(PLACES[-1:], PROTOCOLS[:1])[:4])
    judged = np.array([n for n, _ in drawn], dtype=np.int32)
    bad = np.array([round(n * share) for n, share in drawn], dtype=np.int32)
    localiser = Localiser(made)
    asked = [TCP, scope(location="external")]
    found = localiser.localise(judged, bad, p0, rho=rho, named=asked)
    assert found.named_score is not None
    assert np.isfinite([found.score, found.named_score, *(c.score for c in found.candidates)]).all()
    assert found.score >= found.named_score - TIE - 0.1
    assert found.score >= -0.1
    for cause in found.causes:
        inside = made.members(cause.scope)
        assert (cause.judged, cause.bad) == (judged[inside].sum(), bad[inside].sum())
        assert 0 < cause.bad <= cause.judged
        assert 0.0 < cause.loss <= 1.0
        for other in cause.equivalents:
            assert (made.members(other)[judged > 0] == inside[judged > 0]).all()
    gains = [cause.gain for cause in found.causes]
    assert gains == sorted(gains, reverse=True)
    localiser.localise(bad, bad, p0)
    assert localiser.localise(judged, bad, p0, rho=rho, named=asked) == found


def test_a_large_fleet_by_the_way_of_large_fleets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coalmine_aggregator.localise.pool.LARGE", 100)
    places = [("external", f"r{z // 3}", f"z{z}", 30) for z in range(12)]
    made = lattice(cells([*places, ("on-machine", "dc1", "dc1-a", 40)]))
    host, node = scope(host="z3-7"), scope(protocol="udp", node="dc1-a-9")
    for causes in (
        [(HTTPS, 0.16)],
        [((), 1.0)],
        [(host, 1.0), (scope(protocol="tcp", zone="z5"), 0.3)],
        [(host, 0.5), (node, 1.0), (UDP, 0.2)],
        [],
    ):
        assert named(verdict(made, causes)) == {where for where, _ in causes}


def test_generated_outages_are_named_and_hardly_ever_too_widely() -> None:
    made = lattice()
    total, right, wide = 0, 0, 0
    for seed in range(80):
        rng = np.random.default_rng(seed)
        rows = cells()
        causes = []
        for _ in range(int(rng.integers(1, 4))):
            cell = rows[int(rng.integers(len(rows)))]
            labels = rng.choice([0, 2, 3, 4], size=int(rng.integers(1, 3)), replace=False)
            label = {0: "protocol", 2: "location", 3: "region", 4: "zone"}
            causes.append((scope(**{label[i]: cell[i] for i in labels}), float(rng.uniform(0.2, 0.9))))
        masks = {made.members(where).tobytes() for where, _ in causes}
        shares = losses(made, causes, noise=0.0)
        alone = [losses(made, [c for c in causes if c is not left], noise=0.0) for left in causes]
        if len(masks) < len(causes) or min((shares - rest).sum() for rest in alone) < 0.3:
            continue
        answer = Localiser(made).localise(
            *counts(made, causes, 60, seed), P0, named=[where for where, _ in causes]
        )
        assert answer.named_score is not None
        assert answer.score >= answer.named_score - TIE  # nothing better was overlooked
        found = {made.members(where).tobytes() for where in named(answer)}
        total += 1
        right += found == masks
        wide += any(
            (np.frombuffer(f, dtype=np.bool_) >= np.frombuffer(t, dtype=np.bool_)).all()
            for f in found - masks
            for t in masks
        )
    assert total >= 50
    assert right >= 0.93 * total
    assert wide <= 0.03 * total  # two sets that lose the same under other names
