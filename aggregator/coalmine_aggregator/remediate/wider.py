"""Whether more is lost than a node explains. Pure."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Verdict
from coalmine_aggregator.model.scopes import Scope, describe

SAME_TIME_S: Final = 15
"""A loss that began so long before or after a node failed may be its doing."""

SHARE: Final = 2.0
"""A failed node loses its part of the traffic, or a little more."""

_PLACES = frozenset({"region", "zone", "host"})


def wider_loss(losses: Sequence[Finding], views: Mapping[str, NodeView], out: Container[str]) -> str:
    """Tells of an open loss that concerns more than nodes; nothing if there is none. `views` are the
    nodes of the roster by name, `out` those that are out.

    That is a loss of whose equal scopes none names a node. One is left aside: what balanced series lose
    by the nodes that failed. It began when they did, is no greater than their part of the traffic makes
    it, stops at no place, and all other nodes are well. One node of twelve that fails costs those who
    come through the load balancer one datapoint in twelve; that must not keep it in.
    """
    for loss in losses:
        scopes = (loss.scope, *loss.equivalents)
        if any(label == "node" for scope in scopes for label, _ in scope):
            continue
        if not _of_nodes(loss, scopes, views, out):
            return f"a wider loss is open: {describe(loss.scope)}"
    return ""


def _of_nodes(
    loss: Finding, scopes: Sequence[Scope], views: Mapping[str, NodeView], out: Container[str]
) -> bool:
    if all(any(label in _PLACES for label, _ in scope) for scope in scopes):
        return False
    failed = [view for view in views.values() if view.verdict is Verdict.FAILED]
    share = loss.counts.loss
    if share is None or share > SHARE * len(failed) / max(len(views), 1):
        return False
    others = (view for node, view in views.items() if node not in out)
    if not all(view.verdict in (Verdict.FAILED, Verdict.HEALTHY) for view in others):
        return False
    return any(abs(view.since - loss.since) <= SAME_TIME_S for view in failed)
