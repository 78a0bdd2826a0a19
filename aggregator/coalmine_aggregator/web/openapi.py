"""The API's description (OpenAPI 3.1), made from the types of its answers. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from coalmine_aggregator.model.target_group import TargetGroup
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
from coalmine_aggregator.web.openapi_incidents import SHAPES, incident_paths
from coalmine_aggregator.web.openapi_operations import PROBLEM, Operation, get, post, ref, text
from coalmine_aggregator.web.openapi_remediation import REMEDIATION_SHAPES, remediation_paths
from coalmine_aggregator.web.people_answers import AuditLog, Me
from coalmine_aggregator.web.problems import ProblemBody
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
    *SHAPES,
    *REMEDIATION_SHAPES,
    HookTaken,
    Slos,
    BurnDown,
    Noises,
    Me,
    AuditLog,
    TargetGroup,
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
            "/api/v1/rates": get(
                "Counts by step of time and group", Rates, [*parameters.COUNTS, parameters.STEP]
            ),
            "/api/v1/fates": get("Counts by fate and group, added up", Fates, parameters.COUNTS),
            "/api/v1/strip": get("What became of every series", StripAnswer, parameters.STRIP),
            "/api/v1/latency": get("How long steps took", LatencyAnswer, parameters.LATENCY),
            "/api/v1/series": get("Every series", SeriesAnswer, parameters.SERIES),
            "/api/v1/moment": get("The page at a past second", Snapshot, parameters.MOMENT),
            "/api/v1/export/rates.json": get(
                "Counts of any range, as a file", RateRows, parameters.EXPORT_RATES
            ),
            "/api/v1/export/rates.csv": _csv("Counts of any range, as a file", parameters.EXPORT_RATES),
            "/api/v1/export/alerts.json": get(
                "Alerts of any range, as a file", AlertRows, parameters.EXPORT_ALERTS
            ),
            "/api/v1/export/alerts.csv": _csv(
                "Alerts of any range, as a file", parameters.EXPORT_ALERTS
            ),
            "/api/v1/agents": get("Agents", Agents, parameters.AGENTS),
            "/api/v1/alerts": get("Open alerts, and pages of closed ones", Alerts, parameters.ALERTS),
            "/api/v1/alerts/{id}/explain": get(
                "Why an alert was opened or changed", Explained, parameters.ALERT
            ),
            "/api/v1/alerts/{id}/ack": post(
                "Acknowledge an open alert: nobody else is called",
                AlertAnswer,
                parameters.ALERT,
                AckBody,
            ),
            "/api/v1/alerts/{id}/review": post(
                "Say whether there was anything to do about a closed alert",
                AlertAnswer,
                parameters.ALERT,
                ReviewBody,
            ),
            "/api/v1/silences": {
                **get("What is silenced", Silences, []),
                **post("Silence alerts, or preview that", SilenceAnswer, [], SilenceBody, made=True),
            },
            "/api/v1/silences/{id}/end": post(
                "End a silence: what it held is told", SilenceAnswer, parameters.SILENCE
            ),
            "/api/v1/oncall": get("Whose turn it is", OnCall, []),
            "/api/v1/review": get("Numbers for the weekly review", ReviewAnswer, parameters.REVIEW),
            **incident_paths(),
            **remediation_paths(),
            "/api/v1/hooks/{provider}/{receiver}": _hook(),
            "/api/v1/slo": get("Objectives and error budgets", Slos, []),
            "/api/v1/slo/{service}/burn-down": get(
                "How an error budget was spent", BurnDown, parameters.BURN_DOWN
            ),
            "/api/v1/noise": get("What was learned of healthy services", Noises, []),
            "/api/v1/sd/{service}": _targets(),
            "/api/v1/me": get("Who is asking", Me, []),
            "/api/v1/audit": get("Who did what; for operators", AuditLog, parameters.AUDIT),
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


def _hook() -> Operation:
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
                    "content": {"application/json": {"schema": ref(HookTaken)}},
                },
                "default": PROBLEM,
            },
            "security": [{"signature": []}, {"hook_token": []}, {"hook_password": []}],
        }
    }


def _csv(summary: str, given: list[parameters.Parameter]) -> Operation:
    described = "CSV (RFC 4180) with a line of names; what begins as a formula is quoted."
    return text(summary, described, "text/csv", given)


def _targets() -> Operation:
    described = (
        "Prometheus' http_sd: every node that gets traffic. An error, never an empty list, where that "
        "is not known. Needs the scope metrics."
    )
    schema = {"type": "array", "items": ref(TargetGroup)}
    return text("Nodes to scrape", described, "application/json", parameters.SD, schema)


def _live() -> Operation:
    return {
        "get": {
            "summary": "The live page's feed",
            "description": "Server-sent events: one `snapshot` a second, its data a Snapshot.",
            "responses": {
                "200": {
                    "description": "A stream that does not end",
                    "content": {
                        "text/event-stream": {
                            "schema": {"type": "string", "contentSchema": ref(Snapshot)}
                        }
                    },
                },
                "default": PROBLEM,
            },
        }
    }


def _self() -> Operation:
    return {
        "get": {
            "summary": "This document",
            "responses": {
                "200": {
                    "description": "OpenAPI 3.1",
                    "content": {"application/json": {"schema": {"type": "object"}}},
                },
                "default": PROBLEM,
            },
        }
    }
