"""The API's description (OpenAPI 3.1), made from the types of its answers. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.web import parameters
from coalmine_aggregator.web.alert_answers import Alerts, Explained
from coalmine_aggregator.web.answers import Agents, Fates, Rates
from coalmine_aggregator.web.duty_answers import (
    AlertAnswer,
    OnCall,
    ReviewAnswer,
    SilenceAnswer,
    Silences,
)
from coalmine_aggregator.web.duty_bodies import AckBody, ReviewBody, SilenceBody
from coalmine_aggregator.web.export_answers import AlertRows, RateRows
from coalmine_aggregator.web.history_answers import LatencyAnswer, SeriesAnswer, StripAnswer
from coalmine_aggregator.web.hook_answers import HookTaken
from coalmine_aggregator.web.objective_answers import BurnDown, Noises, Slos
from coalmine_aggregator.web.people_answers import AuditLog, Me
from coalmine_aggregator.web.problems import CONTENT_TYPE, ProblemBody
from coalmine_aggregator.web.snapshot import Snapshot

_ANSWERS = (
    Rates,
    Fates,
    StripAnswer,
    LatencyAnswer,
    SeriesAnswer,
    RateRows,
    AlertRows,
    Agents,
    Alerts,
    Explained,
    AlertAnswer,
    Silences,
    SilenceAnswer,
    OnCall,
    ReviewAnswer,
    AckBody,
    ReviewBody,
    SilenceBody,
    HookTaken,
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
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Coalmine",
            "version": version,
            "description": "What the canaries' datapoints came to by the second, alerts, and what "
            "people do about these.",
        },
        "paths": {
            "/api/v1/rates": _get(
                "Counts by step of time and group", Rates, [*parameters.COUNTS, parameters.STEP]
            ),
            "/api/v1/fates": _get("Counts by fate and group, added up", Fates, parameters.COUNTS),
            "/api/v1/strip": _get("What became of every series", StripAnswer, parameters.STRIP),
            "/api/v1/latency": _get("How long steps took", LatencyAnswer, parameters.LATENCY),
            "/api/v1/series": _get("Every series", SeriesAnswer, parameters.SERIES),
            "/api/v1/moment": _get("The page at a past second", Snapshot, parameters.MOMENT),
            "/api/v1/export/rates.json": _get(
                "Counts of any range, as a file", RateRows, parameters.EXPORT_RATES
            ),
            "/api/v1/export/rates.csv": _csv("Counts of any range, as a file", parameters.EXPORT_RATES),
            "/api/v1/export/alerts.json": _get(
                "Alerts of any range, as a file", AlertRows, parameters.EXPORT_ALERTS
            ),
            "/api/v1/export/alerts.csv": _csv(
                "Alerts of any range, as a file", parameters.EXPORT_ALERTS
            ),
            "/api/v1/agents": _get("Agents", Agents, parameters.AGENTS),
            "/api/v1/alerts": _get("Open alerts, and pages of closed ones", Alerts, parameters.ALERTS),
            "/api/v1/alerts/{id}/explain": _get(
                "Why an alert was opened or changed", Explained, parameters.ALERT
            ),
            "/api/v1/alerts/{id}/ack": _post(
                "Acknowledge an open alert: nobody else is called",
                AlertAnswer,
                parameters.ALERT,
                AckBody,
            ),
            "/api/v1/alerts/{id}/review": _post(
                "Say whether there was anything to do about a closed alert",
                AlertAnswer,
                parameters.ALERT,
                ReviewBody,
            ),
            "/api/v1/silences": {
                **_get("What is silenced", Silences, []),
                **_post("Silence alerts, or preview that", SilenceAnswer, [], SilenceBody, made=True),
            },
            "/api/v1/silences/{id}/end": _post(
                "End a silence: what it held is told", SilenceAnswer, parameters.SILENCE
            ),
            "/api/v1/oncall": _get("Whose turn it is", OnCall, []),
            "/api/v1/review": _get("Numbers for the weekly review", ReviewAnswer, parameters.REVIEW),
            "/api/v1/hooks/{provider}/{receiver}": _hook(),
            "/api/v1/slo": _get("Objectives and error budgets", Slos, []),
            "/api/v1/slo/{service}/burn-down": _get(
                "How an error budget was spent", BurnDown, parameters.BURN_DOWN
            ),
            "/api/v1/noise": _get("What was learned of healthy services", Noises, []),
            "/api/v1/me": _get("Who is asking", Me, []),
            "/api/v1/audit": _get("Who did what; for operators", AuditLog, parameters.AUDIT),
            "/api/v1/live": _live(),
            "/api/v1/openapi.json": _self(),
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "coalmine"},
                "signature": {"type": "apiKey", "in": "header", "name": "X-PagerDuty-Signature"},
                "hook_token": {"type": "http", "scheme": "bearer"},
                "hook_password": {"type": "http", "scheme": "basic"},
            },
        },
        "security": [{"token": []}, {"session": []}, {}],
    }


def _get(summary: str, answer: type, given: list[parameters.Parameter]) -> dict[str, Any]:
    return {
        "get": {
            "summary": summary,
            "description": (answer.__doc__ or "").strip(),
            "parameters": given,
            "responses": {
                "200": {
                    "description": summary,
                    "content": {"application/json": {"schema": _ref(answer)}},
                },
                "default": _PROBLEM,
            },
        }
    }


def _post(
    summary: str,
    answer: type,
    given: list[parameters.Parameter],
    body: type | None = None,
    *,
    made: bool = False,
) -> dict[str, Any]:
    """`made` says that there may be something new afterwards: that is told by the status."""
    answered = {
        "description": summary,
        "content": {"application/json": {"schema": _ref(answer)}},
    }
    operation: dict[str, Any] = {
        "summary": summary,
        "description": f"For responders. {(answer.__doc__ or '').strip()}",
        "parameters": given,
        "responses": {
            "200": answered,
            **({"201": answered} if made else {}),
            "default": _PROBLEM,
        },
    }
    if body is not None:
        operation["requestBody"] = {
            "required": body is not AckBody,
            "content": {"application/json": {"schema": _ref(body)}},
        }
    return {"post": operation}


def _hook() -> dict[str, Any]:
    return {
        "post": {
            "summary": "A provider's webhook: acknowledged there is acknowledged here",
            "description": "Open to who proves to be the provider: by PagerDuty's signature, else by "
            f"the receiver's hook_secret. {(HookTaken.__doc__ or '').strip()}",
            "parameters": parameters.HOOK,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "responses": {
                "200": {
                    "description": "It was taken",
                    "content": {"application/json": {"schema": _ref(HookTaken)}},
                },
                "default": _PROBLEM,
            },
            "security": [{"signature": []}, {"hook_token": []}, {"hook_password": []}],
        }
    }


def _csv(summary: str, given: list[parameters.Parameter]) -> dict[str, Any]:
    return {
        "get": {
            "summary": summary,
            "description": "CSV (RFC 4180) with a line of names; what begins as a formula is quoted.",
            "parameters": given,
            "responses": {
                "200": {
                    "description": summary,
                    "content": {"text/csv": {"schema": {"type": "string"}}},
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


_PROBLEM = {
    "description": "A problem document (RFC 9457)",
    "content": {CONTENT_TYPE: {"schema": _ref(ProblemBody)}},
}
