"""Why a node that is out comes back. Pure.

In this order: somebody stopped remediation, or pinned the node in, or released it; nobody has said for
the length of a lease that it is out; nobody has an opinion on it for as long; it has recovered and was
out for its hold; no quorum has held it failed for the longest hold. Then so many more as the rails no
longer allow: a roster that shrinks below who is out brings nodes back at once, first those that have
left it, then the ones that look best, then those that are out longest. Whom people have pinned out
gives way to the floor alone, and brings nobody back: pins count where it is asked who may still go.
"""

from __future__ import annotations

from typing import NamedTuple

from coalmine_aggregator.model.node_view import NodeView, Verdict
from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.model.withdrawal import Held
from coalmine_aggregator.remediate.board import Board
from coalmine_aggregator.remediate.memory import Out

_BEST_FIRST = (
    Verdict.HEALTHY,
    Verdict.RECOVERING,
    Verdict.UNKNOWN,
    Verdict.SUSPECT,
    Verdict.FAILED,
)


class Back(NamedTuple):
    """`rail` is empty where the node has recovered. `by` is the person whose word it was."""

    rail: str
    text: str
    by: str = ""


def come_back(board: Board, silent_s: float) -> list[Held]:
    """Brings back whoever is not to be out any more; those that have recovered and must still wait are
    held. `silent_s` is how long nobody has said anything of this service."""
    held: list[Held] = []
    for node in sorted(board.out):
        pin = board.pins.get(node)
        out, view = board.out[node], board.views.get(node)
        back = _by_people(board, pin, out) or _by_time(board, view, out, silent_s)
        if back is None and view is not None and out.auto and not out.by and _well(board, view):
            left = out.hold_until - board.now
            if left > 0:
                held.append(Held(node, "hold", f"it is well, and stays out for another {left:.0f} s"))
                continue
            back = Back("", f"good by a quorum for {board.policy.recovery_s:g} s and more")
        if back is not None:
            board.bring_back(node, back.rail, back.text, by=back.by)
    _shrink(board)
    return [each for each in held if each.node in board.out]


def _by_people(board: Board, pin: Pin | None, out: Out) -> Back | None:
    controls = board.controls
    if controls.stopped_by:
        why = f": {controls.stopped_why}" if controls.stopped_why else ""
        return Back(
            "stopped", f"{controls.stopped_by} has stopped remediation{why}", controls.stopped_by
        )
    if pin is not None and pin.state is PinState.IN:
        return Back("pinned", f"{pin.by} has pinned it in: {pin.why}", pin.by)
    if pin is None and not out.auto:
        return Back("pinned", "it is no longer pinned out")
    return None


def _by_time(board: Board, view: NodeView | None, out: Out, silent_s: float) -> Back | None:
    policy = board.policy
    if silent_s >= policy.lease_s:
        return Back("stale", f"nothing was said of it for {silent_s:.0f} s")
    unknown_s = board.now - out.known_at
    if unknown_s >= policy.lease_s:
        what = "nobody has an opinion on it" if view is not None else "it has left the roster"
        return Back("stale", f"{what}, for {unknown_s:.0f} s")
    if out.by or not out.auto:
        return None
    unsure_s = board.now - out.failed_at
    if unsure_s > max(policy.max_hold_s, policy.recovery_s):
        return Back("quorum", f"no quorum has held it failed for {unsure_s:.0f} s")
    return None


def _well(board: Board, view: NodeView) -> bool:
    """A quorum has seen nothing bad for long enough. One vantage that goes on to see something keeps a
    node suspect, not out: it may be what is broken."""
    slot = board.run.slot
    if slot is None or view.verdict in (Verdict.FAILED, Verdict.UNKNOWN) or view.good_since is None:
        return False
    return slot - view.good_since >= board.policy.recovery_s


def _shrink(board: Board) -> None:
    if not board.views:
        return  # nobody knows what there is
    pool, policy = board.pool, board.policy
    ours = [node for node, out in board.out.items() if not out.by]
    _down_to(board, ours, pool.most, "most_of_service", f"of {len(board.views)}")
    zones = {node: pool.standing(node, out.place) for node, out in board.out.items() if not out.by}
    for place in sorted(set(zones.values())):
        there = [node for node, at in zones.items() if at == place]
        total = pool.zones.get(place, 0)
        _down_to(board, there, pool.most_of(place), "most_of_zone", f"of {total} in its zone")
    while pool.serving(board.out) < policy.floor:
        there = [node for node in board.out if node in board.views]
        if not there:
            return
        ours = [node for node in there if not board.out[node].by]
        board.bring_back(_first(board, ours or there), "floor", f"{policy.floor} nodes must be left")


def _down_to(board: Board, nodes: list[str], most: int, rail: str, whose: str) -> None:
    """Brings back of these nodes whatever is more than `most`."""
    there = [node for node in nodes if node in board.out]
    while len(there) > most:
        node = _first(board, there)
        there.remove(node)
        board.bring_back(node, rail, f"at most {most} {whose} may be out")


def _first(board: Board, nodes: list[str]) -> str:
    """The one of these to come back first."""

    def rank(node: str) -> tuple[bool, int, float, str]:
        view = board.views.get(node)
        looks = 0 if view is None else _BEST_FIRST.index(view.verdict)
        return (view is not None, looks, board.out[node].since, node)

    return min(nodes, key=rank)
