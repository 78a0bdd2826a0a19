"""How far a loss reaches: the regions, zones, nodes and hosts of a scope that it has touched. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.alerts import Reach
from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import Scope

EVERY_S = 5
"""Slots after which the reach of an open cause is counted anew."""

PLACES = ("region", "zone", "node", "host")


def reach_of(
    lattice: Lattice, scope: Scope, inside: NDArray[np.bool_], touched: NDArray[np.bool_]
) -> tuple[Reach, ...]:
    """Of the cells `inside`, those of the scope of which anything is expected, how many values of each
    label those that are `touched` have, and all of them; both bool[cells].

    Of the labels that the scope leaves open: regions, or the zones of a scope that names its region;
    nodes, where any are probed; hosts.
    """
    named = {label for label, _ in scope}
    skipped = named | ({"zone"} if not named & {"region", "zone"} else set())
    if named & {"zone", "node", "host"}:  # one place, as a rule
        skipped |= {"region"}
    if "node" in named or "host" in named:
        skipped |= {"zone"}
    of_scope, bad = np.flatnonzero(inside), np.flatnonzero(inside & touched)
    found = []
    for label in PLACES:
        if label in skipped:
            continue
        total = lattice.distinct(label, of_scope)
        if total:
            found.append(Reach(label, lattice.distinct(label, bad), total))
    return tuple(found)
