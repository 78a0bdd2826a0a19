"""Alerts as JSON in the store. Pure.

Fields are only added: a reader gives those that an older writer left out their first meaning.
"""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.counts import Counts


def encode(alert: Alert) -> str:
    """One JSON object."""
    body = alert._asdict()
    body["scope"] = dict(alert.scope)
    body["counts"] = alert.counts._asdict()
    body["beside"] = alert.beside._asdict()
    return msgspec.json.encode(body).decode()


def decode(text: str) -> Alert:
    """The alert; raises ValueError or KeyError for anything else."""
    body: dict[str, Any] = msgspec.json.decode(text)
    body["alert_class"] = AlertClass(body["alert_class"])
    body["severity"] = Severity(body["severity"])
    body["scope"] = tuple(body["scope"].items())
    body["counts"] = _counts(body["counts"])
    body["beside"] = _counts(body["beside"])
    return Alert(**{name: body[name] for name in Alert._fields})


def _counts(body: dict[str, Any]) -> Counts:
    return Counts(body["received"], tuple(body["fates"]))
