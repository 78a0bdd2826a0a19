"""Twins: patterns with the same judged cells.

Invariant: of the patterns with the same judged cells just the first is left, whatever cells are judged,
and with cells that came since.
"""

from __future__ import annotations

import numpy as np
import pytest

from coalmine_aggregator.localise.pool import Twins
from tests.aggregator.localise.fleet import cells, lattice


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_the_first_of_each_is_left(share: float) -> None:
    rng = np.random.default_rng(8)
    made = lattice()
    twins = Twins(made)
    for place in (None, ("external", "sa", "sa-a", 3)):
        if place:
            made.add(cells([place]))
        judged = rng.random(made.cells) < share
        assert twins.follow(judged)
        assert not twins.follow(judged.copy())
        patterns = rng.permutation(made.patterns).astype(np.int64)
        seen: dict[bytes, int] = {}
        for number in patterns.tolist():
            seen.setdefault((made.members(made.scope(number)) & judged).tobytes(), number)
        assert twins.first_of_each(patterns).tolist() == list(seen.values())
        known, rest = patterns[:20], patterns[20:]
        told = twins.first_of_each(known).tolist()
        assert told + twins.others(rest, known).tolist() == list(seen.values())
        assert twins.others(rest[:0], known).tolist() == []
