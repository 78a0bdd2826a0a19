"""How time passes for what is remembered. Pure.

Nobody can tell a clock that was set from a machine that stood still. So what protects (how many were
withdrawn of late, who may still be out, how long a run or a freeze has lasted) ages by at most `TICK_S`
a turn, of which there is one a second, and what brings nodes back ages by all that the clock says. A
clock that goes back stands still.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.balance import with_slot
from coalmine_aggregator.remediate.memory import Memory, Run, moved, run_moved
from coalmine_aggregator.remediate.rails import MINUTE_S
from coalmine_aggregator.remediate.turn import Situation

TICK_S: Final = 1.0

_UNSURE_S = 30.0  # by so much the time of an idle memory may be too early


def awake(memory: Memory, situation: Situation, holder: bool, policy: RemediationPolicy) -> Memory:
    """The memory as this turn begins, its `run` brought up to date with the situation.

    What was decided in a dry run is forgotten when it ends, and the other way round. An earlier run, or
    the other aggregator, may have withdrawn nodes and died before anybody heard of it: after a start
    that soon, and after every change of the holder, the nodes of a minute count as withdrawn.
    """
    now, run = situation.now, memory.run
    if memory.at is None or memory.dry_run != policy.dry_run:
        memory = Memory(at=memory.at, dry_run=policy.dry_run)
    since = memory.at if run.at is None else run.at
    elapsed = 0.0 if since is None else now - since
    if elapsed < 0:
        memory = moved(memory, elapsed)
        run = run_moved(run, elapsed)
    memory, run = _guarded(memory, run, max(0.0, elapsed - TICK_S))
    takes_over = run.stood_by and holder
    begins = run.at is None
    if begins:
        run = replace(run, began_at=now)
    if takes_over:
        run = replace(run, acts_since=now)
    if begins or takes_over:
        memory = _sane(memory, policy)
        if takes_over or (memory.at is not None and elapsed < MINUTE_S + _UNSURE_S):
            memory = replace(memory, recent=[*memory.recent, *[now] * policy.per_minute])
    run = _told(replace(run, at=now, stood_by=not holder), situation)
    recent = [at for at in memory.recent if now - at < MINUTE_S]
    gone = {node: gone for node, gone in memory.gone.items() if now - gone.at < policy.lease_s}
    return replace(memory, recent=recent, gone=gone, run=run)


def _guarded(memory: Memory, run: Run, late: float) -> tuple[Memory, Run]:
    """`late` seconds of those that passed do not count for what protects."""
    if not late:
        return memory, run

    def later(at: float | None) -> float | None:
        return None if at is None else at + late

    return (
        replace(
            memory,
            gone={node: replace(gone, at=gone.at + late) for node, gone in memory.gone.items()},
            recent=[at + late for at in memory.recent],
            crowd_since=later(memory.crowd_since),
            frozen_since=later(memory.frozen_since),
            calm_since=later(memory.calm_since),
        ),
        replace(run, began_at=run.began_at + late, acts_since=later(run.acts_since)),
    )


def _sane(memory: Memory, policy: RemediationPolicy) -> Memory:
    """What comes from elsewhere, without times that would never pass."""
    at = 0.0 if memory.at is None else memory.at
    latest = at + policy.max_hold_s

    def past(time: float | None) -> float | None:
        return None if time is None else min(time, at)

    return replace(
        memory,
        out={
            node: replace(
                out,
                since=min(out.since, at),
                hold_until=min(out.hold_until, latest),
                known_at=min(out.known_at, at),
                failed_at=min(out.failed_at, at),
            )
            for node, out in memory.out.items()
        },
        past={
            node: replace(each, at=min(each.at, at), held_in_until=min(each.held_in_until, latest))
            for node, each in memory.past.items()
        },
        gone={node: replace(gone, at=min(gone.at, at)) for node, gone in memory.gone.items()},
        recent=[min(each, at) for each in memory.recent],
        crowd_since=past(memory.crowd_since),
        frozen_since=past(memory.frozen_since),
        calm_since=past(memory.calm_since),
        checks={node: replace(c, since=min(c.since, at)) for node, c in memory.checks.items()},
        reverted={node: replace(each, at=min(each.at, at)) for node, each in memory.reverted.items()},
    )


def _told(run: Run, situation: Situation) -> Run:
    """With the newest slot, and the roster."""
    slot = situation.slot
    if slot is not None and slot != run.slot:
        run = replace(
            run,
            slot=slot,
            slot_at=situation.now,
            slots=run.slots + 1,
            balanced=with_slot(run.balanced, slot, situation.balanced),
        )
    if not situation.nodes:
        return run
    names = frozenset(view.node for view in situation.nodes)
    return replace(run, names=names, grew=run.slots if names - run.names else run.grew)
