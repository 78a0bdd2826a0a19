"""A small fleet's settled counts, made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.scopes import Leaf
from coalmine_aggregator.model.slot_counts import SlotCounts

START = 1_763_000_000

PROTOCOLS = ("tcp", "tls", "udp", "https")
ZONES = (("eu-west-1", "eu-west-1a"), ("eu-west-1", "eu-west-1b"), ("us-east-1", "us-east-1a"))


def leaves(
    service: str = "ingest",
    protocols: Iterable[str] = PROTOCOLS,
    zones: Iterable[tuple[str, str]] = ZONES,
    locations: Iterable[str] = ("external",),
) -> tuple[Leaf, ...]:
    """Every combination."""
    return tuple(
        Leaf(service, protocol, "", location, region, zone)
        for protocol in protocols
        for location in locations
        for region, zone in zones
    )


def second(
    slot: int,
    of: tuple[Leaf, ...],
    agents: int = 4,
    fate: Callable[[Leaf], Fate | tuple[Fate, int] | None] = lambda leaf: None,
) -> SlotCounts:
    """One slot: `agents` datapoints a leaf, delivered, save what `fate` says: all, or (fate, n)."""
    fates = np.zeros((len(of), FATES), dtype=np.int32)
    fates[:, Fate.DELIVERED] = agents
    for row, leaf in enumerate(of):
        said = fate(leaf)
        if said is None:
            continue
        which, count = said if isinstance(said, tuple) else (said, agents)
        fates[row, Fate.DELIVERED] -= count
        fates[row, which] += count
    return SlotCounts(slot, of, fates[:, Fate.DELIVERED].copy(), fates)
