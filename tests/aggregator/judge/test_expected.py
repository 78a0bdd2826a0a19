"""How many of the cells that are looked at lie in each pattern: the same by every way there."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.judge.expected import Expected
from tests.aggregator.localise.fleet import PLACES, cells, lattice


def test_counts_are_kept_as_cells_come_and_go() -> None:
    rng = np.random.default_rng(4)
    made, expected = lattice(), Expected()
    inside = np.zeros(made.cells, dtype=np.bool_)
    for turn, share in enumerate((0.0, 1.0, 0.05, 0.05, 0.9, 0.02, 1.0)):
        if turn == 4:
            made.add(cells([("external", "sa", "sa-a", 3), *PLACES[:1]]))
            inside = np.pad(inside, (0, made.cells - len(inside)))
        inside = inside ^ (rng.random(made.cells) < share)
        before = expected.base
        changed = expected.move(made, inside)
        by_hand = [np.count_nonzero(made.members(made.scope(i)) & inside) for i in range(made.patterns)]
        assert expected.base.tolist() == by_hand
        assert changed.tolist() == [i for i, old in enumerate(before) if old != by_hand[i]]
