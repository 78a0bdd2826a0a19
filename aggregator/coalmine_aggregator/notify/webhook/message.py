"""A transition as the JSON message that webhooks get. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.notify import text
from coalmine_aggregator.notify.figures import utc
from coalmine_aggregator.notify.subject import headline


def body_of(transition: Transition) -> bytes:
    """`{"type": "alert.opened", "timestamp": ..., "data": {...}}`; fields are only ever added."""
    alert = transition.alert
    data: dict[str, Any] = {
        "id": alert.id,
        "number": alert.number,
        "dedup_key": alert.dedup_key,
        "fleet": alert.fleet,
        "service": alert.service,
        "class": str(alert.alert_class),
        "severity": str(alert.severity),
        "subject": headline(transition),
        "summary": text.summary(transition),
        "scope": dict(alert.scope),
        "since": utc(alert.since),
        "opened_at": utc(alert.opened_at),
        "closed_at": None if alert.closed_at is None else utc(alert.closed_at),
        "window_s": alert.window_s,
        "acceptable_loss": alert.acceptable_loss,
        "counts": _counts(alert.counts),
        "beside": _counts(alert.beside),
        "total": _counts(alert.total),
        "equivalents": [dict(scope) for scope in alert.equivalents],
        "cause": str(alert.cause),
        "effect": alert.effect,
        "note": alert.note,
        "folded_into": alert.folded_into,
        "owner": alert.owner,
        "playbook": alert.playbook,
    }
    message = {
        "type": f"alert.{transition.change}",
        "timestamp": utc(transition.at),
        "data": data,
    }
    return msgspec.json.encode(message)


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "expected": counts.expected,
        "judged": counts.judged,
        "bad": counts.bad,
        "received": counts.received,
        "fates": counts.by_fate(),
    }
