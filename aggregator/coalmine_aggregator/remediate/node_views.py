"""What is held of every node, spelled out for decisions, people and logs. Pure.

A thousand nodes with five vantages each are told anew every second: what is alike for all is made by
columns, and only what is not well is made one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.remediate.vantage_detector import (
    BAD,
    NEVER,
    NONE,
    OPINIONS,
    Opinions,
)
from coalmine_aggregator.remediate.vantages import Ints, Vantages
from coalmine_aggregator.remediate.verdicts import HEALTHY, VERDICTS, Verdicts

NAMED = 4
"""Hosts, and endpoints, that a sentence names; of more it tells the number."""

_sight = partial(tuple.__new__, Sight)  # a third of the time that `Sight(...)` takes
_view = partial(tuple.__new__, NodeView)

_OPINIONS = np.array(OPINIONS, dtype=object)
_VERDICTS = np.array(VERDICTS, dtype=object)


def sights(
    vantages: Vantages,
    opinions: Opinions,
    counts: Ints,
    window_s: int,
    failing: Ints,
    heard: Ints,
) -> list[Sight]:
    """One for each vantage. `counts` int64[2, V] are those judged and bad in the last `window_s` slots,
    `failing` places of series, `heard` int64[V] the newest slots with evidence, `NEVER` without."""
    newest: list[int | None] = heard.tolist()
    for at in np.flatnonzero(heard == NEVER).tolist():
        newest[at] = None
    named: list[tuple[str, ...]] = [()] * len(opinions)
    of = vantages.vantage_of[failing]
    starts = np.flatnonzero(np.diff(of, prepend=-1))
    endpoints = vantages.endpoints[failing].tolist()
    for at, (first, last) in zip(
        of[starts].tolist(), pairwise([*starts.tolist(), len(of)]), strict=True
    ):
        if opinions[at] == BAD:
            named[at] = tuple(dict.fromkeys(endpoints[first:last]))
    columns: Sequence[Iterable[object]] = (
        vantages.hosts,
        vantages.own.tolist(),
        _OPINIONS[opinions].tolist(),
        counts[0].tolist(),
        counts[1].tolist(),
        [window_s] * len(opinions),
        named,
        newest,
    )
    return list(map(_sight, zip(*columns, strict=True)))


def node_views(
    service: str,
    vantages: Vantages,
    verdicts: Verdicts,
    opinions: Opinions,
    seen: Sequence[Sight],
    aside: frozenset[str],
) -> list[NodeView]:
    """One for each node, in the order of their names. `seen` are the sights by vantage; `aside` the
    hosts that are not believed."""
    v = vantages
    good_since: list[int | None] = verdicts.good_since.tolist()
    for at in np.flatnonzero(verdicts.good_since == NEVER).tolist():
        good_since[at] = None
    bounds = [*v.first_vantage.tolist(), len(seen)]
    of_nodes = [tuple(seen[first:last]) for first, last in pairwise(bounds)]
    said = _VERDICTS[verdicts.verdict].tolist()
    all_well = (verdicts.verdict == HEALTHY) & ~np.logical_or.reduceat(
        opinions == NONE, v.first_vantage
    )
    texts = [
        _well(len(mine)) if well else _text(verdict, mine, shared, aside)
        for well, verdict, mine, shared in zip(
            all_well.tolist(), said, of_nodes, v.shared.tolist(), strict=True
        )
    ]
    columns: Sequence[Iterable[object]] = (
        [service] * len(texts),
        v.nodes,
        v.regions,
        v.zones,
        said,
        verdicts.since.tolist(),
        good_since,
        of_nodes,
        texts,
    )
    return list(map(_view, zip(*columns, strict=True)))


def _well(count: int) -> str:
    return f"nobody of {count} doubts" if count > 1 else "its one vantage does not doubt"


def _text(verdict: Verdict, mine: Sequence[Sight], shared: bool, aside: frozenset[str]) -> str:
    """Why a node is not simply well."""
    if shared:
        return "on-machine agents in several places go by its name: nobody knows which one is meant"
    by = {opinion: [each for each in mine if each.opinion is opinion] for opinion in Opinion}
    told = [
        f"{_hosts(by[opinion])} {'holds' if len(by[opinion]) == 1 else 'hold'} it {opinion}"
        for opinion in (Opinion.BAD, Opinion.DOUBTFUL, Opinion.GOOD)
        if by[opinion] and verdict is not Verdict.HEALTHY
    ]
    if verdict is Verdict.HEALTHY:
        told.append(_well(len(by[Opinion.GOOD])))
    endpoints = list(dict.fromkeys(name for each in by[Opinion.BAD] for name in each.failing))
    if endpoints:
        told[0] += f" ({_some(endpoints)})"
    distrusted = [each for each in by[Opinion.NONE] if each.host in aside and not each.own]
    mute = [each for each in by[Opinion.NONE] if each not in distrusted]
    if mute:
        told.append(f"{_hosts(mute)} {'says' if len(mute) == 1 else 'say'} nothing")
    if distrusted:
        told.append(
            f"{_hosts(distrusted)} {'is' if len(distrusted) == 1 else 'are'} not believed: "
            "too many nodes look bad from there that are good by their own agents"
        )
    if verdict is Verdict.UNKNOWN:
        told.append("too few to agree")
    return "; ".join(told)


def _hosts(mine: Sequence[Sight]) -> str:
    return _some([f"{each.host} (own)" if each.own else each.host for each in mine])


def _some(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1} others"
