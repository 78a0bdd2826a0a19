"""What losses have cost, as the store keeps it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.judge.costs import NO_COSTS, Cost, read, write
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import FATES
from coalmine_aggregator.model.scopes import PREFERENCE, Scope, scope_of

NUMBERS = st.integers(0, 2**60)
SCOPES = st.dictionaries(st.sampled_from(PREFERENCE), st.text(max_size=20)).map(scope_of)
COSTS = st.builds(
    Cost,
    st.builds(Counts, NUMBERS, st.tuples(*[NUMBERS] * FATES)),
    st.lists(st.tuples(SCOPES, NUMBERS), min_size=1, max_size=8).map(tuple),
    st.none() | NUMBERS,
)

ZONE: Scope = (("zone", "z0"),)
ONE = Cost(Counts(3, (1, 2, 3, 4, 5, 6, 7)), ((ZONE, 1_800_000_000),), 1_800_000_020)


# Invariant: what is written is read again, as the same types.
@given(st.dictionaries(st.text(max_size=20), COSTS, max_size=5))
def test_costs_come_back(costs: dict[str, Cost]) -> None:
    found = read(write(costs))
    assert found == costs
    assert all(isinstance(each.total, Counts) for each in found.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "1",
        '{"a": 1}',
        '{"a": []}',
        '{"a": [[1, []], []]}',
        '{"a": null}',
        "\ud800",
    ],
)
def test_rubbish_costs_nothing(text: str) -> None:
    assert read(text) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        ONE._replace(counted=()),
        ONE._replace(counted=((((("shoe", "z0"),)), 1),)),
        ONE._replace(total=Counts(-1, ONE.total.fates)),
        ONE._replace(total=Counts(1, (1, 2, 3, 4, 5, 6, -7))),
        ONE._replace(total=Counts(1, (1, 2, 3))),
    ],
)
def test_one_that_cannot_be_is_left_out(wrong: Cost) -> None:
    assert read(write({"wrong": wrong, "right": ONE})) == {"right": ONE}


def test_the_form_is_stable() -> None:
    """Stores of earlier versions hold it."""
    assert NO_COSTS == "{}"
    assert json.loads(write({"1.1": ONE})) == {
        "1.1": [[3, [1, 2, 3, 4, 5, 6, 7]], [[[["zone", "z0"]], 1_800_000_000]], 1_800_000_020]
    }
