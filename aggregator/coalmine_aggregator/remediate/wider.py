"""Whether more is lost than a node explains, and what is lost beside it. Pure.

A loss is wider than a node if its scope holds series that lead to nodes, and names none of them. Where
it holds no such series, it is either what customers see of a broken node, or has nothing to do with it.
A load balancer may send all that one client has to one node of a hundred, so that no share of a loss
tells these two apart: neither keeps a node in that a quorum holds failed. If it does not help to
withdraw it, it comes back (`verifying`); what was lost before it failed is left out of that.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Verdict
from coalmine_aggregator.model.scopes import Scope, describe

SAME_TIME_S: Final = 15
"""A loss that began so long before or after a node failed may be its doing."""

SHARE: Final = 2.0
"""A failed node loses its part of the traffic, or a little more."""

_PLACES = frozenset({"region", "zone", "host"})


def wider_loss(
    losses: Sequence[Finding],
    apart: Container[str],
    views: Mapping[str, NodeView],
    out: Container[str],
) -> str:
    """Tells of an open loss that concerns more than nodes; nothing if there is none. `apart` are the
    handles of those that hold no series to any node, `views` the nodes of the roster by name, `out`
    those that are out.

    That is another loss of whose equal scopes none names a node. One is left aside: what balanced
    series lose by the nodes that failed, together with others. It began when they did, is no greater
    than their part of the traffic makes it, stops at no place, and all other nodes are well. One node
    of twelve that fails costs those who come through the load balancer one datapoint in twelve; that
    must not keep it in.
    """
    for loss in losses:
        scopes = (loss.scope, *loss.equivalents)
        if loss.handle in apart or any(label == "node" for scope in scopes for label, _ in scope):
            continue
        if not _of_nodes(loss, scopes, views, out):
            return f"a wider loss is open: {describe(loss.scope)}"
    return ""


def unrelated(
    losses: Iterable[Finding], apart: Container[str], views: Iterable[NodeView], slot: int
) -> list[Finding]:
    """Those of the losses apart from nodes that began too early to be the doing of one that has failed,
    or, while none has, of one that fails just now, in `slot`."""
    failed = (view.since for view in views if view.verdict is Verdict.FAILED)
    first = min(failed, default=slot)
    return [each for each in losses if each.handle in apart and each.since < first - SAME_TIME_S]


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
    if not all(view.verdict is Verdict.FAILED or _is_well(view) for view in others):
        return False
    return any(abs(view.since - loss.since) <= SAME_TIME_S for view in failed)


def _is_well(view: NodeView) -> bool:
    suspect = view.verdict is Verdict.SUSPECT
    return view.verdict is Verdict.HEALTHY or (suspect and view.good_since is not None)
