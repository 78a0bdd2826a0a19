"""A transition as an event of PagerDuty's Events API v2. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from coalmine_aggregator.model.alerts import Change, Severity, Transition
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.notify import text
from coalmine_aggregator.notify.figures import utc

MAX_SUMMARY = 1024
MAX_DEDUP_KEY = 255

_SEVERITY = {Severity.PAGE: "critical", Severity.TICKET: "warning"}


def event_of(transition: Transition, routing_key: str) -> dict[str, Any]:
    """The JSON body. A change of scope triggers again under the same key, which updates the open
    incident and notifies nobody anew."""
    alert = transition.alert
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if transition.change is Change.CLOSED else "trigger",
        "dedup_key": dedup_key(alert.dedup_key),
        "payload": {
            "summary": text.summary(transition)[:MAX_SUMMARY],
            "source": f"coalmine {alert.fleet}",
            "severity": _SEVERITY[alert.severity],
            "timestamp": utc(alert.since),
            "component": describe(alert.scope),
            "group": alert.service,
            "class": str(alert.alert_class),
            "custom_details": text.details(transition),
        },
        "client": "Coalmine",
    }
    if alert.playbook:
        event["links"] = [{"href": alert.playbook, "text": "Playbook"}]
    return event


def dedup_key(key: str) -> str:
    """The key within PagerDuty's limit; a longer one ends in a hash of the whole."""
    if len(key) <= MAX_DEDUP_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key[: MAX_DEDUP_KEY - 33]}#{digest}"
