"""What pods' conditions are to become now. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from coalmine_aggregator.actuate.kubernetes.pod import FALSE, MISSING, TRUE, Pod
from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.model.withdrawal import Wanted, Withdrawal
from coalmine_aggregator.notify.plain import cut, one_line

MAX_MESSAGE = 500

TOLD_SHARE = 0.5
MAX_TOLD_S = 15.0
"""A condition that is false is told again after this share of a lease, and so long at most: so that
whoever looks at it can tell whether we still mean it, also where the lease is not known there."""


class Change(NamedTuple):
    """One pod, and what its condition becomes; `fresh`, where it was that already and is told again."""

    pod: Pod
    in_service: str
    message: str
    fresh: bool = False


class Plan(NamedTuple):
    """The changes, those that bring pods in first. `out` are the nodes without a pod in service once
    all are made; `trouble` is why it is not all that is wanted, empty where it is."""

    changes: Sequence[Change]
    out: tuple[str, ...]
    trouble: str


def plan(word: Wanted, pods: Sequence[Pod], now: float) -> Plan:
    """For one service; `now` is in seconds since the epoch.

    Every pod with the gate is in service but those of withdrawn nodes. Where no ready pod would be
    left, nobody is taken out: that is more than any word on nodes can mean.
    """
    gated = [pod for pod in pods if pod.gated]
    out = {each.node: each for each in word.effective}
    trouble = _mismatch(word, pods, gated)
    if any(pod.node in out for pod in gated) and not any(
        pod.ready for pod in gated if pod.node not in out
    ):
        trouble = f"{word.service}: no ready pod would be left; nobody is taken out"
        out = {}
    changes = [each for pod in gated if (each := _change(pod, out.get(pod.node), word, now))]
    return Plan(
        sorted(changes, key=lambda change: change.in_service == FALSE),
        tuple(node for node in out if all(pod.gated for pod in pods if pod.node == node)),
        trouble,
    )


def newcomers(pods: Sequence[Pod]) -> list[Change]:
    """Brings in the pods that have no condition yet, and nobody else."""
    return [Change(pod, TRUE, _IN) for pod in pods if pod.gated and pod.in_service == MISSING]


def forgotten(pods: Sequence[Pod], now: float, older_s: float) -> list[Change]:
    """Brings in the pods whose condition nobody has told to be false for so long, and those that have
    none yet. A time that lies ahead by more is no better than an old one."""
    return [
        Change(pod, TRUE, "in service: nobody says that it is withdrawn")
        for pod in pods
        if pod.gated
        and pod.in_service != TRUE
        and (pod.told_at is None or abs(now - pod.told_at) > older_s)
    ]


def patch_of(change: Change, condition: str, now: float) -> bytes:
    """The strategic merge patch of a pod's status: of its conditions ours alone. The uid makes it fail
    where another pod has taken the name."""
    at = utc(int(now))
    told: dict[str, Any] = {
        "type": condition,
        "status": change.in_service,
        "reason": "InService" if change.in_service == TRUE else "Withdrawn",
        "message": change.message,
        "lastProbeTime": at,
    }
    if not change.fresh:
        told["lastTransitionTime"] = at
    return msgspec.json.encode({"metadata": {"uid": change.pod.uid}, "status": {"conditions": [told]}})


_IN = "in service"


def _change(pod: Pod, out: Withdrawal | None, word: Wanted, now: float) -> Change | None:
    if out is None:
        return None if pod.in_service == TRUE else Change(pod, TRUE, _IN)
    message = cut(one_line(f"{out.phase} by {out.by or 'Coalmine'}: {out.why}"), MAX_MESSAGE)
    if pod.in_service != FALSE:
        return Change(pod, FALSE, message)
    told_at = float("-inf") if pod.told_at is None else pod.told_at
    old = not 0 <= now - told_at < min(word.lease_s * TOLD_SHARE, MAX_TOLD_S)
    return Change(pod, FALSE, message, fresh=True) if old else None


def _mismatch(word: Wanted, pods: Collection[Pod], gated: Collection[Pod]) -> str:
    """Why pods and nodes cannot be the same, empty where they seem to be."""
    if not pods:
        return f"{word.service}: the selector finds no pod"
    if len(gated) < len(pods):
        return f"{word.service}: {len(pods) - len(gated)} of {len(pods)} pods lack the readiness gate"
    known = set(word.nodes)
    if not any(pod.node in known for pod in pods):
        return f"{word.service}: no pod is any of its nodes, as {min(word.nodes)}"
    return ""
