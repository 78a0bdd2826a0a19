"""Acknowledging, answering, silencing over HTTP: by whom, what of, and what is refused."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.access.roles import Role
from coalmine_aggregator.access.settings import AccessSettings, TokenSettings
from coalmine_aggregator.paging.rota import Override, Rota
from coalmine_aggregator.web.entrance import CSRF_HEADER
from coalmine_runtime.secret import Secret
from tests.aggregator.web.conftest import OpenSite, Site
from tests.aggregator.web.fake_view import START, FakeView, make_alert
from tests.aggregator.web.test_openapi import DOCUMENT, matches

ACCESS = AccessSettings(
    tokens=[
        TokenSettings(name="wall", token=Secret("wall-correct-horse"), role=Role.VIEWER),
        TokenSettings(name="anna", token=Secret("anna-correct-horse"), role=Role.RESPONDER),
        TokenSettings(name="ben", token=Secret("ben-correct-horse"), role=Role.RESPONDER),
    ]
)
CHANGING = [
    "/api/v1/alerts/1/ack",
    "/api/v1/alerts/2/review",
    "/api/v1/silences",
    "/api/v1/silences/x/end",
]
HOUR = 3_600.0


@pytest.fixture
async def duty_site(open_site: OpenSite, view: FakeView) -> Site:
    """Alert 1 is open, alert 2 closed; people come by token."""
    view.alerts = [make_alert(1)]
    view.closed = [make_alert(2, ordinal=2, closed_at=view.now - 60)]
    return await open_site(access=ACCESS)


async def post(
    site: Site, path: str, body: Any = None, *, who: str = "anna", status: int = 200
) -> dict[str, Any]:
    """What is answered; that it is as described is held here."""
    headers = {"Authorization": f"Bearer {who}-correct-horse"}
    async with site.client.post(path, json=body or {}, headers=headers) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        assert response.status == status, answer
    parts = path.split("/")
    if len(parts) == 6:
        parts[4] = "{id}"
    responses = DOCUMENT["paths"]["/".join(parts)]["post"]["responses"]
    described = responses.get(str(status), responses["default"])["content"].values()
    assert matches(answer, next(iter(described))["schema"]) == []
    return answer


async def get(site: Site, path: str) -> dict[str, Any]:
    headers = {"Authorization": "Bearer wall-correct-horse"}
    async with site.client.get(path, headers=headers) as response:
        assert response.status == 200
        found: dict[str, Any] = await response.json()
        return found


def silence(view: FakeView, **changes: Any) -> dict[str, Any]:
    body = {"match": {"service": ["ingest"]}, "why": "known", "ends_at": view.now + HOUR}
    return {**body, **changes}


async def test_an_alert_is_acknowledged_by_whoever_was_first(duty_site: Site) -> None:
    began = duty_site.view.now
    answer = await post(duty_site, "/api/v1/alerts/ingest-loss-1/ack", {"note": "on it"})
    assert (answer["alert"]["acknowledged_by"], answer["alert"]["acknowledged_at"]) == ("anna", began)
    duty_site.view.now += 5
    again = await post(duty_site, "/api/v1/alerts/1/ack", who="ben")
    assert (again["alert"]["acknowledged_by"], again["alert"]["acknowledged_at"]) == ("anna", began)
    listed = await get(duty_site, "/api/v1/alerts")
    assert listed["open"][0]["acknowledged_by"] == "anna"
    first, second = duty_site.view.audited
    assert (first.actor, first.action, first.object_) == ("anna", "alert.ack", "ingest-loss-1")
    assert first.detail == '{"number":1,"note":"on it"}'
    assert (second.actor, second.action) == ("ben", "alert.ack")


async def test_what_is_closed_or_unknown_is_not_acknowledged(duty_site: Site) -> None:
    closed = await post(duty_site, "/api/v1/alerts/2/ack", status=409)
    assert closed["type"] == "urn:coalmine:problem:alert-closed"
    assert "coalmine alerts review 2" in closed["hint"]
    unknown = await post(duty_site, "/api/v1/alerts/77/ack", status=404)
    assert unknown["type"] == "urn:coalmine:problem:no-such-alert"
    assert duty_site.view.audited == []


async def test_what_the_store_has_not_written_is_not_said_to_be_kept(duty_site: Site) -> None:
    duty_site.view.duty.writes = False
    problem = await post(duty_site, "/api/v1/alerts/1/ack", status=503)
    assert problem["type"] == "urn:coalmine:problem:not-kept"
    problem = await post(duty_site, "/api/v1/silences", silence(duty_site.view), status=503)
    assert "a restart now would forget it" in problem["detail"]


async def test_a_closed_alert_is_answered_and_answered_anew(duty_site: Site) -> None:
    path = "/api/v1/alerts/2/review"
    answer = await post(duty_site, path, {"actionable": False})
    assert answer["alert"]["actionable"] is False
    await post(duty_site, path, {"actionable": True, "note": "restarted it"})
    assert (await get(duty_site, "/api/v1/alerts"))["recent"][0]["actionable"] is True
    assert [entry.action for entry in duty_site.view.audited] == ["alert.review"] * 2
    open_still = await post(duty_site, "/api/v1/alerts/1/review", {"actionable": True}, status=409)
    assert open_still["type"] == "urn:coalmine:problem:alert-open"
    missing = await post(duty_site, path, status=400)
    assert "actionable" in missing["detail"]


async def test_a_silence_holds_is_listed_and_is_ended(duty_site: Site) -> None:
    view = duty_site.view
    body = silence(view, match={"service": ["ing*"], "labels": {"region": "eu-*"}})
    preview = await post(duty_site, "/api/v1/silences", {**body, "preview": True})
    assert (preview["silence"]["id"], preview["silence"]["takes"]) == ("", 1)
    assert view.duty.begun == []
    made = (await post(duty_site, "/api/v1/silences", body, status=201))["silence"]
    assert (made["who"], made["why"], made["state"], made["takes"]) == ("anna", "known", "active", 1)
    listed = await get(duty_site, "/api/v1/alerts")
    assert listed["open"][0]["held"] == {
        "kind": "silence",
        "until": body["ends_at"],
        "by": made["id"],
        "who": "anna",
        "why": "known",
    }
    assert [each["id"] for each in (await get(duty_site, "/api/v1/silences"))["silences"]] == [
        made["id"]
    ]
    view.now += 5
    ended = await post(duty_site, f"/api/v1/silences/{made['id']}/end", who="ben")
    assert (ended["silence"]["state"], ended["silence"]["ended_by"]) == ("over", "ben")
    after = await get(duty_site, "/api/v1/silences")
    assert (after["silences"], [each["id"] for each in after["over"]]) == ([], [made["id"]])
    assert (await get(duty_site, "/api/v1/alerts"))["open"][0]["held"] is None
    await post(duty_site, f"/api/v1/silences/{made['id']}/end", status=404)
    actions = [(entry.actor, entry.action) for entry in view.audited]
    assert actions == [("anna", "silence.begin"), ("ben", "silence.end")]


async def test_a_wider_alert_is_not_silenced_by_a_narrower_silence(duty_site: Site) -> None:
    duty_site.view.alerts = [make_alert(1, scope={"protocol": "udp"})]
    body = silence(duty_site.view, match={"labels": {"region": "eu-west-1", "protocol": "udp"}})
    made = await post(duty_site, "/api/v1/silences", body, status=201)
    assert made["silence"]["takes"] == 0
    assert (await get(duty_site, "/api/v1/alerts"))["open"][0]["held"] is None


async def test_maintenance_begins_later(duty_site: Site) -> None:
    now = duty_site.view.now
    body = silence(duty_site.view, kind="maintenance", starts_at=now + HOUR, ends_at=now + 2 * HOUR)
    made = await post(duty_site, "/api/v1/silences", body, status=201)
    assert made["silence"]["state"] == "pending"
    assert (await get(duty_site, "/api/v1/alerts"))["open"][0]["held"] is None


@pytest.mark.parametrize(
    ("changes", "member", "told"),
    [
        ({"why": " "}, "why", "why is empty"),
        ({"why": "y" * 1001}, "why", "longer than 1000 characters"),
        ({"match": {}}, "match", "name what to silence"),
        ({"match": {"labels": {"planet": "mars"}}}, "match.labels", "no label 'planet'"),
        ({"match": {"service": [""]}}, "match.service", "is empty"),
        ({"match": {"class": ["lost"]}}, "match.class[0]", "lost"),
        ({"match": {"sevice": ["ingest"]}}, "match", "sevice"),
        ({"ends_at": START}, "ends_at", "not after starts_at"),
        ({"ends_at": START + 10 * 366 * 86_400.0}, "ends_at", "more than 366 days"),
        ({"ends_at": "soon"}, "ends_at", "Expected `float`"),
        ({"starts_at": START + 2 * HOUR}, "starts_at", "begins at once"),
        ({"starts_at": START + 1.0, "kind": "maintenance"}, "starts_at", "over already"),
        ({"who": "somebody else"}, "", "who"),
    ],
)
async def test_a_silence_that_cannot_be_is_refused(
    duty_site: Site, changes: dict[str, Any], member: str, told: str
) -> None:
    body = silence(duty_site.view, **changes)
    problem = await post(duty_site, "/api/v1/silences", body, status=400)
    assert problem["type"] == "urn:coalmine:problem:bad-body"
    assert problem.get("parameter", "") == member
    assert told in problem["detail"] + problem.get("hint", "")
    assert duty_site.view.duty.begun == []


@pytest.mark.parametrize("path", CHANGING)
async def test_viewers_change_nothing_and_reading_acknowledges_nothing(
    duty_site: Site, path: str
) -> None:
    headers = {"Authorization": "Bearer wall-correct-horse"}
    async with duty_site.client.post(path, json={}, headers=headers) as response:
        assert response.status == 403
    if not path.endswith("silences"):
        headers = {"Authorization": "Bearer anna-correct-horse"}
        for method in ("GET", "HEAD"):
            async with duty_site.client.request(method, path, headers=headers) as response:
                assert response.status == 405
    assert duty_site.view.alerts[0].acknowledged_at is None
    assert duty_site.view.audited == []


@pytest.mark.parametrize("path", CHANGING)
async def test_another_site_has_nothing_changed(site: Site, path: str) -> None:
    site.view.alerts = [make_alert(1)]
    async with site.client.get("/api/v1/me") as response:
        csrf = (await response.json())["csrf"]
    for headers in ({}, {CSRF_HEADER: csrf, "Origin": "https://evil.example"}):
        async with site.client.post(path, json={}, headers=headers) as response:
            assert response.status == 403
    assert site.view.alerts[0].acknowledged_at is None
    headers = {CSRF_HEADER: csrf}
    async with site.client.post("/api/v1/alerts/1/ack", headers=headers) as response:
        assert response.status == 200


async def test_what_customers_read_of_maintenance(duty_site: Site) -> None:
    view = duty_site.view
    told = silence(view, kind="maintenance", public="We replace disks.")
    answer = await post(duty_site, "/api/v1/silences", told, status=201)
    assert answer["silence"]["public"] == "We replace disks."
    assert view.duty.begun[0].public == "We replace disks."
    for wrong in ({"kind": "silence"}, {"public": "x" * 10_001}):
        body = silence(view, **{"kind": "maintenance", "public": "x", **wrong})
        problem = await post(duty_site, "/api/v1/silences", body, status=400)
        assert problem["parameter"] == "public"


@pytest.mark.parametrize("body", ["", "{", "[]", '{"note": 1}', '{"nota": ""}', "\xff", "null"])
async def test_bodies_that_are_none(duty_site: Site, body: str) -> None:
    headers = {"Authorization": "Bearer anna-correct-horse"}
    path = "/api/v1/alerts/1/ack"
    async with duty_site.client.post(path, data=body.encode("latin-1"), headers=headers) as response:
        assert response.status == (400 if body else 200)
        if body:
            assert (await response.json())["type"] == "urn:coalmine:problem:bad-body"


async def test_who_is_on_call_and_who_is_next(duty_site: Site) -> None:
    zone = ZoneInfo("Europe/Dublin")
    begun = datetime.date(2026, 9, 15)  # a Tuesday; the fake time is Monday 21, 16:10 in Dublin
    away = Override(
        "cleo",
        datetime.datetime.fromisoformat("2026-09-21T12:00"),
        datetime.datetime.fromisoformat("2026-09-21T18:00"),
    )
    duty_site.view.duty.rotas_ = {
        "alone": Rota(("anna",), zone, begun),
        "ingest": Rota(("anna", "ben"), zone, begun, overrides=(away,)),
        "night": Rota(("anna", "ben"), zone, begun),
    }
    rotas = (await get(duty_site, "/api/v1/oncall"))["rotas"]
    six = datetime.datetime(2026, 9, 21, 18, 0, tzinfo=zone).timestamp()
    tuesday = datetime.datetime(2026, 9, 22, 10, 0, tzinfo=zone).timestamp()
    assert [tuple(each.values()) for each in rotas] == [
        ("alone", "Europe/Dublin", "anna", None, ""),
        ("ingest", "Europe/Dublin", "cleo", six, "anna"),
        ("night", "Europe/Dublin", "anna", tuesday, "ben"),
    ]
