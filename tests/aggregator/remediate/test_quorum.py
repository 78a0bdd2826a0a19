"""Agreement among vantages, by hand-made opinions and against the rules as one would say them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.remediate.quorum import agreement, discredited, outdated
from coalmine_aggregator.remediate.vantage_detector import BAD, DOUBTFUL, GOOD, NEVER, NONE
from coalmine_aggregator.remediate.vantages import Vantages, vantages_of
from coalmine_wire.protocols import Protocol
from tests.aggregator.remediate.watched import series_of


def vantages(nodes: int, direct: int, *, own: bool = True) -> Vantages:
    """Each node's own vantage (if any), then those of hosts `d0`, `d1` ..."""
    made = series_of(
        [f"n{number:02}" for number in range(nodes)],
        [f"d{number}" for number in range(direct)],
        [Protocol.TCP],
        own=own,
    )
    series = AllSeries()
    ids = [series.add(each, control=False) for each in made if each.node]
    return vantages_of(series, np.array(ids))


def held(opinions: list[int], quorum: int, *, own: bool = True) -> tuple[bool, bool, bool, bool]:
    """bad, good, enough, doubted; the first opinion is the own agent's, if there is one."""
    them = vantages(1, len(opinions) - own, own=own)
    found = agreement(them, np.array(opinions, dtype=np.int8), quorum)
    bad, good, enough, doubted = (bool(each[0]) for each in found)
    return bad, good, enough, doubted


@pytest.mark.parametrize(
    ("opinions", "quorum", "bad"),
    [
        ([BAD, BAD, GOOD, GOOD], 2, True),
        ([BAD, GOOD, GOOD], 2, False),
        ([BAD, DOUBTFUL, DOUBTFUL], 2, False),
        ([GOOD, BAD, BAD, BAD], 2, False),
        ([DOUBTFUL, BAD, BAD, BAD], 2, False),
        ([NONE, BAD, BAD], 2, True),
        ([NONE, BAD, NONE], 2, False),
        ([BAD, BAD, GOOD], 3, False),
        ([BAD, BAD, BAD], 3, True),
        ([NONE, BAD, BAD, GOOD], 3, False),
        ([NONE, BAD, BAD, BAD], 3, True),
        ([BAD], 1, True),
        ([BAD, NONE], 1, True),
        ([NONE, BAD], 1, True),
        ([BAD, DOUBTFUL], 1, True),
        ([BAD, GOOD], 1, False),
        ([GOOD, BAD], 1, False),
    ],
)
def test_who_has_to_agree_that_a_node_is_bad(opinions: list[int], quorum: int, bad: bool) -> None:
    assert held(opinions, quorum)[0] is bad


@pytest.mark.parametrize(
    ("opinions", "quorum", "good"),
    [
        ([GOOD, GOOD], 2, True),
        ([GOOD, GOOD, BAD], 2, True),
        ([GOOD, GOOD, BAD, BAD], 2, False),
        ([GOOD, DOUBTFUL], 2, False),
        ([GOOD, NONE], 2, False),
        ([BAD, GOOD, GOOD], 2, False),
        ([NONE, GOOD, GOOD], 2, True),
        ([NONE, GOOD], 1, True),
        ([GOOD, BAD], 1, False),
    ],
)
def test_who_has_to_agree_that_a_node_is_good(opinions: list[int], quorum: int, good: bool) -> None:
    assert held(opinions, quorum)[1] is good


def test_hosts_beside_a_node_without_an_agent_are_two_at_least() -> None:
    assert held([BAD], 2, own=False) == (False, False, False, True)
    assert held([BAD, BAD], 2, own=False) == (True, False, True, True)
    assert held([BAD], 1, own=False)[0]


# Invariant: as the rules say it, one node at a time.
@given(
    st.lists(st.sampled_from([NONE, GOOD, DOUBTFUL, BAD]), min_size=1, max_size=6),
    st.booleans(),
    st.integers(1, 4),
)
def test_agreement_is_what_the_rules_say(opinions: list[int], own: bool, quorum: int) -> None:
    mine, others = (opinions[0], opinions[1:]) if own else (NONE, opinions)
    voters = others if mine == NONE else [mine, *others]
    voters = [each for each in voters if each != NONE]
    if quorum == 1:
        need = 1
        bad = BAD in voters and GOOD not in voters
        good = GOOD in voters and BAD not in voters
    else:
        need = quorum if mine != NONE else max(quorum, 2)
        bad = voters.count(BAD) >= need and mine in (NONE, BAD)
        good = voters.count(GOOD) >= need and mine in (NONE, GOOD) and voters.count(BAD) < quorum
    doubted = BAD in voters or DOUBTFUL in voters
    assert held(opinions, quorum, own=own) == (bad, good, len(voters) >= need, doubted)
    assert not (bad and good)


def test_a_host_is_discredited_by_the_nodes_own_agents_alone() -> None:
    them = vantages(5, 2)
    opinions = np.full(len(them.keys), GOOD, dtype=np.int8)
    of_d0 = np.array([host == "d0" for host in them.hosts])
    opinions[of_d0] = BAD
    (host,) = discredited(them, opinions, 1).tolist()
    assert set(them.host_codes[of_d0].tolist()) == {host}
    assert discredited(them, opinions, 5).size == 0
    opinions[them.own] = NONE
    assert discredited(them, opinions, 1).size == 0
    opinions[them.own] = BAD
    assert discredited(them, opinions, 1).size == 0


@pytest.mark.parametrize(
    ("opinions", "heard", "dark", "quorum", "old"),
    [
        ([GOOD, BAD, BAD], 59, [60, 60], 2, True),
        ([DOUBTFUL, BAD, BAD], 60, [60, 61], 2, True),
        ([GOOD, BAD, BAD], 61, [60, 61], 2, False),
        ([GOOD, BAD, DOUBTFUL], 59, [60, 60], 2, False),
        ([GOOD, BAD, BAD], 59, [60, NEVER], 2, False),
        ([GOOD, BAD, BAD, GOOD], 59, [60, 60, NEVER], 2, True),
        ([GOOD, BAD, BAD], 59, [60, 60], 3, False),
        ([GOOD, BAD, BAD, BAD], 59, [60, 60, 60], 3, True),
        ([GOOD, BAD], 59, [60], 1, False),
        ([GOOD, BAD, BAD], 59, [60, 60], 1, True),
        ([BAD, BAD, BAD], 59, [60, 60], 2, False),
        ([NONE, BAD, BAD], NEVER, [60, 60], 2, False),
    ],
)
def test_which_last_words_are_outdated(
    opinions: list[int], heard: int, dark: list[int], quorum: int, old: bool
) -> None:
    them = vantages(2, len(opinions) - 1)
    others = [GOOD] * len(opinions)  # of the other node, of which nobody holds anything bad
    found = outdated(
        them,
        np.array(opinions + others, dtype=np.int8),
        np.array([heard, *[62] * len(dark)] * 2),
        np.array([NEVER, *dark, *[NEVER] * len(opinions)]),
        quorum,
    )
    assert found.tolist() == [old] + [False] * (2 * len(opinions) - 1)


def test_a_node_without_an_agent_has_no_last_word() -> None:
    them = vantages(1, 2, own=False)
    opinions = np.array([BAD, BAD], dtype=np.int8)
    assert not outdated(them, opinions, np.array([59, 59]), np.array([60, 60]), 2).any()
