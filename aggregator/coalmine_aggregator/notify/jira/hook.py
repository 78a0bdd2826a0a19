"""Outgoing webhooks of Opsgenie and of Jira Service Management, read for who acknowledged what. Pure.

They are not signed. What proves them is a secret that we gave: as a bearer token, as the password of
basic authentication, or in a header of its own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence

import msgspec

from coalmine_aggregator.model.acknowledgement import Acknowledgement
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.notify.jira.alert import alias_of
from coalmine_aggregator.notify.plain import cut, one_line
from coalmine_wire.bad_json import BAD_JSON

SECRET = "X-Coalmine-Hook-Secret"  # noqa: S105 - the header's name
ACKNOWLEDGE = "Acknowledge"

MAX_BY = 100

_LATEST = 4e9
"""Seconds since the epoch; what is more counts a smaller unit."""


class AlertApiHook:
    """The webhook of one receiver; `provider` is what people call it."""

    def __init__(self, provider: str, secrets: Sequence[str]) -> None:
        self.provider = provider
        self._secrets = tuple(secret.encode() for secret in secrets)

    def authentic(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether it brings one of the secrets."""
        given = [_encoded(headers.get(SECRET, "")), *_authorization(headers.get("Authorization", ""))]
        return any(hmac.compare_digest(one, other) for one in given for other in self._secrets)

    def acknowledgement(self, body: bytes) -> Acknowledgement | None:
        """Who acknowledged what; None for all else. Raises ValueError for what is no such message."""
        try:
            message = msgspec.json.decode(body, type=_Message)
        except BAD_JSON as error:
            raise ValueError(str(error)) from None
        if message.action != ACKNOWLEDGE:
            return None
        alert = message.alert
        person = cut(one_line(alert.username or ""), MAX_BY)
        at = _seconds(alert.updatedAt)
        return Acknowledgement(alert.alias, f"{person or 'somebody'} via {self.provider}", at)

    def is_about(self, alert: Alert, key: str) -> bool:
        """Whether that is the alert's alias, as it stands now."""
        return alias_of(alert, alert.severity) == key


class _Alert(msgspec.Struct):
    alias: str = ""
    username: str | None = None
    updatedAt: int | None = None  # noqa: N815 - as it is sent


class _Message(msgspec.Struct):
    action: str
    alert: _Alert


def _authorization(header: str) -> list[bytes]:
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return [_encoded(value)]
    if scheme.lower() == "basic":
        try:
            return [base64.b64decode(value, validate=True).partition(b":")[2]]
        except (binascii.Error, ValueError):
            return []
    return []


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _seconds(at: int | None) -> float | None:
    """Milliseconds or nanoseconds since the epoch, as they come, in seconds."""
    if at is None or at <= 0:
        return None
    seconds = float(at)
    while seconds > _LATEST:
        seconds /= 1000.0
    return seconds
