"""The routes of `/api/v1`."""

from __future__ import annotations

from aiohttp import web

from coalmine_aggregator.web import (
    api,
    api_agents,
    api_alerts,
    api_counts,
    api_duty,
    api_export,
    api_history,
    api_incident_acts,
    api_incidents,
    api_remediation,
    api_sd,
    people,
)


def api_routes() -> list[web.RouteDef]:
    """All of them; each handler says what it needs, see `entrance`."""
    return [
        web.get("/api/v1/rates", api_counts.rates),
        web.get("/api/v1/fates", api_counts.fates),
        web.get("/api/v1/strip", api_history.strip),
        web.get("/api/v1/latency", api_history.latency),
        web.get("/api/v1/series", api_history.series),
        web.get("/api/v1/moment", api_history.moment),
        web.get("/api/v1/agents", api_agents.agents),
        web.get("/api/v1/alerts", api_alerts.alerts),
        web.get("/api/v1/alerts/{id}/explain", api_alerts.explain),
        web.post("/api/v1/alerts/{id}/ack", api_duty.acknowledge),
        web.post("/api/v1/alerts/{id}/review", api_duty.answer),
        web.get("/api/v1/silences", api_duty.silences),
        web.post("/api/v1/silences", api_duty.put_silence),
        web.post("/api/v1/silences/{id}/end", api_duty.end_silence),
        web.get("/api/v1/oncall", api_duty.on_call),
        web.get("/api/v1/review", api_duty.review),
        web.get("/api/v1/incidents", api_incidents.incidents),
        web.post("/api/v1/incidents", api_incident_acts.open_),
        web.get("/api/v1/incidents/numbers", api_incidents.numbers),
        web.get("/api/v1/incidents/{number}", api_incidents.incident),
        web.get("/api/v1/incidents/{number}/postmortem.md", api_incidents.postmortem),
        web.get("/api/v1/incidents/{number}/snapshots/{name}.svg", api_incidents.snapshot),
        web.post("/api/v1/incidents/{number}/update", api_incident_acts.update),
        web.post("/api/v1/incidents/{number}/note", api_incident_acts.note),
        web.post("/api/v1/incidents/{number}/title", api_incident_acts.title),
        web.post("/api/v1/incidents/{number}/publish", api_incident_acts.publish),
        web.post("/api/v1/incidents/{number}/withhold", api_incident_acts.withhold),
        web.post("/api/v1/incidents/{number}/reopen", api_incident_acts.reopen),
        web.post("/api/v1/incidents/{number}/merge", api_incident_acts.merge),
        web.post("/api/v1/incidents/{number}/postmortem", api_incident_acts.write_up),
        web.get("/api/v1/remediation", api_remediation.remediation),
        web.get("/api/v1/remediation/log", api_remediation.log),
        web.post("/api/v1/remediation/pins", api_remediation.pin),
        web.post("/api/v1/remediation/release", api_remediation.release),
        web.post("/api/v1/remediation/stop", api_remediation.stop),
        web.post("/api/v1/remediation/resume", api_remediation.resume),
        web.get("/api/v1/slo", api.slo),
        web.get("/api/v1/slo/{service}/burn-down", api.burn_down),
        web.get("/api/v1/noise", api.noise),
        web.get("/api/v1/sd/{service}", api_sd.service_targets),
        web.get("/api/v1/export/rates.json", api_export.rates_json, allow_head=False),
        web.get("/api/v1/export/rates.csv", api_export.rates_csv, allow_head=False),
        web.get("/api/v1/export/alerts.json", api_export.alerts_json, allow_head=False),
        web.get("/api/v1/export/alerts.csv", api_export.alerts_csv, allow_head=False),
        web.get("/api/v1/me", people.me),
        web.get("/api/v1/audit", people.audit),
        web.get("/api/v1/live", api.live, allow_head=False),
        web.get("/api/v1/openapi.json", api.openapi_document),
    ]
