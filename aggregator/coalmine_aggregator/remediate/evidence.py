"""What was known when something was decided, as lines for the log. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.remediate.balance import Slots

MOST_LINES: Final = 12

_MOST_LINE = 300  # characters
_MOST_SIGHTS = 6
_MOST_LOSSES = 3
_ORDER = (Opinion.BAD, Opinion.DOUBTFUL, Opinion.GOOD, Opinion.NONE)


def of_node(
    view: NodeView | None, losses: Sequence[Finding], balanced: Slots, count: str
) -> tuple[str, ...]:
    """On one node: what each vantage holds (its own first, then the bad ones), the open losses, what
    the balanced series lose, and `count`, how many are out."""
    lines = [] if view is None else [*_sights(view), view.text]
    lines += [_loss(each) for each in losses[:_MOST_LOSSES]]
    judged, bad = sum(each[1] for each in balanced), sum(each[2] for each in balanced)
    lines += [f"balanced series: {bad} of {judged} bad in {len(balanced)} s", count]
    return bounded(lines)


def of_crowd(views: Iterable[NodeView]) -> tuple[str, ...]:
    """On many nodes: one line for each of the first."""
    return bounded([f"{view.node}: {view.verdict}, {view.text}" for view in views])


def bounded(lines: Sequence[str]) -> tuple[str, ...]:
    """Few enough, and short enough; nothing of what is empty."""
    told = [line[:_MOST_LINE] for line in lines if line]
    if len(told) > MOST_LINES:
        told = [*told[: MOST_LINES - 1], f"and {len(told) - MOST_LINES + 1} more"]
    return tuple(told)


def _sights(view: NodeView) -> list[str]:
    ranked = sorted(view.sights, key=lambda each: (not each.own, _ORDER.index(each.opinion), each.host))
    lines = [_sight(each) for each in ranked[:_MOST_SIGHTS]]
    more = ranked[_MOST_SIGHTS:]
    if more:
        bad = sum(each.opinion is Opinion.BAD for each in more)
        lines.append(f"{len(more)} more vantages, {bad} of them: bad")
    return lines


def _sight(sight: Sight) -> str:
    who = f"{sight.host} (own)" if sight.own else sight.host
    failing = f", failing {' '.join(sight.failing)}" if sight.failing else ""
    return f"{who}: {sight.opinion}, {sight.bad} of {sight.judged} in {sight.window_s} s{failing}"


def _loss(loss: Finding) -> str:
    return f"open loss, {describe(loss.scope)}: {loss.counts.bad} of {loss.counts.judged}"
