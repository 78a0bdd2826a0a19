"""Who is to be out: one turn of one service. Pure.

Theory of operation. What is decided is a list of withdrawals, never of healthy nodes, and it is told
whole in every turn under a lease: whoever does not hear of it any more lets everybody in. Each turn
first brings back (`returning`), then looks whether earlier withdrawals have helped (`verifying`) and
whether too many look bad at once (`freezing`), and only then withdraws: whom people have pinned out,
then whom a quorum holds failed, the one that has failed longest first, then by name, and each only if
no rail holds it (`rails`).

What the rails count is not who is out by our word but who may be out for anybody: a node that came back
counts until the lease of the last turn that had it out has ended, and after a start and after every
change of the holder nobody is withdrawn until all that was said before has ended. So no restart and no
hand-over can add up to more than is allowed, as long as what is handed over is not older than a lease:
older withdrawals have ended, and are not said again.

Who stands by decides nothing. It remembers what the holder remembers (`memory.adopt`), shows that, and
goes on from it when it takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from coalmine_aggregator.model.findings import Finding
from coalmine_aggregator.model.node_view import NodeView, Opinion, Verdict
from coalmine_aggregator.model.pin import PinState
from coalmine_aggregator.model.remediation_event import RemediationEvent, RemediationKind
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.model.withdrawal import Held, Mode, Wanted
from coalmine_aggregator.remediate import evidence, freezing, verifying
from coalmine_aggregator.remediate.board import Board
from coalmine_aggregator.remediate.clock import awake
from coalmine_aggregator.remediate.freezing import Freeze
from coalmine_aggregator.remediate.memory import Memory, Reverted
from coalmine_aggregator.remediate.rails import (
    SETTLING_SLOTS,
    Crowd,
    Facts,
    first_that_holds,
    holds_pinned,
    looks_bad,
)
from coalmine_aggregator.remediate.returning import come_back
from coalmine_aggregator.remediate.telling import tell
from coalmine_aggregator.remediate.turn import Controls, Situation
from coalmine_aggregator.remediate.wider import wider_loss

_MAY_BE_HELD = frozenset({Verdict.FAILED, Verdict.SUSPECT, Verdict.UNKNOWN})


class ServiceTurn(NamedTuple):
    """What a turn decided on one service. `wanted` is None where nobody knows its nodes. Of the kinds
    of events, those that tell of people's words (pinned, released, stopped, resumed) are not among
    them: who takes the words tells of them."""

    wanted: Wanted | None
    events: Sequence[RemediationEvent]
    findings: Sequence[Finding]


def decide(
    memory: Memory,
    situation: Situation,
    controls: Controls,
    policy: RemediationPolicy,
    acceptable_loss: float,
) -> tuple[Memory, ServiceTurn]:
    """One turn, to be taken once a second. `memory` is what the turn before gave, or at first what
    `memory.decode` did; `acceptable_loss` is the service's, a fraction."""
    slot_is_new = situation.slot is not None and situation.slot != memory.run.slot
    memory = awake(memory, situation, controls.holder, policy)
    silent_s = 0.0 if memory.at is None else situation.now - memory.at
    board = Board(memory, situation, controls, policy, acceptable_loss)
    mode = _mode(controls, policy)
    if mode is Mode.STANDBY:
        return memory, _standing_by(board, memory, silent_s)
    board.seen(slot_is_new)
    held = come_back(board, silent_s)
    reverted = verifying.verify(board) if slot_is_new else {}
    freeze, crowd = _look_around(board, memory)
    held += _send_away(board, memory, crowd)
    if not board.views:
        held.append(Held("", "unknown_nodes", "nobody knows which nodes the service has"))
    if memory.run.trouble:
        lost = f"what an earlier run left cannot be read, and is forgotten: {memory.run.trouble}"
        board.say(RemediationKind.HELD, "", "settling_in", lost, ())
    reverted = _standing(board, {**memory.reverted, **reverted})
    told = tell(board, memory.run.told, held)
    memory = replace(
        board.memory,
        crowd_since=freeze.crowd_since,
        frozen_since=freeze.frozen_since,
        calm_since=freeze.calm_since,
        reverted=reverted,
        run=replace(memory.run, told=told, trouble=""),
    )
    findings = _findings(board.service, memory, crowd.frozen)
    return memory, ServiceTurn(
        _wanted(board, mode, [each for each in held if each.node], crowd.frozen), board.events, findings
    )


def _mode(controls: Controls, policy: RemediationPolicy) -> Mode:
    if controls.stopped_by:
        return Mode.STOPPED
    if not controls.holder:
        return Mode.STANDBY
    return Mode.DRY_RUN if policy.dry_run else Mode.ACTING


