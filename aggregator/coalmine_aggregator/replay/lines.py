"""What a replay prints: one JSON object for each line. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.model.remediation_event import RemediationEvent
from coalmine_aggregator.model.scopes import Scope
from coalmine_aggregator.notify.text import summary

Line = dict[str, Any]
"""An object of JSON."""

PLACES = 3
"""Decimals of times."""


def alert_line(transition: Transition, at: float) -> Line:
    """An alert that was opened, changed or closed at fleet time `at`.

    The counts are those of the scope since the loss began, or of the slots that decided where the loss
    has no beginning that is known.
    """
    alert = transition.alert
    counts: Counts = alert.total if alert.total.expected else alert.counts
    return {
        "event": str(transition.change),
        "at": round(at, PLACES),
        "id": alert.id,
        "class": str(alert.alert_class),
        "service": alert.service,
        "scope": scope_object(alert.scope),
        "equivalents": [scope_object(scope) for scope in alert.equivalents],
        "severity": str(alert.severity),
        "expected": counts.expected,
        "delivered": counts.fates[Fate.DELIVERED],
        "fates": counts.by_fate(),
        "cause": str(alert.cause),
        "summary": summary(transition),
    }


def remediation_line(event: RemediationEvent, at: float) -> Line:
    """What became of a node, or of a service's remediation, at fleet time `at`. `rail` names the rail
    that held or decided; empty where none did."""
    line: Line = {
        "event": str(event.kind),
        "at": round(at, PLACES),
        "service": event.service,
        "node": event.node,
        "rail": event.rail,
        "summary": event.text,
    }
    return line | {"evidence": list(event.evidence)} if event.evidence else line


def summary_line(
    name: str,
    *,
    slots: int,
    fates: Mapping[str, int],
    balanced: bool,
    pages: int,
    wall_s: float,
) -> Line:
    """The totals of a file."""
    return {
        "event": "summary",
        "name": name,
        "slots": slots,
        "datapoints": sum(fates.values()),
        "fates": dict(fates),
        "balanced": balanced,
        "pages": pages,
        "wall_seconds": round(wall_s, PLACES),
    }


def scope_object(scope: Scope) -> dict[str, str]:
    """A scope as an object; an empty one means the whole service."""
    return dict(scope)


def scope_text(scope: Sequence[tuple[str, str]]) -> str:
    """The same for people: `{protocol: udp, zone: a}`."""
    return "{" + ", ".join(f"{label}: {value}" for label, value in scope) + "}"
