"""Alerts, and why they were opened or changed, as JSON in the store. Pure.

Fields are only added: a reader gives those that an older writer left out their first meaning.
"""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.alerts import (
    Alert,
    AlertClass,
    Cause,
    Change,
    Reach,
    Severity,
    Transition,
)
from coalmine_aggregator.model.counts import Counts
from coalmine_aggregator.model.explanation import Explanation, ScopeScore, Statistic
from coalmine_aggregator.model.scopes import Scope


def encode(alert: Alert) -> str:
    """One JSON object."""
    return msgspec.json.encode(_alert_body(alert)).decode()


def decode(text: str) -> Alert:
    """The alert; raises ValueError or KeyError for anything else."""
    return _alert(msgspec.json.decode(text))


def encode_transition(transition: Transition) -> str:
    """One JSON object: the alert as it stood, with the explanation beside its fields."""
    body = _alert_body(transition.alert)
    why = transition.explanation
    if why != Explanation():
        body["explanation"] = {
            **why._asdict(),
            "statistics": [{**each._asdict(), "scope": dict(each.scope)} for each in why.statistics],
            "candidates": [
                {"scopes": [dict(scope) for scope in each.scopes], "score": each.score}
                for each in why.candidates
            ],
        }
    return msgspec.json.encode(body).decode()


def decode_transition(change: str, at: float, text: str) -> Transition:
    """The transition; raises ValueError or KeyError for anything else."""
    body: dict[str, Any] = msgspec.json.decode(text)
    why = body.pop("explanation", None)
    return Transition(Change(change), at, _alert(body), _explanation(why) if why else Explanation())


def _alert_body(alert: Alert) -> dict[str, Any]:
    body = alert._asdict()
    body["scope"] = dict(alert.scope)
    body["equivalents"] = [dict(scope) for scope in alert.equivalents]
    for key in ("counts", "beside", "total"):
        body[key] = body[key]._asdict()
    body["reach"] = [each._asdict() for each in alert.reach]
    return body


def _alert(body: dict[str, Any]) -> Alert:
    body["alert_class"] = AlertClass(body["alert_class"])
    body["severity"] = Severity(body["severity"])
    body["scope"] = _scope(body["scope"])
    if "equivalents" in body:
        body["equivalents"] = tuple(_scope(scope) for scope in body["equivalents"])
    if "cause" in body:
        body["cause"] = Cause(body["cause"])
    for key in ("counts", "beside", "total"):
        if key in body:
            body[key] = Counts(body[key]["received"], tuple(body[key]["fates"]))
    if "reach" in body:
        body["reach"] = tuple(Reach(**each) for each in body["reach"])
    if "steps" in body:
        body["steps"] = tuple(body["steps"])
    required = set(Alert._fields) - set(Alert._field_defaults)
    if missing := required - set(body):
        raise KeyError(", ".join(sorted(missing)))
    return Alert(**{name: body[name] for name in Alert._fields if name in body})


def _explanation(body: dict[str, Any]) -> Explanation:
    return Explanation(
        body["first_slot"],
        body["last_slot"],
        tuple(Statistic(**{**each, "scope": _scope(each["scope"])}) for each in body["statistics"]),
        tuple(
            ScopeScore(tuple(_scope(scope) for scope in each["scopes"]), each["score"])
            for each in body["candidates"]
        ),
        tuple((name, fact) for name, fact in body["facts"]),
    )


def _scope(body: dict[str, str]) -> Scope:
    return tuple(body.items())
