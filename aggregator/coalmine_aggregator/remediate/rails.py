"""What keeps a node from being withdrawn: one rule each, asked in a fixed order. Pure.

A rail says in a sentence why it holds a node, or nothing. The first one that does is the one that
people are told of. They are asked anew for every node and in every turn, also after another node has
just been withdrawn in it. `RAILS` is the order: first what concerns everybody, then what is known of
the node, then how many may go, then its own past.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Opinion, Sight, Verdict
from coalmine_aggregator.model.pin import Pin, PinState
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.memory import Past, Place, Run
from coalmine_aggregator.remediate.pool import Pool, place_of
from coalmine_aggregator.remediate.turn import Controls

SETTLING_SLOTS: Final = 10
"""Slots of a run, and of a roster that does not grow, before anybody is withdrawn."""

MINUTE_S: Final = 60.0


class Crowd(NamedTuple):
    """How many look bad (see `looks_bad`). `bad` are those that are not out, when the turn began;
    `room` is how many could still go then; `failed` are failed by a quorum, out or not, but for those
    that people have pinned out. `frozen` says why nobody is withdrawn, empty while nothing is frozen.
    """

    bad: int
    room: int
    failed: int
    frozen: str


class Facts(NamedTuple):
    """What rails go by. `views` are all nodes of the roster, by name; `taken` the nodes that are out,
    or that somebody may still hold out, by name, with where they stand; `out` those of them that are
    out by our word. `recent` are the times of the last withdrawals, `past` what is known of nodes that
    were out before. `pins` and `losses` are those of the service; `wider` tells of one that concerns
    more than a node, empty without."""

    now: float
    policy: RemediationPolicy
    controls: Controls
    run: Run
    views: Mapping[str, NodeView]
    pool: Pool
    taken: Mapping[str, Place]
    out: Mapping[str, object]
    crowd: Crowd
    recent: Sequence[float]
    past: Mapping[str, Past]
    pins: Mapping[str, Pin]
    losses: Sequence[Finding]
    wider: str


class Rail(NamedTuple):
    """`holds` says why the node of the view is not withdrawn; nothing if this rail lets it go."""

    name: str
    holds: Callable[[Facts, NodeView], str]


def _stopped(facts: Facts, view: NodeView) -> str:
    by, why = facts.controls.stopped_by, facts.controls.stopped_why
    return f"{by} has stopped remediation{f': {why}' if why else ''}" if by else ""


def _standby(facts: Facts, view: NodeView) -> str:
    if not facts.controls.holder:
        return "the other aggregator holds the lease"
    left = _takes_over(facts)
    if left > 0:
        return f"took over from the other aggregator: what it withdrew has ended in {left:.0f} s"
    return ""


def _settling_in(facts: Facts, view: NodeView) -> str:
    run = facts.run
    if run.slots < SETTLING_SLOTS:
        return f"{run.slots} of the first {SETTLING_SLOTS} slots of this run have settled"
    left = _begins(facts)
    if left > 0:
        return f"this run has just begun: what an earlier one withdrew has ended in {left:.0f} s"
    if run.slots - run.grew < SETTLING_SLOTS:
        return f"the roster grew {run.slots - run.grew} slots ago, to {len(facts.views)} nodes"
    return ""


def _unknown_nodes(facts: Facts, view: NodeView) -> str:
    return "" if facts.views else "nobody knows which nodes the service has"


def _pinned(facts: Facts, view: NodeView) -> str:
    pin = facts.pins.get(view.node)
    if pin is None or pin.state is not PinState.IN:
        return ""
    return f"{pin.by} has pinned it in{f': {pin.why}' if pin.why else ''}"


def _stale(facts: Facts, view: NodeView) -> str:
    run, limit = facts.run, facts.policy.stale_s
    if run.slot is None:
        return "no slot has settled"
    if facts.now - run.slot_at > limit:
        return f"no slot has settled for {facts.now - run.slot_at:.0f} s"
    bad = [sight for sight in view.sights if sight.opinion is Opinion.BAD]
    if bad and not _fresh(facts, bad):
        return f"no evidence of the last {limit:.0f} s"
    return ""


def _quorum(facts: Facts, view: NodeView) -> str:
    need = facts.policy.quorum
    bad = {sight.host for sight in _fresh(facts, view.sights) if sight.opinion is Opinion.BAD}
    if len(bad) < need:
        return f"{len(bad)} of {need} vantages that must agree hold it failed"
    if any(sight.own and sight.opinion in (Opinion.GOOD, Opinion.DOUBTFUL) for sight in view.sights):
        return f"{len(bad)} vantages hold it failed, its own agent does not"
    if view.verdict is not Verdict.FAILED:
        return f"{len(bad)} vantages hold it failed, but it is {view.verdict}"
    return ""


def _scope(facts: Facts, view: NodeView) -> str:
    if any(_names(loss, view.node) for loss in facts.losses):
        return ""
    return "no open loss names this node"


def _wider(facts: Facts, view: NodeView) -> str:
    return facts.wider


def _many(facts: Facts, view: NodeView) -> str:
    crowd = facts.crowd
    if crowd.frozen:
        return crowd.frozen
    if crowd.bad > crowd.room:
        room = max(crowd.room, 0)
        return f"{crowd.bad} nodes in service look bad, and only {room} more may be out"
    return ""


def _per_minute(facts: Facts, view: NodeView) -> str:
    of_late = sum(facts.now - at < MINUTE_S for at in facts.recent)
    if of_late < facts.policy.per_minute:
        return ""
    return f"{of_late} were, or may have been, withdrawn in the last minute"


def _most_of_service(facts: Facts, view: NodeView) -> str:
    taken = len(facts.taken.keys() | {view.node})
    most = facts.pool.most
    return "" if taken <= most else _full(facts, facts.taken, most, "the service's nodes")


def _most_of_zone(facts: Facts, view: NodeView) -> str:
    place = place_of(view)
    there = {node: at for node, at in facts.taken.items() if at == place}
    most = facts.pool.most_of(place)
    if len(there.keys() | {view.node}) <= most:
        return ""
    return _full(facts, there, most, f"the nodes of zone {view.zone}" if view.zone else "such nodes")


def _floor(facts: Facts, view: NodeView) -> str:
    left = facts.pool.serving({**facts.taken, view.node: None})
    if left >= facts.policy.floor:
        return ""
    return f"{left} nodes would be left, and {facts.policy.floor} must be"


def _hold(facts: Facts, view: NodeView) -> str:
    past = facts.past.get(view.node)
    if past is None or facts.now >= past.held_in_until:
        return ""
    left = past.held_in_until - facts.now
    return f"withdrawing it did not help: it is left in for another {left:.0f} s"


RAILS: Final = (
    Rail("stopped", _stopped),
    Rail("standby", _standby),
    Rail("settling_in", _settling_in),
    Rail("unknown_nodes", _unknown_nodes),
    Rail("pinned", _pinned),
    Rail("stale", _stale),
    Rail("quorum", _quorum),
    Rail("scope", _scope),
    Rail("wider", _wider),
    Rail("many", _many),
    Rail("per_minute", _per_minute),
    Rail("most_of_service", _most_of_service),
    Rail("most_of_zone", _most_of_zone),
    Rail("floor", _floor),
    Rail("hold", _hold),
)
"""All of them, in the order in which they are asked."""


def looks_bad(view: NodeView) -> bool:
    """Failed, or suspect while no quorum holds it good: one vantage that goes on for hours to see a
    node broken is not to keep all others in."""
    return view.verdict in (Verdict.FAILED, Verdict.SUSPECT) and view.good_since is None


def first_that_holds(facts: Facts, view: NodeView) -> tuple[str, str] | None:
    """Name and text of the first rail that holds the node in; None if it may go."""
    for rail in RAILS:
        if text := rail.holds(facts, view):
            return rail.name, text
    return None


def holds_pinned(facts: Facts, view: NodeView) -> tuple[str, str] | None:
    """The same for a node that a person has pinned out: the big switch, the other aggregator and the
    floor hold it, nothing else. Where an earlier holder may have others out that we do not know of,
    nobody knows how many are left: the floor holds."""
    for rail in RAILS:
        if rail.name in ("stopped", "floor") and (text := rail.holds(facts, view)):
            return rail.name, text
    left = max(_takes_over(facts), _begins(facts))
    if left > 0:
        return "floor", f"who else is out is known in {left:.0f} s, when earlier withdrawals have ended"
    return None


def _takes_over(facts: Facts) -> float:
    """Seconds until whatever the other aggregator has withdrawn has ended."""
    since = facts.run.acts_since
    return 0.0 if since is None else facts.policy.lease_s - (facts.now - since)


def _begins(facts: Facts) -> float:
    """Seconds until whatever an earlier run has withdrawn has ended."""
    return facts.policy.lease_s - (facts.now - facts.run.began_at)


def _fresh(facts: Facts, sights: Sequence[Sight]) -> list[Sight]:
    newest = facts.run.slot
    if newest is None:
        return []
    return [
        sight
        for sight in sights
        if sight.slot is not None and newest - sight.slot <= facts.policy.stale_s
    ]


def _names(loss: Finding, node: str) -> bool:
    return any(("node", node) in scope for scope in (loss.scope, *loss.equivalents))


def _full(facts: Facts, taken: Mapping[str, Place], most: int, whose: str) -> str:
    out = sum(node in facts.out for node in taken)
    back = len(taken) - out
    late = f", {back} came back only just" if back else ""
    return f"{out} of {whose} are out{late}, and at most {most} may be"
