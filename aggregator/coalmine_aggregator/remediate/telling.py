"""Which held nodes the log is told of: each rail once for as long as a node looks bad. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.model.withdrawal import Held
from coalmine_aggregator.remediate.board import Board
from coalmine_aggregator.remediate.memory import Told

FORGET_S: Final = 30.0
"""A node that was not held for so long is told of anew."""

MOST_TOLD: Final = 10
"""Nodes of which each turn tells apart; the others share a line."""

_NAMED = 20


def tell(board: Board, told: dict[str, Told], held: Sequence[Held]) -> dict[str, Told]:
    """Says what is new among those that are held; what was told, for the next turn. A `Held` without a
    node concerns the service."""
    now = board.now
    after = {node: each for node, each in told.items() if now - each.at < FORGET_S}
    news: list[Held] = []
    for each in held:
        known = after.get(each.node)
        rails = frozenset[str]() if known is None else known.rails
        if each.rail not in rails:
            news.append(each)
        after[each.node] = Told(rails | {each.rail}, now)
    for each in news[:MOST_TOLD]:
        board.say(RemediationKind.HELD, each.node, each.rail, each.text)
    more: dict[str, list[str]] = {}
    for each in news[MOST_TOLD:]:
        more.setdefault(each.rail, []).append(each.node)
    for rail, nodes in more.items():
        names = [
            ", ".join(nodes[:_NAMED]),
            *([f"and {len(nodes) - _NAMED} more"] * (len(nodes) > _NAMED)),
        ]
        board.say(RemediationKind.HELD, "", rail, f"{len(nodes)} more nodes", names)
    return after
