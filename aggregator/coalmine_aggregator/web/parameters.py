"""The parameters of the API's requests, as its description tells them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.reading.question import STEPS_S
from coalmine_wire.series import LABELS

Parameter = dict[str, Any]


def _parameter(name: str, description: str, schema: Parameter) -> Parameter:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _in_path(name: str, description: str) -> Parameter:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _labels_list(description: str, labels: Iterable[str]) -> Parameter:
    return {
        "name": "by",
        "in": "query",
        "description": description,
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "enum": list(labels)},
        },
    }


def _after(what: str) -> Parameter:
    return _parameter("after", f"Only {what}: the `next` of the page before.", {"type": "string"})


def _limit(most: int, default: int, what: str) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return _parameter("limit", f"At most so many {what}.", schema)


SPAN = [
    _parameter(
        "last",
        "This long, up to the newest settled slot: 60s, 5m, 1h, 7d. Not together with from and to.",
        {"type": "string", "pattern": "^[0-9]{1,9}[smhdw]?$", "default": "60s"},
    ),
    _parameter("from", "First slot: epoch seconds, or RFC 3339 with offset.", {"type": "string"}),
    _parameter("to", "The slot after the last one, as `from`.", {"type": "string"}),
]

STEP = _parameter(
    "step",
    f"Seconds of a step: {', '.join(map(str, STEPS_S))}. If absent, one that makes a good graph.",
    {"type": "string", "pattern": "^[0-9]{1,9}[smhdw]?$"},
)

WHERE = [
    _parameter(
        label,
        f"Only series whose {label} is this; * stands for anything, ? for one character.",
        {"type": "string", "maxLength": 255},
    )
    for label in LABELS
]

BY = _labels_list("Labels to group by, separated by commas; none makes one sum.", LABELS)

AGENTS = [
    _parameter(
        "status", "Only these.", {"type": "string", "enum": [str(status) for status in AgentStatus]}
    ),
    _parameter("after", "Only names after this one.", {"type": "string"}),
    _parameter(
        "limit",
        "At most so many.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1000},
    ),
]

ALERTS = [
    _parameter(
        "limit",
        "At most so many closed ones.",
        {"type": "integer", "minimum": 1, "maximum": 200, "default": 20},
    )
]

AUDIT = [
    _parameter("before", "Only entries with numbers below this.", {"type": "integer", "minimum": 1}),
    _parameter(
        "limit",
        "At most so many.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    ),
    _parameter("actor", "Only entries of this name.", {"type": "string", "maxLength": 255}),
    _parameter("action", "Only this action.", {"type": "string", "maxLength": 255}),
]

ALERT = [_in_path("id", "An alert's number, or its id: then the newest alert of that id.")]

BURN_DOWN = [
    _in_path("service", "The service's name."),
    _parameter(
        "points",
        "At most so many, evenly over the window.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 60},
    ),
]
