"""Atoms keep all that a pool of patterns can see.

Invariant: whatever the pool, the counts of any combination of its patterns over the atoms are those
over the cells.
"""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.localise import atoms as module
from coalmine_aggregator.localise.atoms import atoms_of
from tests.aggregator.localise.fleet import lattice


@pytest.mark.parametrize("apart", [0, 2048])
@pytest.mark.parametrize("seed", range(6))
def test_counts_by_combination(seed: int, apart: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_APART", apart)
    rng = np.random.default_rng(seed)
    made = lattice()
    pool = rng.choice(made.patterns, size=12, replace=False).astype(np.int64)
    judged, bad = rng.integers(0, 9, (2, made.cells)).astype(np.float64)
    atoms = atoms_of(made, pool, judged, bad, (made.by_leaf(judged), made.by_leaf(bad)))
    masks = np.array([made.members(made.scope(int(number))) for number in pool])
    of_cell = atoms.of_cells(made)
    assert (atoms.inside[:, of_cell] == masks).all()
    some = rng.permutation(made.cells)[:40]
    assert (atoms.of(some, made) == of_cell[some]).all()
    for counts, by_atom in ((judged, atoms.judged), (bad, atoms.bad)):
        assert (np.bincount(of_cell, counts, minlength=len(by_atom)) == by_atom).all()
        assert (atoms.by_leaf(by_atom) == made.by_leaf(counts)).all()
    for row, mask in enumerate(masks):
        found = atoms.cells_in(row, made, int(mask.sum()))
        assert found is not None
        assert np.sort(found).tolist() == np.flatnonzero(mask).tolist()
        if mask.sum() > 1:
            assert atoms.cells_in(row, made, int(mask.sum()) - 1) is None
