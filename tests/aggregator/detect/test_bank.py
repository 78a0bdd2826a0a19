"""The bank against a plain CUSUM of every pattern and every alternative, slot by slot."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coalmine_aggregator.detect.bank import Bank
from coalmine_aggregator.detect.likelihood import P1S, log_likelihood_ratio
from coalmine_aggregator.detect.noise import Noise

P0 = 0.001
Touch = list[tuple[int, int, int]]
"""(pattern, judged, bad)"""


Arrays = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]


def arrays(touched: Sequence[tuple[int, int, int]]) -> Arrays:
    columns = np.array(touched, dtype=np.int64).reshape(-1, 3)
    return columns[:, 0], columns[:, 1].astype(np.int32), columns[:, 2].astype(np.int32)


class Plain:
    """The definition, in loops over floats."""

    def __init__(self, expected: list[int], noise: Noise) -> None:
        self.expected = expected
        self.noise = noise
        self.w = [[0.0] * len(P1S) for _ in expected]

    def ratio(self, judged: int, bad: int, p1: float) -> float:
        return float(log_likelihood_ratio(judged, bad, P0, p1, self.noise.rho))

    def cap(self, judged: int, bad: int) -> float:
        a, q = (bad / judged if judged else 0.0), self.noise.q
        if a <= q:
            return self.noise.c
        rest = (1 - a) * math.log((1 - a) / (1 - q)) if a < 1 else 0.0
        return self.noise.c + judged * (a * math.log(a / q) + rest)

    def settle(self, touched: Touch) -> None:
        counts = {pattern: (judged, bad) for pattern, judged, bad in touched}
        for pattern, row in enumerate(self.w):
            judged, bad = counts.get(pattern, (self.expected[pattern], 0))
            for i, p1 in enumerate(P1S):
                step = min(self.ratio(judged, bad, p1), self.cap(judged, bad))
                row[i] = max(0.0, row[i] + step)

    def revise(self, touched: Touch) -> None:
        for pattern, more, bad in touched:
            for i, p1 in enumerate(P1S):
                good = max(more - bad, -max(bad, 0))
                step = math.copysign(self.ratio(abs(good), 0, p1), -good) if good else 0.0
                step += math.copysign(self.ratio(abs(bad), abs(bad), p1), bad) if bad else 0.0
                if bad > 0:
                    step = min(step, self.cap(max(more, bad), bad))
                self.w[pattern][i] = max(0.0, self.w[pattern][i] + step)

    def copy(self) -> Plain:
        other = Plain(list(self.expected), self.noise)
        other.w = [list(row) for row in self.w]
        return other


def same(bank: Bank, plain: Plain) -> None:
    assert bank.patterns == len(plain.w)
    for pattern, row in enumerate(plain.w):
        statistic, alternative = bank.statistic(pattern)
        best = max(row)
        assert statistic == pytest.approx(best, rel=1e-5, abs=1e-3)
        assert row[alternative] == pytest.approx(best, rel=1e-5, abs=1e-3)


PATTERNS = 4
counted = st.integers(0, 30).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
slot = st.dictionaries(st.integers(0, PATTERNS - 1), counted, max_size=PATTERNS).map(
    lambda touched: [(pattern, *counts) for pattern, counts in touched.items()]
)
signed = st.tuples(st.integers(-5, 5), st.integers(-5, 5))
revision = st.dictionaries(st.integers(0, PATTERNS - 1), signed, max_size=PATTERNS).map(
    lambda touched: [(pattern, *counts) for pattern, counts in touched.items()]
)
expected = st.lists(st.integers(0, 30), min_size=PATTERNS, max_size=PATTERNS)
noises = st.builds(
    Noise,
    rho=st.sampled_from([0.0, 0.002, 0.05]),
    burst_loss=st.sampled_from([0.0, 0.5]),
    burst_span=st.integers(1, 3),
)
event = st.one_of(
    st.tuples(st.just("settle"), slot),
    st.tuples(st.just("quiet"), st.integers(1, 40)),
    st.tuples(st.just("revise"), revision),
    st.tuples(st.just("expect"), expected),
    st.tuples(st.just("noise"), noises),
    st.tuples(st.just("clear"), st.integers(0, PATTERNS - 1)),
)


# Invariant: whatever is settled, revised, expected, learned and cleared, and in whatever order, every
# pattern's statistic is that of the definition; so are those over a threshold, and a look at open slots
# is what settling them would give, and changes nothing.
@settings(deadline=None, max_examples=40)
@given(expected, noises, st.lists(event, max_size=12), st.lists(slot, max_size=3))
def test_equals_the_definition(
    judged: list[int], noise: Noise, events: list[tuple[str, object]], opened: list[Touch]
) -> None:
    bank, plain = Bank(P0, noise), Plain(judged, noise)
    bank.resize(PATTERNS)
    bank.expect(np.array(judged, dtype=np.int32))
    for kind, value in events:
        if kind == "settle":
            bank.settle(*arrays(value))  # type: ignore[arg-type]
            plain.settle(value)  # type: ignore[arg-type]
        elif kind == "quiet":
            for _ in range(value):  # type: ignore[call-overload]
                bank.settle(*arrays([]))
                plain.settle([])
        elif kind == "revise":
            bank.revise(*arrays(value))  # type: ignore[arg-type]
            plain.revise(value)  # type: ignore[arg-type]
        elif kind == "expect":
            bank.expect(np.array(value, dtype=np.int32))
            plain.expected = value  # type: ignore[assignment]
        elif kind == "noise":
            bank.set_noise(value)  # type: ignore[arg-type]
            plain.noise = value  # type: ignore[assignment]
        else:
            bank.clear(np.array([value]))
            plain.w[value] = [0.0] * len(P1S)  # type: ignore[call-overload]
    same(bank, plain)
    for threshold in (0.5, 5.0, 25.0):
        over = set(bank.over(threshold).tolist())
        clearly = {i for i, row in enumerate(plain.w) if max(row) >= threshold * 1.001 + 1e-3}
        maybe = {i for i, row in enumerate(plain.w) if max(row) >= threshold * 0.999 - 1e-3}
        assert clearly <= over <= maybe
    look = bank.look([arrays(touched) for touched in opened])
    then, highest = plain.copy(), [0.0] * PATTERNS
    for touched in opened:
        then.settle(touched)
        highest = [max(best, *row) for best, row in zip(highest, then.w, strict=True)]
    touched_ever = sorted({pattern for touched in opened for pattern, _, _ in touched})
    assert look.patterns.tolist() == touched_ever
    for pattern, statistic in zip(look.patterns, look.statistic, strict=True):
        assert statistic == pytest.approx(highest[pattern], rel=1e-5, abs=1e-3)
    same(bank, plain)


def quiet_bank(patterns: int, judged: int = 20) -> Bank:
    bank = Bank(P0, Noise())
    bank.resize(patterns)
    bank.expect(np.full(patterns, judged, dtype=np.int32))
    return bank


def test_total_loss_of_seventeen_series_is_seen_in_the_first_slot() -> None:
    bank = quiet_bank(3, 17)
    look = bank.look([arrays([(1, 17, 17)])])
    assert look.patterns.tolist() == [1]
    assert look.statistic[0] > 25.8
    assert P1S[look.alternative[0]] == 0.99
    assert bank.over(1.0).tolist() == []
    bank.settle(*arrays([(1, 17, 17)]))
    assert bank.over(25.8).tolist() == [1]


# Invariant: without anything more that is bad, late evidence raises nothing.
@given(st.integers(-20, 20), st.integers(-20, 0))
def test_what_becomes_unknown_is_no_loss(judged_more: int, bad_more: int) -> None:
    bank = quiet_bank(1)
    bank.settle(*arrays([(0, 20, 3)]))
    before = bank.best(np.array([0]))[0]
    bank.revise(*arrays([(0, judged_more, bad_more)]))
    assert bank.best(np.array([0]))[0] <= before


def test_patterns_are_renumbered_with_their_statistics() -> None:
    bank = quiet_bank(3)
    bank.settle(*arrays([(0, 20, 4), (2, 20, 9)]))
    first, third = bank.statistic(0), bank.statistic(2)
    bank.rearrange(np.array([2, -1, 0, 1]))
    bank.expect(np.full(4, 20, dtype=np.int32))
    assert [bank.statistic(i)[0] for i in range(4)] == [third[0], 0.0, first[0], 0.0]
    with pytest.raises(IndexError):
        bank.rearrange(np.array([4]))


def test_growing_keeps_statistics_and_shrinking_forgets_them() -> None:
    bank = quiet_bank(2)
    bank.settle(*arrays([(1, 20, 9)]))
    known = bank.statistic(1)
    for patterns in range(3, 40):
        bank.resize(patterns)
    assert bank.statistic(1) == known
    assert bank.statistic(38)[0] == 0.0
    bank.resize(1)
    bank.resize(2)
    assert bank.statistic(1)[0] == 0.0


def test_counts_of_another_number_of_patterns_are_refused() -> None:
    with pytest.raises(ValueError, match="patterns"):
        quiet_bank(2).expect(np.zeros(3, dtype=np.int32))


def test_nothing_judged_and_nobody_watched() -> None:
    bank = quiet_bank(2, 0)
    bank.settle(*arrays([(0, 0, 0)]))
    bank.settle(*arrays([]))
    assert bank.statistic(0)[0] == 0.0
    assert not len(bank.look([]).patterns)
    assert not len(Bank(P0, Noise()).over(5.0))
    bank.clear()
    assert not len(bank.over(1e-3))


@pytest.mark.parametrize("p0", [0.0, 0.5, 0.9, 0.995])
def test_any_acceptable_loss_is_watched(p0: float) -> None:
    bank = Bank(p0, Noise())
    bank.resize(1)
    bank.expect(np.array([2000], dtype=np.int32))
    for _ in range(200):
        bank.settle(*arrays([(0, 2000, 2000)]))
    assert bank.over(26.0).tolist() == [0]
    statistic, alternative = bank.statistic(0)
    assert math.isfinite(statistic)
    assert alternative == len(P1S) - 1
