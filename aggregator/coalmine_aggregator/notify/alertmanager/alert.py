"""An alert as Alertmanager's API v2 takes it. Pure."""

from __future__ import annotations

from typing import Any

from coalmine_aggregator.model.alerts import AlertClass, Change, Transition
from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.plain import one_line
from coalmine_aggregator.notify.text import details, summary

RESOLVED_S = 300.0
"""A resolved alert is told this long, so that a peer that was away hears of it."""

STALE_S = 300.0
"""An alert that is no longer told ends after this, as Alertmanager's `resolve_timeout` has it."""

_NO_LINKS = Links()


def alert_of(transition: Transition, now: float, links: Links = _NO_LINKS) -> dict[str, Any]:
    """The JSON object. The labels are the identity: they hold what does not change while an alert is
    open, and the scope is an annotation. Only the severity may rise: the page is then an alert of its
    own, and the ticket ends `STALE_S` after it was last told."""
    alert = transition.alert
    labels = {
        "alertname": _name(alert.alert_class),
        "fleet": alert.fleet,
        "service": alert.service,
        "class": str(alert.alert_class),
        "ordinal": str(alert.ordinal),
        "severity": str(alert.severity),
        "owner": one_line(alert.owner),
    }
    page = page_text(transition, links)
    facts = details(transition)
    if alert.acknowledged_at is not None:
        facts["acknowledged"] = f"by {alert.acknowledged_by} at {utc(alert.acknowledged_at)}"
    annotations = {
        "summary": one_line(summary(transition)),
        "subject": page.subject,
        "description": page.body,
        "runbook_url": one_line(alert.playbook),
        **{name.replace(" ", "_"): one_line(fact) for name, fact in facts.items()},
    }
    ends_at = transition.at if transition.change is Change.CLOSED else now + STALE_S
    # An alert that was opened and closed within a second must still end after it starts.
    starts_at = min(float(alert.since), ends_at - 0.001)
    told = {
        "labels": {name: value for name, value in labels.items() if value},
        "annotations": {name: value for name, value in annotations.items() if value},
        "startsAt": utc(starts_at),
        "endsAt": utc(ends_at),
    }
    view = links.view(alert)
    return {**told, "generatorURL": view} if view else told


def is_over(transition: Transition, now: float) -> bool:
    """Whether a resolved alert has been told long enough."""
    return transition.change is Change.CLOSED and now - transition.at > RESOLVED_S


def _name(alert_class: AlertClass) -> str:
    """`CoalmineAgentsMissing`: alert names are in one word by convention."""
    return "Coalmine" + "".join(word.capitalize() for word in alert_class.split("_"))
