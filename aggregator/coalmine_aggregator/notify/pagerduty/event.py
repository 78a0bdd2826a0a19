"""A transition as an event of PagerDuty's Events API v2. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from coalmine_aggregator.model.alerts import Change, Severity
from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.plain import cut, one_line
from coalmine_aggregator.notify.text import details

MAX_SUMMARY = 1024
MAX_DEDUP_KEY = 255
MAX_NAME = 255
MAX_DETAIL = 8_000

_SEVERITY = {Severity.PAGE: "critical", Severity.TICKET: "warning"}
_ACTION = {Change.ACKNOWLEDGED: "acknowledge", Change.CLOSED: "resolve"}


def event_of(notice: Notice, routing_key: str) -> dict[str, Any]:
    """The JSON body. A change of scope triggers again under the same key, which updates the open
    incident and notifies nobody anew."""
    transition = notice.transition
    alert = transition.alert
    page = page_text(transition, notice.links)
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": _ACTION.get(transition.change, "trigger"),
        "dedup_key": dedup_key(alert.dedup_key),
        "payload": {
            "summary": cut(page.subject, MAX_SUMMARY),
            "source": _name(f"coalmine {alert.fleet}"),
            "severity": _SEVERITY[alert.severity],
            "timestamp": utc(alert.since),
            "component": _name(describe(alert.scope)),
            "group": _name(alert.service),
            "class": str(alert.alert_class),
            "custom_details": {
                "page": cut(page.body, MAX_DETAIL),
                **{name: cut(one_line(fact), MAX_DETAIL) for name, fact in details(transition).items()},
            },
        },
        "client": "Coalmine",
    }
    view = notice.links.view(alert)
    if view:
        event["client_url"] = view
    links = {"View": view, "Playbook": one_line(alert.playbook)}
    shown = [
        {"href": href, "text": name}
        for name, href in links.items()
        if href.startswith(("https://", "http://"))
    ]
    if shown:
        event["links"] = shown
    return event


def dedup_key(key: str) -> str:
    """The key within PagerDuty's limit; a longer one ends in a hash of the whole."""
    if len(key) <= MAX_DEDUP_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key[: MAX_DEDUP_KEY - 33]}#{digest}"


def _name(text: str) -> str:
    return cut(one_line(text), MAX_NAME)
