"""The routes of `/api/v1`."""

from __future__ import annotations

from aiohttp import web

from coalmine_aggregator.web import api, api_counts, people


def api_routes() -> list[web.RouteDef]:
    """All of them; each handler says what it needs, see `entrance`."""
    return [
        web.get("/api/v1/rates", api_counts.rates),
        web.get("/api/v1/fates", api_counts.fates),
        web.get("/api/v1/agents", api.agents),
        web.get("/api/v1/alerts", api.alerts),
        web.get("/api/v1/alerts/{id}/explain", api.explain),
        web.get("/api/v1/slo", api.slo),
        web.get("/api/v1/slo/{service}/burn-down", api.burn_down),
        web.get("/api/v1/noise", api.noise),
        web.get("/api/v1/me", people.me),
        web.get("/api/v1/audit", people.audit),
        web.get("/api/v1/live", api.live, allow_head=False),
        web.get("/api/v1/openapi.json", api.openapi_document),
    ]
