"""Outages of made-up fleets, with the scopes that are truly lost, for `benchmarks.localise`.

A fleet has agents outside (several regions), inside, and often on the machines of the service, which
are then sometimes probed directly from inside. A cause is a set of one to three labels of some cell.
What nobody could find is not drawn: each cause must add, on average, `LEAST_ADDED` bad datapoints to
those of the base and of the other causes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.model.lattice import Lattice
from coalmine_aggregator.model.scopes import PREFERENCE, Scope

NOISE = 0.0002
"""The loss of every datapoint that no cause covers."""

LEAST_ADDED = 5.0
"""Bad datapoints that a cause adds at least, on average."""

Cell = tuple[str, ...]
Counts = NDArray[np.int32]

PROTOCOLS = ("tcp", "tls", "udp", "pickle", "pickle_tls", "https")


class Fleet(NamedTuple):
    """Some hundreds of cells, and the lattice over them."""

    cells: list[Cell]
    lattice: Lattice


class Outage(NamedTuple):
    """What is lost of a fleet, and the counts of some seconds, int32[cells]."""

    scopes: tuple[Scope, ...]
    losses: tuple[float, ...]
    judged: Counts
    bad: Counts


def fleet(rng: np.random.Generator) -> Fleet:
    """A fleet of 300 to 2,000 cells."""
    while True:
        cells = _cells(rng)
        if 300 <= len(cells) <= 2_000:
            lattice = Lattice()
            lattice.add(cells)
            return Fleet(cells, lattice)


def outage(rng: np.random.Generator, fleet: Fleet, per_cell: int, least: float, most: float) -> Outage:
    """One to three causes, each losing between `least` and `most`; every third of them `most`."""
    while True:
        scopes = [_scope(rng, fleet) for _ in range(int(rng.integers(1, 4)))]
        losses = [most if rng.random() < 1 / 3 else float(rng.uniform(least, most)) for _ in scopes]
        masks = [fleet.lattice.members(scope) for scope in scopes]
        passes = [np.where(mask, 1.0 - loss, 1.0) for mask, loss in zip(masks, losses, strict=True)]
        everything = (1.0 - NOISE) * np.prod(passes, axis=0)
        added = []
        for left in range(len(scopes)):
            others = (1.0 - NOISE) * np.prod(
                [*passes[:left], *passes[left + 1 :], 1.0 + 0.0 * everything], axis=0
            )
            added.append(per_cell * float((others - everything).sum()))
        distinct = len({mask.tobytes() for mask in masks}) == len(masks)
        if distinct and min(added) >= LEAST_ADDED:
            judged = np.full(len(fleet.cells), per_cell, dtype=np.int32)
            bad = rng.binomial(judged, 1.0 - everything).astype(np.int32)
            return Outage(tuple(scopes), tuple(losses), judged, bad)


def _scope(rng: np.random.Generator, fleet: Fleet) -> Scope:
    """One to three labels of a cell that is drawn by its place, so that small places count, too."""
    cell = fleet.cells[int(rng.integers(len(fleet.cells)))]
    named = [i for i, value in enumerate(cell) if value]
    size = min(int(rng.integers(1, 4)), len(named))
    labels = sorted(rng.choice(named, size=size, replace=False).tolist())
    return tuple((PREFERENCE[i], cell[i]) for i in labels)


def _cells(rng: np.random.Generator) -> list[Cell]:
    protocols = PROTOCOLS[: int(rng.integers(3, 7))]
    endpoints = [(protocol, "") for protocol in protocols]
    if rng.random() < 0.4:
        endpoints += [(protocol, "ipv6") for protocol in protocols[:2]]
    cells: list[Cell] = []

    def agents(location: str, region: str, zones: int, most: int) -> list[tuple[str, str]]:
        made = []
        for z in range(zones):
            zone = f"{region}-{'abc'[z]}"
            for n in range(int(rng.integers(1, most + 1))):
                host = f"{location[0]}-{zone}-{n}"
                made.append((zone, host))
                node = host if location == "on-machine" else ""
                cells.extend((p, v, location, region, zone, node, host) for p, v in endpoints)
        return made

    for region in ("us", "eu", "ap", "sa")[: int(rng.integers(2, 5))]:
        agents("external", region, int(rng.integers(1, 4)), 6)
    inside = [
        (r, a) for r in ("dc1", "dc2")[: int(rng.integers(1, 3))] for a in agents("internal", r, 2, 4)
    ]
    if rng.random() < 0.7:
        nodes = [host for r in ("dc1", "dc2") for _, host in agents("on-machine", r, 2, 8)]
        if rng.random() < 0.5:
            for region, (zone, host) in inside[:6]:
                for node in nodes:
                    cells.extend(
                        (p, f"node_{node}", "internal", region, zone, node, host) for p in protocols
                    )
    return cells
