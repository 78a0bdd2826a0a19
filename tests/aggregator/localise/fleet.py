"""Fleets and losses for tests of the localiser."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import Scope, scope_of

Counts = NDArray[np.int32]

PROTOCOLS = ("tcp", "tls", "udp", "pickle", "pickle_tls", "https")

# (location, region, zone, hosts): 22 agents, 132 series.
PLACES = (
    ("external", "us", "us-a", 3),
    ("external", "us", "us-b", 3),
    ("external", "eu", "eu-a", 4),
    ("external", "ap", "ap-a", 2),
    ("internal", "dc1", "dc1-a", 4),
    ("on-machine", "dc1", "dc1-a", 6),
)


def cells(
    places: Sequence[tuple[str, str, str, int]] = PLACES, protocols: Sequence[str] = PROTOCOLS
) -> list[tuple[str, ...]]:
    """The cells of the agents of some places."""
    made: list[tuple[str, ...]] = []
    numbers: dict[str, itertools.count[int]] = {}
    for location, region, zone, count in places:
        for _ in range(count):
            host = f"{zone}-{next(numbers.setdefault(zone, itertools.count(1)))}"
            node = host if location == "on-machine" else ""
            made += [(protocol, "", location, region, zone, node, host) for protocol in protocols]
    return made


def lattice(rows: Sequence[tuple[str, ...]] | None = None) -> Lattice:
    made = Lattice()
    made.add(cells() if rows is None else rows)
    return made


def scope(**labels: str) -> Scope:
    return scope_of(labels)


def losses(
    of: Lattice, causes: Sequence[tuple[Scope, float]], noise: float = 0.0002
) -> NDArray[np.float64]:
    """The true loss of each cell."""
    passed = np.full(of.cells, 1.0 - noise)
    for where, loss in causes:
        passed[of.members(where)] *= 1.0 - loss
    return 1.0 - passed


def counts(
    of: Lattice, causes: Sequence[tuple[Scope, float]], per_cell: int, seed: int = 0
) -> tuple[Counts, Counts]:
    """Drawn counts: judged and bad."""
    judged = np.full(of.cells, per_cell, dtype=np.int32)
    drawn = np.random.default_rng(seed).binomial(judged, losses(of, causes))
    return judged, drawn.astype(np.int32)
