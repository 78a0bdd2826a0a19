"""The bodies that webhooks may have in place of the standard one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.model.figures import utc
from coalmine_aggregator.model.scopes import describe
from coalmine_aggregator.notify.gateway.template import JsonTemplate
from coalmine_aggregator.notify.inert import block, inert
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.page import page_text
from coalmine_aggregator.notify.plain import cut, one_line

PLACES = (
    "subject",
    "text",
    "id",
    "key",
    "alert",
    "change",
    "status",
    "state",
    "severity",
    "class",
    "service",
    "fleet",
    "scope",
    "owner",
    "playbook",
    "view",
    "since",
)

MAX_FIELD = 1_000

_EXACT = frozenset({"id", "key", "view", "playbook"})


class Body(StrEnum):
    """What is sent."""

    STANDARD = "standard"
    INCIDENT_IO = "incident.io"
    GRAFANA_IRM = "grafana_irm"
    TEMPLATE = "template"


class BodyTemplate(NamedTuple):
    """A JSON document with places such as `{subject}` in its strings."""

    document: JsonTemplate

    @classmethod
    def parse(cls, text: str) -> BodyTemplate:
        """Raises ValueError where it is no JSON, or has an unknown place."""
        return cls(JsonTemplate.parse(text, PLACES))

    def filled(self, notice: Notice) -> bytes:
        """The document with what the notice says in its places. Nobody knows what shows it, so that
        no word of it is markup of any kind."""
        said = _values(notice)
        shown = {name: text if name in _EXACT else inert(text) for name, text in said.items()}
        return self.document.filled(shown)


def incident_io(notice: Notice) -> bytes:
    """As incident.io's HTTP alert sources take it: the description is Markdown."""
    said = _values(notice)
    names = ("fleet", "service", "class", "severity", "scope", "owner", "playbook", "alert", "change")
    metadata = {name: inert(said[name]) for name in names if said[name]}
    return _encoded(
        title=inert(said["subject"]),
        description=block(said["text"]),
        status=said["status"],
        deduplication_key=said["key"],
        source_url=said["view"],
        metadata=metadata,
    )


def grafana_irm(notice: Notice) -> bytes:
    """As Grafana IRM's formatted webhook takes it; what it shows may be Markdown, HTML or Slack's."""
    said = _values(notice)
    return _encoded(
        alert_uid=said["key"],
        title=inert(said["subject"]),
        state=said["state"],
        link_to_upstream_details=said["view"],
        message=block(said["text"]),
    )


BUILT_IN: dict[Body, Callable[[Notice], bytes]] = {
    Body.INCIDENT_IO: incident_io,
    Body.GRAFANA_IRM: grafana_irm,
}


def _values(notice: Notice) -> dict[str, str]:
    transition = notice.transition
    alert = transition.alert
    page = page_text(transition, notice.links)
    over = transition.change is Change.CLOSED
    said = {
        "id": message_id(notice),
        "key": alert.dedup_key,
        "alert": alert.id,
        "change": str(transition.change),
        "status": "resolved" if over else "firing",
        "state": "ok" if over else "alerting",
        "severity": str(alert.severity),
        "class": str(alert.alert_class),
        "service": alert.service,
        "fleet": alert.fleet,
        "scope": describe(alert.scope),
        "owner": alert.owner,
        "playbook": alert.playbook,
        "view": notice.links.view(alert),
        "since": utc(alert.since),
    }
    fields = {name: cut(one_line(value), MAX_FIELD) for name, value in said.items()}
    return {**fields, "subject": page.subject, "text": page.body}


def _encoded(**fields: Any) -> bytes:
    """The fields that are there."""
    return msgspec.json.encode({name: value for name, value in fields.items() if value})
