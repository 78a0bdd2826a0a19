"""The parameters of the API's requests, as its description tells them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.model.incident_snapshot import SnapshotName
from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.reading.latency import CELL_LABELS
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


def _required(given: Parameter) -> Parameter:
    return {**given, "required": True}


def _after(what: str) -> Parameter:
    return _parameter("after", f"Only {what}: the `next` of the page before.", {"type": "string"})


def _limit(most: int, default: int, what: str) -> Parameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return _parameter("limit", f"At most so many {what}.", schema)


def _while_of(what: str, examples: str, default: str) -> list[Parameter]:
    """The time in which something opened."""
    length = {"type": "string", "pattern": "^[0-9]{1,9}[smhdw]?$", "default": default}
    opened = f"{what} that opened in this long, up to now: {examples}. Not together with from and to."
    return [
        _parameter("last", opened, length),
        _parameter("from", f"{_AT}{what.lower()} that opened from then on.", {"type": "string"}),
        _parameter(
            "to", f"{_AT}{what.lower()} that opened before; now where absent.", {"type": "string"}
        ),
    ]


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

COUNTS = [BY, *SPAN, *WHERE]

_AT = "A time: epoch seconds, or RFC 3339 with offset; "

STRIP = [
    *SPAN,
    STEP,
    _after("rows after those"),
    _limit(2000, 400, "rows"),
    _parameter("only", "Only rows with something bad.", {"type": "string", "enum": ["bad"]}),
    *(_required(label) if label["name"] == "service" else label for label in WHERE),
]

LATENCY = [
    _labels_list("Labels to group by, separated by commas.", CELL_LABELS),
    *SPAN,
    STEP,
    *(label for label in WHERE if label["name"] in CELL_LABELS),
]

SERIES = [_after("series after those"), _limit(1000, 1000, "series"), *WHERE]

MOMENT = [
    {
        **_parameter("at", f"{_AT}the second whose snapshot is wanted.", {"type": "string"}),
        "required": True,
    }
]

AGENTS = [
    _parameter(
        "status", "Only these.", {"type": "string", "enum": [str(status) for status in AgentStatus]}
    ),
    _parameter("at", f"{_AT}the agents as they were then.", {"type": "string"}),
    _parameter("after", "Only names after this one.", {"type": "string"}),
    _limit(1000, 1000, "agents"),
]

_CLASSES = [str(each) for each in AlertClass]

_ALERTS = [
    _parameter("from", f"{_AT}only alerts that were open then or later.", {"type": "string"}),
    _parameter("to", f"{_AT}only alerts that were open then or earlier.", {"type": "string"}),
    _parameter("service", "Only alerts of this service.", {"type": "string", "maxLength": 255}),
    _parameter(
        "class",
        "Only alerts of this class.",
        {"type": "string", "enum": [str(each) for each in AlertClass]},
    ),
]

ALERTS = [
    *_ALERTS,
    _after("closed alerts after those"),
    _limit(200, 20, "closed alerts"),
]

EXPORT_RATES = [*COUNTS, STEP]
EXPORT_ALERTS = _ALERTS

AUDIT = [
    _parameter("before", "Only entries with numbers below this.", {"type": "integer", "minimum": 1}),
    _limit(1000, 100, "entries"),
    _parameter("actor", "Only entries of this name.", {"type": "string", "maxLength": 255}),
    _parameter("action", "Only this action.", {"type": "string", "maxLength": 255}),
]

ALERT = [_in_path("id", "An alert's number, or its id: then the newest alert of that id.")]

SILENCE = [_in_path("id", "The silence's id.")]

REVIEW = _while_of("Pages", "7d, 24h", "7d")

INCIDENTS = [
    _parameter("service", "Only incidents of this service.", {"type": "string", "maxLength": 255}),
    _parameter(
        "state",
        "Only incidents in this state; open stands for all in which one goes on.",
        {"type": "string", "enum": ["open", *map(str, IncidentState)]},
    ),
    _parameter("from", f"{_AT}only incidents that went on then or later.", {"type": "string"}),
    _parameter("to", f"{_AT}only incidents that went on then or earlier.", {"type": "string"}),
    _after("incidents after those"),
    _limit(200, 20, "incidents"),
]

INCIDENT = [
    {**_in_path("number", "The incident's number."), "schema": {"type": "integer", "minimum": 1}}
]

TIMELINE = [*INCIDENT, _after("entries after those"), _limit(1000, 1000, "entries")]

INCIDENT_GRAPH = [
    *INCIDENT,
    {
        **_in_path("name", "Which graph."),
        "schema": {"type": "string", "enum": [str(name) for name in SnapshotName]},
    },
]

INCIDENT_NUMBERS = _while_of("Incidents", "90d, 52w", "90d")

REMEDIATION = [
    _parameter("service", "Only this service.", {"type": "string", "maxLength": 255}),
]

REMEDIATION_LOG = [
    _parameter("service", "Only events of this service.", {"type": "string", "maxLength": 255}),
    _parameter("node", "Only events of this node.", {"type": "string", "maxLength": 255}),
    _parameter(
        "last",
        "Only events of this long, up to now: 24h, 7d.",
        {"type": "string", "pattern": "^[0-9]{1,9}[smhdw]?$"},
    ),
    _after("events before those"),
    _limit(200, 50, "events"),
]

HOOK = [
    {
        **_in_path("provider", "The receiver's kind."),
        "schema": {"type": "string", "enum": ["jira", "opsgenie", "pagerduty"]},
    },
    _in_path("receiver", "The receiver's name in notify."),
]

BURN_DOWN = [
    _in_path("service", "The service's name."),
    _parameter(
        "points",
        "At most so many, evenly over the window.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 60},
    ),
    _parameter(
        "at",
        "As of that second, which is over: epoch seconds, or RFC 3339 with offset. None: now.",
        {"type": "string"},
    ),
]

SD = [
    _in_path("service", "The service's name."),
    _required(
        _parameter(
            "port",
            "Where each node is scraped.",
            {"type": "integer", "minimum": 1, "maximum": 65535},
        )
    ),
]
