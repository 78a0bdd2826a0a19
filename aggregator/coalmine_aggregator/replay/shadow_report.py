"""What remediation would have done over some time: gathered turn by turn, and as text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.fates import BAD, Fate
from coalmine_aggregator.model.figures import clock_time, length, percent, span, utc
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.slot_cells import SlotCells
from coalmine_aggregator.remediate.turn import Turn

MOST_LISTED: Final = 50
"""Withdrawals, and freezes, that a text lists; the others are counted."""

MOST_NAMED: Final = 8
"""Nodes that a line names."""

_BAD = np.array(BAD, dtype=np.uint8)


@dataclass(slots=True)
class Outing:
    """A node that would have been out from `since` to `until` (None: still, at the end), both seconds
    since the epoch. `judged` and `bad` are the datapoints that led to it meanwhile, as recorded: it was
    not out. `back` says why it came back."""

    node: str
    since: float
    why: str
    until: float | None = None
    back: str = ""
    judged: int = 0
    bad: int = 0


class Freeze(NamedTuple):
    """A time in which nobody would have been withdrawn since many looked bad; `until` None: still."""

    since: float
    why: str
    until: float | None = None


@dataclass
class ShadowReport:
    """One service over the slots from `first` to before `end`. `seen` of these were recorded, and
    `looked_at` had anything in them that could be about a node; `nodes` is how many the service had at
    most at once. `held` are, by rail, the nodes that it held, each with how often."""

    service: str
    first: int
    end: int
    policy: RemediationPolicy
    seen: int = 0
    looked_at: int = 0
    nodes: int = 0
    outings: list[Outing] = field(default_factory=list)
    freezes: list[Freeze] = field(default_factory=list)
    held: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, turn: Turn, cells: SlotCells, series: AllSeries) -> None:
        """One slot, and what was decided after it."""
        self.looked_at += 1
        for event in turn.events:
            self._take(event)
        wanted = turn.wanted.get(self.service)
        if wanted is not None:
            self.nodes = max(self.nodes, len(wanted.nodes))
        for outing in self.outings:
            if outing.since <= cells.slot and (outing.until is None or cells.slot < outing.until):
                fates = cells.fates[_leading_to(series, outing.node, len(cells.fates))]
                bad = int(np.isin(fates, _BAD).sum())
                outing.bad += bad
                outing.judged += bad + int((fates == Fate.DELIVERED).sum())

    def _take(self, event: RemediationEvent) -> None:
        kind = event.kind
        if kind is RemediationKind.WITHDRAWN:
            self.outings.append(Outing(event.node, event.at, event.text))
        elif kind in (RemediationKind.RESTORED, RemediationKind.REVERTED):
            for outing in self.outings:
                if outing.node == event.node and outing.until is None:
                    outing.until, outing.back = event.at, event.text
        elif kind is RemediationKind.HELD and event.node:
            nodes = self.held.setdefault(event.rail, {})
            nodes[event.node] = nodes.get(event.node, 0) + 1
        elif kind is RemediationKind.FROZEN:
            self.freezes.append(Freeze(event.at, event.text))
        elif kind is RemediationKind.THAWED and self.freezes:
            self.freezes[-1] = self.freezes[-1]._replace(until=event.at)


def _leading_to(series: AllSeries, node: str, count: int) -> NDArray[np.intp]:
    return np.flatnonzero(series.codes("node")[:count] == series.code_of("node", node))


def as_text(report: ShadowReport) -> Iterator[str]:
    """Line by line."""
    policy, lasted = report.policy, max(report.end - report.first, 1)
    yield (
        f"{report.service}, {utc(report.first)} to {utc(report.end)}: {span(lasted)}, of which "
        f"{percent(report.seen / lasted)} was recorded; {_number(report.nodes, 'node')}"
    )
    yield (
        f"Rules: quorum {policy.quorum}; out at once at most {percent(policy.max_fraction)} of the "
        f"nodes and of a zone, one in any case, and {policy.max_nodes}; {policy.per_minute} a minute; "
        f"{policy.floor} must stay; out for {length(int(policy.hold_s))} at least"
    )
    if not report.seen:
        yield "Nothing was recorded: nothing can be said."
        return
    yield ""
    yield from _outings(report)
    yield from _freezes(report)
    yield from _held(report.held)


def _outings(report: ShadowReport) -> Iterator[str]:
    outings = report.outings
    if not outings:
        yield "It would have withdrawn nobody."
        return
    nodes = len({each.node for each in outings})
    yield f"It would have withdrawn {_number(nodes, 'node')}, {_times(len(outings))}:"
    width = max(len(each.node) for each in outings)
    for each in outings[:MOST_LISTED]:
        until = report.end if each.until is None else each.until
        yield (
            f"  {each.node:<{width}}  {clock_time(each.since, date=True)}  for "
            f"{span(until - each.since)}: {each.bad} of {each.judged} datapoints to it were bad"
        )
        yield f"  {'':<{width}}  out: {each.why}"
        yield f"  {'':<{width}}  back: {each.back or 'not before the end'}"
    if len(outings) > MOST_LISTED:
        yield f"  and {_times(len(outings) - MOST_LISTED)} more"


def _freezes(report: ShadowReport) -> Iterator[str]:
    if not report.freezes:
        return
    yield ""
    often = _times(len(report.freezes))
    yield f"Too many looked bad, so that it would have withdrawn nobody, and paged, {often}:"
    for each in report.freezes[:MOST_LISTED]:
        until = report.end if each.until is None else each.until
        yield f"  {clock_time(each.since, date=True)}  for {span(until - each.since)}: {each.why}"
    if len(report.freezes) > MOST_LISTED:
        yield f"  and {_times(len(report.freezes) - MOST_LISTED)} more"


def _held(held: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    if not held:
        return
    yield ""
    yield "Rails that held nodes which looked bad to somebody:"
    width = max(map(len, held))
    for rail, nodes in sorted(held.items(), key=lambda each: (-sum(each[1].values()), each[0])):
        often = sorted(nodes, key=lambda node: (-nodes[node], node))
        yield f"  {rail:<{width}}  {_times(sum(nodes.values()))}: {_names(often)}"


def _names(nodes: Sequence[str]) -> str:
    more = len(nodes) - MOST_NAMED
    return ", ".join(nodes[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
