"""What is held of every node, spelled out for decisions, people and logs. Pure.

A thousand nodes with five vantages each are told every second, nearly always the same: of a node of
which everybody says nothing but good, only the counts move, and they are brought up to date every
`REFRESHED_S` seconds. Sentences are made anew only where what they tell has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.remediate.vantage_detector import BAD, GOOD, NEVER, OPINIONS, Opinions
from coalmine_aggregator.remediate.vantages import Ints, Mask, Vantages
from coalmine_aggregator.remediate.verdicts import HEALTHY, VERDICTS, Verdicts

REFRESHED_S: Final = 5
"""The counts and slots of a node that is well are at most this old."""

NAMED: Final = 4
"""Hosts, and endpoints, that a sentence names; of more it tells the number."""

_sight = partial(tuple.__new__, Sight)  # a third of the time that `Sight(...)` takes
_view = partial(tuple.__new__, NodeView)

_OPINIONS = np.array(OPINIONS, dtype=object)
_VERDICTS = np.array(VERDICTS, dtype=object)


class Held(NamedTuple):
    """What vantages hold in a slot. `opinions` int8[V]; `counts` int64[2, V] are those judged and bad
    in the last `window_s` slots; `failing` bool[S]; `heard` int64[V] are the newest slots with
    evidence, `NEVER` without; `aside` bool[V] are those that have an opinion which is not believed."""

    slot: int
    opinions: Opinions
    counts: Ints
    window_s: int
    failing: Mask
    heard: Ints
    aside: Mask


class NodeViews:
    """The nodes of one service, as they were told last."""

    def __init__(self, service: str, vantages: Vantages) -> None:
        self._service, self._vantages = service, vantages
        self._views: list[NodeView] = []
        self._last: Held | None = None
        self._verdict = np.zeros(0, dtype=np.int8)

    def tell(self, held: Held, verdicts: Verdicts) -> Sequence[NodeView]:
        """One for each node, in the order of their names: a list of the caller's own."""
        v = self._vantages
        same = self._same(held, verdicts)
        well = (verdicts.verdict == HEALTHY) & np.logical_and.reduceat(
            (held.opinions == GOOD) & (held.heard >= held.slot), v.first_vantage
        )
        turn = (np.arange(len(same)) + held.slot) % REFRESHED_S == 0
        due = np.flatnonzero(turn | ~well | ~same)
        told = self._told(due, same[due], held, verdicts)
        if len(due) == len(same):
            self._views = told
        else:
            for at, view in zip(due.tolist(), told, strict=True):
                self._views[at] = view
        self._last, self._verdict = held, verdicts.verdict
        return self._views.copy()

    def _same(self, held: Held, verdicts: Verdicts) -> Mask:
        """bool[N]: of which the sentence would be the same as it was."""
        v, last = self._vantages, self._last
        if last is None:
            return np.zeros(len(v.nodes), dtype=np.bool_)
        vantages = (last.opinions == held.opinions) & (last.aside == held.aside)
        if (last.failing != held.failing).any():
            vantages = vantages & np.logical_and.reduceat(last.failing == held.failing, v.first_series)
        same: Mask = np.logical_and.reduceat(vantages, v.first_vantage)
        same &= verdicts.verdict == self._verdict
        return same

    def _told(self, due: Ints, same: Mask, held: Held, verdicts: Verdicts) -> list[NodeView]:
        v = self._vantages
        sizes = np.diff(np.append(v.first_vantage, len(v.keys)))[due]
        which = np.zeros(len(v.nodes), dtype=np.bool_)
        which[due] = True
        vantages = np.flatnonzero(which[v.node_of])
        seen, aside = _sights(v, vantages, held), held.aside[vantages].tolist()
        bounds = [0, *np.cumsum(sizes).tolist()]
        of_nodes = [tuple(seen[first:last]) for first, last in pairwise(bounds)]
        said: list[Verdict] = _VERDICTS[verdicts.verdict[due]].tolist()
        nodes = due.tolist()
        texts = [
            self._views[at].text if kept else _text(verdict, mine, shared, aside[first:last])
            for at, kept, verdict, mine, shared, (first, last) in zip(
                nodes,
                same.tolist(),
                said,
                of_nodes,
                v.shared[due].tolist(),
                pairwise(bounds),
                strict=True,
            )
        ]
        columns: Sequence[Iterable[object]] = (
            [self._service] * len(nodes),
            [v.nodes[at] for at in nodes],
            [v.regions[at] for at in nodes],
            [v.zones[at] for at in nodes],
            said,
            verdicts.since[due].tolist(),
            _or_none(verdicts.good_since[due]),
            of_nodes,
            texts,
        )
        return list(map(_view, zip(*columns, strict=True)))


def _sights(v: Vantages, which: Ints, held: Held) -> list[Sight]:
    """One for each of these vantages."""
    columns: Sequence[Iterable[object]] = (
        [v.hosts[at] for at in which.tolist()],
        v.own[which].tolist(),
        _OPINIONS[held.opinions[which]].tolist(),
        held.counts[0, which].tolist(),
        held.counts[1, which].tolist(),
        [held.window_s] * len(which),
        _failing(v, which, held),
        _or_none(held.heard[which]),
    )
    return list(map(_sight, zip(*columns, strict=True)))


def _failing(v: Vantages, which: Ints, held: Held) -> list[tuple[str, ...]]:
    named: list[tuple[str, ...]] = [()] * len(which)
    at = np.flatnonzero(held.failing & (held.opinions == BAD)[v.vantage_of])
    if not at.size:
        return named
    of = v.vantage_of[at]
    begins = np.flatnonzero(np.diff(of, prepend=-1))
    endpoints = v.endpoints[at].tolist()
    places = np.searchsorted(which, of[begins]).tolist()  # who is bad is always due
    for place, (first, last) in zip(places, pairwise([*begins.tolist(), len(of)]), strict=True):
        named[place] = tuple(dict.fromkeys(endpoints[first:last]))
    return named


def _or_none(slots: Ints) -> list[int | None]:
    told: list[int | None] = slots.tolist()
    for at in np.flatnonzero(slots == NEVER).tolist():
        told[at] = None
    return told


def _text(verdict: Verdict, mine: Sequence[Sight], shared: bool, aside: Sequence[bool]) -> str:
    """Why a node is held to be what it is."""
    if shared:
        return "on-machine agents in several places go by its name: nobody knows which one is meant"
    by: dict[Opinion, list[Sight]] = {opinion: [] for opinion in Opinion}
    distrusted: list[Sight] = []
    for each, not_believed in zip(mine, aside, strict=True):
        (distrusted if not_believed else by[each.opinion]).append(each)
    told: list[str] = []
    if verdict is Verdict.HEALTHY:
        count = len(by[Opinion.GOOD])
        told.append(
            f"nobody of {count} doubts" if count > 1 else f"{by[Opinion.GOOD][0].host} does not doubt"
        )
    else:
        told += [
            f"{_hosts(by[opinion])} {'holds' if len(by[opinion]) == 1 else 'hold'} it {opinion}"
            for opinion in (Opinion.BAD, Opinion.DOUBTFUL, Opinion.GOOD)
            if by[opinion]
        ]
    endpoints = list(dict.fromkeys(name for each in by[Opinion.BAD] for name in each.failing))
    if endpoints:
        told[0] += f" ({_some(endpoints)})"
    if mute := by[Opinion.NONE]:
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
