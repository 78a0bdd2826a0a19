"""Names of the same cells.

Invariant: what is named are all scopes, and only those, that hold just the judged ones of the cells;
the first has the fewest labels, then the earliest of `PREFERENCE`.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from coalmine_aggregator.localise.equivalents import names_of
from coalmine_aggregator.model.scopes import PREFERENCE, Scope
from tests.aggregator.localise.fleet import cells, lattice, scope


def every_scope(cell: tuple[str, ...]) -> list[Scope]:
    named = [(label, value) for label, value in zip(PREFERENCE, cell, strict=True) if value]
    return [s for size in range(len(named) + 1) for s in itertools.combinations(named, size)]


@pytest.mark.parametrize("seed", range(12))
def test_all_names_and_no_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, made = cells(), lattice()
    judged = rng.random(made.cells) < (0.3 if seed % 2 else 1.0)
    cell = int(rng.choice(np.flatnonzero(judged)))
    scopes = every_scope(rows[cell])
    inside = made.members(scopes[int(rng.integers(len(scopes)))])
    found = names_of(made, inside, judged)
    same = [s for s in scopes if (made.members(s)[judged] == inside[judged]).all()]
    assert set(found) == set(same)
    assert len(found) == len(same)
    assert found[0] == min(same, key=lambda s: (len(s), [PREFERENCE.index(label) for label, _ in s]))


def test_minimal_ones_first() -> None:
    made = lattice()
    everywhere = np.ones(made.cells, dtype=np.bool_)
    found = names_of(made, made.members(scope(region="eu")), everywhere)
    assert found[:2] == (scope(region="eu"), scope(zone="eu-a"))
    assert scope(location="external", region="eu") in found[2:]


def test_nothing_judged_or_no_scope() -> None:
    made = lattice()
    nowhere, everywhere = np.zeros(made.cells, dtype=np.bool_), np.ones(made.cells, dtype=np.bool_)
    assert names_of(made, everywhere, nowhere) == ()
    two = nowhere.copy()
    two[[0, -1]] = True
    assert names_of(made, two, everywhere) == ()
    assert names_of(made, two, two)[0] == ()  # the first and the last cell share no label
