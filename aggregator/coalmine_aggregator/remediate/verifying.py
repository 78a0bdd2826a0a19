"""A withdrawal must help, or it is undone. Pure.

Where the balanced series lost significantly when a node was withdrawn, half of that node's share of it
must be gone within `verify_s`, over ten slots since. Where too few balanced datapoints come in to say,
it is waited for: to return a node that a quorum holds failed because nobody looks would be no better
than to withdraw one.
"""

from __future__ import annotations

from typing import Final

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.remediation_event import RemediationKind
from coalmine_aggregator.remediate.balance import WINDOW_S, after, loss_of, still_accepted
from coalmine_aggregator.remediate.board import Board
from coalmine_aggregator.remediate.memory import Reverted

STANDS_S: Final = 600.0
"""For so long people are told of a withdrawal that was undone, or until they pin the node."""


def verify(board: Board) -> dict[str, Reverted]:
    """Looks at the withdrawals that must still show; gives those that were undone, by node."""
    undone: dict[str, Reverted] = {}
    others = sum(
        view.verdict is Verdict.FAILED and node not in board.out for node, view in board.views.items()
    )
    for node, check in sorted(board.checks.items()):
        if node not in board.out or board.out[node].by:
            board.unchecked(node)
            continue
        slots = after(board.run.balanced, check.since)
        loss, accepted = loss_of(slots), still_accepted(check.loss, others)
        passed_s = board.now - check.since
        due = passed_s >= board.policy.verify_s
        if loss is None or not (due or len(slots) >= WINDOW_S):
            continue
        told = f"{loss:.1%} of balanced datapoints after {passed_s:.0f} s, {check.loss:.1%} before"
        if loss <= accepted:
            board.checked(node, f"loss has fallen: {told}")
        elif due:
            text = f"loss has not fallen: {told}"
            held_in_s = board.policy.max_hold_s
            board.bring_back(node, "", text, RemediationKind.REVERTED, held_in_s)
            undone[node] = Reverted(board.now, text)
    return undone


def finding(service: str, node: str, reverted: Reverted) -> Finding:
    """What people are paged for."""
    return Finding(
        AlertClass.REMEDIATION_REVERT,
        service,
        node,
        Severity.PAGE,
        (("node", node),),
        int(reverted.at),
        note=f"{node} was withdrawn and returned: {reverted.note}",
    )
