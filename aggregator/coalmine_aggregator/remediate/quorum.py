"""What the vantages of a node agree on. Pure.

The node's own agent has to agree, and with it `quorum` - 1 hosts beside it; where it has no opinion
itself, `quorum` others, two at least. So one network path, which many probes may share with one host,
never condemns a node by itself.

A quorum of one takes a single host's word, whoever it is, as long as nobody else holds the contrary:
who asks for it has but one vantage to go by, and where there is a second one, two that differ prove
nothing.

The last word of an own agent that then fell silent is no opinion where it is older than what two others
hold against it: a machine that dies takes its agent along, which said to the end that all was well.

A node is good by the same quorum, if fewer than `quorum` hold it bad: one path that stays broken keeps
nobody out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from coalmine_aggregator.remediate.vantage_detector import (
    BAD,
    DOUBTFUL,
    GOOD,
    NEVER,
    NONE,
    Opinions,
)
from coalmine_aggregator.remediate.vantages import Ints, Mask, Vantages


class Agreement(NamedTuple):
    """bool[N] each: a quorum holds it bad; a quorum holds it good; there are opinions enough for one;
    somebody holds it bad, or doubts."""

    bad: Mask
    good: Mask
    enough: Mask
    doubted: Mask


def agreement(vantages: Vantages, opinions: Opinions, quorum: int) -> Agreement:
    """By node. `quorum` is 1 or more."""
    v, nodes = vantages, len(vantages.nodes)
    own = np.full(nodes, NONE, dtype=np.int8)
    own[v.node_of[v.own]] = opinions[v.own]
    bad, good, doubtful = (
        np.add.reduceat((opinions == which) & ~v.own, v.first_vantage, dtype=np.int64)
        for which in (BAD, GOOD, DOUBTFUL)
    )
    has_own, any_bad = own != NONE, (own == BAD) | (bad > 0)
    doubted = any_bad | (own == DOUBTFUL) | (doubtful > 0)
    if quorum == 1:
        any_good = (own == GOOD) | (good > 0)
        return Agreement(any_bad & ~any_good, any_good & ~any_bad, doubted | any_good, doubted)
    needed = np.where(has_own, quorum - 1, max(quorum, 2))
    return Agreement(
        (bad >= needed) & (~has_own | (own == BAD)),
        (good >= needed) & (~has_own | (own == GOOD)) & (bad + (own == BAD) < quorum),
        bad + good + doubtful >= needed,
        doubted,
    )


def outdated(
    vantages: Vantages, opinions: Opinions, heard: Ints, dark_since: Ints, quorum: int
) -> Mask:
    """bool[V]: the own vantages that hold a node good, or doubt, by evidence not newer than the slot
    from which on so many others as it takes without them, which hold it bad, saw an endpoint dark.

    `heard` int64[V] are the newest slots with evidence; `dark_since` int64[V] as `VantageDetector` has
    it. Evidence of that very slot is not newer: a machine does not die as a slot begins.
    """
    v = vantages
    against = np.where((opinions == BAD) & ~v.own, dark_since, NEVER)
    own_heard = np.where(v.own, heard, NEVER)[v.first_vantage]
    later = (against > NEVER) & (against >= own_heard[v.node_of])
    outnumbered = np.add.reduceat(later, v.first_vantage, dtype=np.int64) >= max(quorum, 2)
    old: Mask = v.own & ((opinions == GOOD) | (opinions == DOUBTFUL)) & outnumbered[v.node_of]
    return old


def discredited(vantages: Vantages, opinions: Opinions, most: int) -> Ints:
    """The numbers of the hosts that hold more than `most` nodes bad while the nodes' own agents hold
    them good: then the host is what is bad, or its way to all of them."""
    v = vantages
    accused = np.flatnonzero((opinions == BAD) & ~v.own)
    if len(accused) <= most:
        return np.zeros(0, dtype=np.int64)
    own = np.full(len(v.nodes), NONE, dtype=np.int8)
    own[v.node_of[v.own]] = opinions[v.own]
    hosts, times = np.unique(v.host_codes[accused[own[v.node_of[accused]] == GOOD]], return_counts=True)
    return hosts[times > most]
