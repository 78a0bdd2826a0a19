"""The API's description (OpenAPI 3.1), made from the types of its answers. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.views import AgentStatus
from coalmine_aggregator.web.alert_answers import Alerts, Explained
from coalmine_aggregator.web.answers import Agents, Fates, Rates
from coalmine_aggregator.web.objective_answers import BurnDown, Noises, Slos
from coalmine_aggregator.web.people_answers import AuditLog, Me
from coalmine_aggregator.web.problems import CONTENT_TYPE, ProblemBody
from coalmine_aggregator.web.snapshot import Snapshot
from coalmine_wire.series import LABELS

_ANSWERS = (
    Rates,
    Fates,
    Agents,
    Alerts,
    Explained,
    Slos,
    BurnDown,
    Noises,
    Me,
    AuditLog,
    Snapshot,
    ProblemBody,
)


def document(version: str) -> dict[str, Any]:
    """The whole document."""
    _, schemas = msgspec.json.schema_components(_ANSWERS, ref_template="#/components/schemas/{name}")
    ranges = [*_SPAN, *(_label(label) for label in LABELS)]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Coalmine",
            "version": version,
            "description": "What the canaries' datapoints came to, by the second. Read only.",
        },
        "paths": {
            "/api/v1/rates": _get("Counts by slot and group", Rates, ranges),
            "/api/v1/fates": _get("Counts by fate and group, added up", Fates, ranges),
            "/api/v1/agents": _get("Agents", Agents, _AGENTS),
            "/api/v1/alerts": _get("Open alerts, and the newest closed ones", Alerts, _ALERTS),
            "/api/v1/alerts/{id}/explain": _get(
                "Why an alert was opened or changed", Explained, _ALERT
            ),
            "/api/v1/slo": _get("Objectives and error budgets", Slos, []),
            "/api/v1/slo/{service}/burn-down": _get(
                "How an error budget was spent", BurnDown, _BURN_DOWN
            ),
            "/api/v1/noise": _get("What was learned of healthy services", Noises, []),
            "/api/v1/me": _get("Who is asking", Me, []),
            "/api/v1/audit": _get("Who did what; for operators", AuditLog, _AUDIT),
            "/api/v1/live": _live(),
            "/api/v1/openapi.json": _self(),
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "coalmine"},
            },
        },
        "security": [{"token": []}, {"session": []}, {}],
    }


def _get(summary: str, answer: type, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "get": {
            "summary": summary,
            "description": (answer.__doc__ or "").strip(),
            "parameters": parameters,
            "responses": {
                "200": {
                    "description": summary,
                    "content": {"application/json": {"schema": _ref(answer)}},
                },
                "default": _PROBLEM,
            },
        }
    }


def _live() -> dict[str, Any]:
    return {
        "get": {
            "summary": "The live page's feed",
            "description": "Server-sent events: one `snapshot` a second, its data a Snapshot.",
            "responses": {
                "200": {
                    "description": "A stream that does not end",
                    "content": {
                        "text/event-stream": {
                            "schema": {"type": "string", "contentSchema": _ref(Snapshot)}
                        }
                    },
                },
                "default": _PROBLEM,
            },
        }
    }


def _self() -> dict[str, Any]:
    return {
        "get": {
            "summary": "This document",
            "responses": {
                "200": {
                    "description": "OpenAPI 3.1",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
                "default": _PROBLEM,
            },
        }
    }


def _ref(answer: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{answer.__name__}"}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _label(label: str) -> dict[str, Any]:
    return _parameter(
        label, f"Only series whose {label} is this.", {"type": "string", "maxLength": 255}
    )


_PROBLEM = {
    "description": "A problem document (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": _ref(ProblemBody)}},
}

_SPAN = [
    {
        "name": "by",
        "in": "query",
        "description": "Labels to group by, separated by commas; none makes one sum.",
        "style": "form",
        "explode": False,
        "schema": {
            "type": "array",
            "uniqueItems": True,
            "items": {"type": "string", "enum": list(LABELS)},
        },
    },
    _parameter(
        "last",
        "This long, up to the newest settled slot: 60s, 5m, 1h. Not together with from and to.",
        {"type": "string", "pattern": "^[0-9]{1,6}[smh]?$", "default": "60s"},
    ),
    _parameter("from", "First slot: epoch seconds, or RFC 3339 with offset.", {"type": "string"}),
    _parameter("to", "The slot after the last one, as `from`.", {"type": "string"}),
]

_AGENTS = [
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

_ALERTS = [
    _parameter(
        "limit",
        "At most so many closed ones.",
        {"type": "integer", "minimum": 1, "maximum": 200, "default": 20},
    )
]

_AUDIT = [
    _parameter("before", "Only entries with numbers below this.", {"type": "integer", "minimum": 1}),
    _parameter(
        "limit",
        "At most so many.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    ),
    _parameter("actor", "Only entries of this name.", {"type": "string", "maxLength": 255}),
    _parameter("action", "Only this action.", {"type": "string", "maxLength": 255}),
]

_ALERT = [_in_path("id", "An alert's number, or its id: then the newest alert of that id.")]

_BURN_DOWN = [
    _in_path("service", "The service's name."),
    _parameter(
        "points",
        "At most so many, evenly over the window.",
        {"type": "integer", "minimum": 1, "maximum": 1000, "default": 60},
    ),
]