def _standing_by(board: Board, memory: Memory, silent_s: float) -> ServiceTurn:
    """Shows what the holder has decided, as far as that still stands."""
    if silent_s >= board.policy.lease_s:
        memory = replace(memory, out={}, frozen_since=None, reverted={})
        board.out.clear()
    crowd = _crowd(board, "" if memory.frozen_since is None else "many nodes look failed at once")
    wider = wider_loss(board.losses, board.apart, board.views, board.out)
    facts = _facts(board, memory, crowd, wider)
    held = [
        Held(view.node, *reason)
        for view in _candidates(board)
        if (reason := first_that_holds(facts, view))
    ]
    findings = _findings(board.service, memory, crowd.frozen)
    return ServiceTurn(_wanted(board, Mode.STANDBY, held, crowd.frozen), (), findings)


def _wanted(board: Board, mode: Mode, held: Sequence[Held], frozen: str) -> Wanted | None:
    if not board.views:
        return None
    return Wanted(
        board.service,
        board.now,
        board.policy.lease_s,
        mode,
        tuple(board.views),
        board.withdrawals(),
        tuple(held),
        frozen,
    )


def _look_around(board: Board, memory: Memory) -> tuple[Freeze, Crowd]:
    """Whether too many look bad at once."""
    before = Freeze(memory.crowd_since, memory.frozen_since, memory.calm_since)
    crowd = _crowd(board, "")
    if board.controls.stopped_by:
        after = Freeze()
    elif memory.run.slots < SETTLING_SLOTS and before.frozen_since is None:
        after = before
    else:
        after = before.step(crowd.failed > board.pool.most, board.now)
    most, count = board.pool.most, len(board.views)
    if after.frozen_since is not None:
        if after.calm_since is None:
            text = f"{crowd.failed} of {count} nodes have failed, and at most {most} may be out"
        else:
            text = "too many nodes had failed at once, which must be over for 30 s"
        crowd = crowd._replace(frozen=f"{text}: nobody is withdrawn")
    if before.frozen_since is None and after.frozen_since is not None:
        failed = [each for each in board.views.values() if each.verdict is Verdict.FAILED]
        board.say(RemediationKind.FROZEN, "", "many", crowd.frozen, evidence.of_crowd(failed))
    elif before.frozen_since is not None and after.frozen_since is None:
        text = f"{crowd.failed} of {count} nodes have failed, and at most {most} may be out"
        board.say(RemediationKind.THAWED, "", "", text, ())
    return after, crowd


def _crowd(board: Board, frozen: str) -> Crowd:
    pinned_out = {node for node, pin in board.pins.items() if pin.state is PinState.OUT}
    views = board.views
    return Crowd(
        bad=sum(looks_bad(view) and node not in board.out for node, view in views.items()),
        room=board.pool.most - len(board.out),
        failed=sum(
            view.verdict is Verdict.FAILED and node not in pinned_out for node, view in views.items()
        ),
        frozen=frozen,
    )


def _facts(board: Board, memory: Memory, crowd: Crowd, wider: str) -> Facts:
    return Facts(
        board.now,
        board.policy,
        board.controls,
        memory.run,
        board.views,
        board.pool,
        board.taken,
        board.out,
        crowd,
        board.recent,
        board.past,
        board.pins,
        board.losses,
        wider,
    )


def _candidates(board: Board) -> list[NodeView]:
    """Those that would be withdrawn if no rail held them: failed, or bad by anybody's word."""
    found = [
        view
        for node, view in board.views.items()
        if view.verdict in _MAY_BE_HELD
        and node not in board.out
        and (
            view.verdict is Verdict.FAILED or any(sight.opinion is Opinion.BAD for sight in view.sights)
        )
    ]
    return sorted(found, key=lambda view: (view.verdict is not Verdict.FAILED, view.since, view.node))


def _send_away(board: Board, memory: Memory, crowd: Crowd) -> list[Held]:
    """Withdraws whom nothing holds; the others are held."""
    wider = wider_loss(board.losses, board.apart, board.views, board.out)
    held: list[Held] = []
    for pin in sorted(board.pins.values(), key=lambda pin: (pin.at, pin.node)):
        view = board.views.get(pin.node)
        if pin.state is not PinState.OUT or view is None or pin.node in board.out:
            continue
        reason = holds_pinned(_facts(board, memory, crowd, wider), view)
        if reason is None:
            board.withdraw(view, pin)
        else:
            held.append(Held(pin.node, *reason))
    pinned = {each.node for each in held}
    for view in _candidates(board):
        if view.node in pinned or view.node in board.returned:
            continue
        reason = first_that_holds(_facts(board, memory, crowd, wider), view)
        if reason is None:
            board.withdraw(view)
        else:
            held.append(Held(view.node, *reason))
    return held


def _standing(board: Board, reverted: dict[str, Reverted]) -> dict[str, Reverted]:
    """The withdrawals that were undone of late, and that nobody has seen to by pinning the node."""
    return {
        node: each
        for node, each in reverted.items()
        if board.now - each.at < verifying.STANDS_S and node not in board.pins
    }


def _findings(service: str, memory: Memory, frozen: str) -> list[Finding]:
    found = [verifying.finding(service, node, each) for node, each in sorted(memory.reverted.items())]
    if memory.frozen_since is not None:
        found.append(freezing.finding(service, memory.frozen_since, frozen, memory.dry_run))
    return found
