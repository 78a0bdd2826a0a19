"""A transition as the JSON message that webhooks get. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.text import summary


def body_of(notice: Notice) -> bytes:
    """`{"type": "alert.opened", "timestamp": ..., "data": {...}}`; fields are only ever added."""
    transition = notice.transition
    alert = transition.alert
    page = page_text(transition, notice.links)
    data: dict[str, Any] = {
        "id": alert.id,
        "number": alert.number,
        "dedup_key": alert.dedup_key,
        "fleet": alert.fleet,
        "service": alert.service,
        "class": str(alert.alert_class),
        "severity": str(alert.severity),
        "subject": page.subject,
        "summary": summary(transition),
        "page": page.body,
        "view": notice.links.view(alert),
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
        "steps": list(alert.steps),
        "reach": [each._asdict() for each in alert.reach],
        "acknowledged_at": None if alert.acknowledged_at is None else utc(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
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
