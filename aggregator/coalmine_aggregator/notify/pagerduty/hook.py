"""PagerDuty's webhooks, version 3: verified by signature, read for who acknowledged what. Pure."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec

from coalmine_aggregator.model.acknowledgement import Acknowledgement
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.notify.pagerduty.event import dedup_key
from coalmine_aggregator.notify.plain import cut, one_line
from coalmine_wire.bad_json import BAD_JSON

SIGNATURE = "X-PagerDuty-Signature"
VERSION = "v1="

MAX_SIGNATURES = 10
MAX_BY = 100

ACKNOWLEDGED = "incident.acknowledged"


class PagerDutyHook:
    """The webhook of one receiver. `secrets` are those that subscriptions sign with."""

    provider = "PagerDuty"

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secret.encode() for secret in secrets)

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether one of the signatures is of one of the secrets, over the body as it came."""
        given = [each.strip() for each in headers.get(SIGNATURE, "").split(",", MAX_SIGNATURES)]
        signatures = [
            each.removeprefix(VERSION).encode("utf-8", "surrogatepass")
            for each in given[:MAX_SIGNATURES]
            if each.startswith(VERSION)
        ]
        good = [hmac.new(key, body, hashlib.sha256).hexdigest().encode() for key in self._secrets]
        return any(hmac.compare_digest(one, other) for one in signatures for other in good)

    def acknowledgement(self, body: bytes) -> Acknowledgement | None:
        """Who acknowledged what; None for all else, and for what integrations did, such as our own word
        that comes back. Raises ValueError for what is no such message."""
        try:
            event = msgspec.json.decode(body, type=_Message).event
            if event.event_type != ACKNOWLEDGED:
                return None
            agent = event.agent
            if agent is not None and "integration" in agent.type:
                return None
            incident = msgspec.json.decode(event.data, type=_Incident)
        except BAD_JSON as error:
            raise ValueError(str(error)) from None
        person = cut(one_line(agent.summary or ""), MAX_BY) if agent is not None else ""
        return Acknowledgement(
            incident.incident_key or "",
            f"{person or 'somebody'} via {self.provider}",
            event.occurred_at.timestamp(),
            event.id,
        )

    def is_about(self, alert: Alert, key: str) -> bool:
        """Whether that is what PagerDuty knows the alert by."""
        return dedup_key(alert.dedup_key) == key


class _Agent(msgspec.Struct):
    type: str = ""
    summary: str | None = None


class _Event(msgspec.Struct):
    id: str
    event_type: str
    occurred_at: Annotated[datetime.datetime, msgspec.Meta(tz=True)]
    data: msgspec.Raw
    agent: _Agent | None = None


class _Message(msgspec.Struct):
    event: _Event


class _Incident(msgspec.Struct):
    incident_key: str | None = None
