"""One-to-one matching against all ways there are."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.replay.matching import Matching

graphs = st.integers(0, 5).flatmap(
    lambda left: st.integers(0, 5).flatmap(
        lambda right: st.tuples(
            st.just(left),
            st.just(right),
            st.sets(st.tuples(st.integers(0, max(left - 1, 0)), st.integers(0, max(right - 1, 0)))),
        )
    )
)


def best(left: int, right: int, edges: set[tuple[int, int]]) -> int:
    """The size of a largest matching, by trying every way."""
    most = 0
    width = max(left, right)
    for order in permutations(range(width)):
        pairs = sum((one, order[one]) in edges for one in range(left) if order[one] < right)
        most = max(most, pairs)
    return most


# Invariant: as many are paired as can be, each once, and only what fits.
@given(graphs)
def test_it_is_a_largest_matching(graph: tuple[int, int, set[tuple[int, int]]]) -> None:
    left, right, edges = graph
    edges = {edge for edge in edges if edge[0] < left and edge[1] < right}
    matching = Matching(left, right)
    matching.cover_left(range(left), lambda one, other: (one, other) in edges)
    pairs = [(one, other) for one, other in enumerate(matching.left) if other >= 0]
    assert set(pairs) <= edges
    assert len({other for _, other in pairs}) == len(pairs) == best(left, right, edges)
    assert [matching.right[other] for _, other in pairs] == [one for one, _ in pairs]


# Invariant: whoever was covered stays covered, so that pages which fit are not left over for tickets.
@given(graphs, st.sets(st.integers(0, 4)))
def test_who_is_covered_stays_covered(
    graph: tuple[int, int, set[tuple[int, int]]], first: set[int]
) -> None:
    left, right, edges = graph
    edges = {edge for edge in edges if edge[0] < left and edge[1] < right}
    first = {other for other in first if other < right}
    matching = Matching(left, right)
    matching.cover_right(sorted(first), lambda one, other: (one, other) in edges)
    covered = {other for other in range(right) if matching.right[other] >= 0}
    assert len(covered) == best(left, right, {edge for edge in edges if edge[1] in first})
    matching.cover_left(range(left), lambda one, other: (one, other) in edges)
    assert covered <= {other for other in range(right) if matching.right[other] >= 0}
    assert sum(partner >= 0 for partner in matching.left) == best(left, right, edges)
