"""What was acknowledged at a provider is acknowledged here: once, by whom it was, by nobody else."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from typing import Any

import pytest

from coalmine_aggregator.access.gate import LOGINS
from coalmine_aggregator.model.alerts import Alert
from coalmine_aggregator.notify.hooks import hooks_of
from coalmine_aggregator.notify.jira.alert import alias_of
from coalmine_aggregator.web.api_hooks import MAX_BODY
from tests.aggregator.notify.receivers import receivers
from tests.aggregator.web.conftest import OpenSite, Site, by_token
from tests.aggregator.web.fake_view import make_alert
from tests.servers.alert_api import API_KEY
from tests.servers.pagerduty import ROUTING_KEY

SECRET = "a-strong-and-unique-secret"
ENTRIES = f"""
  - {{name: duty, pagerduty: {{routing_key: {ROUTING_KEY}, hook_secret: {SECRET}}}}}
  - {{name: mute, pagerduty: {{routing_key: {ROUTING_KEY}}}}}
  - {{opsgenie: {{api_key: {API_KEY}, hook_secret: {SECRET}}}}}
  - {{jira: {{api_key: {API_KEY}, hook_secret: {SECRET}}}}}
"""
TOKEN = "0123456789abcdef"


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    """Nobody comes in without a token, and one alert is open."""
    site = await open_site(hooks=hooks_of(receivers(ENTRIES)), access=by_token(TOKEN))
    site.view.alerts = [make_alert(1), make_alert(2, service="logs")]
    return site


def event(alert: Alert, at: float, **changes: Any) -> bytes:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat()
    whole = {
        "id": f"event-{alert.number}",
        "event_type": "incident.acknowledged",
        "occurred_at": moment,
        "agent": {"type": "user_reference", "summary": "Anna"},
        "data": {"incident_key": alert.dedup_key},
        **changes,
    }
    return json.dumps({"event": whole}).encode()


def signature(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={digest}"}


async def post(
    site: Site, body: bytes, headers: dict[str, str], where: str = "pagerduty/duty"
) -> tuple[int, dict[str, Any]]:
    async with site.client.post(f"/api/v1/hooks/{where}", data=body, headers=headers) as response:
        problem = response.content_type == "application/problem+json"
        assert problem == (response.status >= 400)
        return response.status, await response.json(content_type=None)


async def test_an_acknowledgement_at_pagerduty_is_one_here(site: Site) -> None:
    alert = site.view.alerts[0]
    body = event(alert, site.view.now)
    status, answer = await post(site, body, signature(body))
    assert (status, answer) == (200, {"acknowledged": "ingest-loss-1", "ignored": ""})
    assert site.view.alerts[0].acknowledged_by == "Anna via PagerDuty"
    assert site.view.alerts[1].acknowledged_at is None
    (entry,) = site.view.audited
    assert (entry.actor, entry.action, entry.object_) == (
        "Anna via PagerDuty",
        "alert.ack",
        "ingest-loss-1",
    )
    assert (entry.via, entry.address) == ("hook", "127.0.0.1")
    assert json.loads(entry.detail)["event"] == "event-1"


@pytest.mark.parametrize("kind", ["opsgenie", "jira"])
async def test_an_acknowledgement_at_opsgenie_or_jira_is_one_here(site: Site, kind: str) -> None:
    alert = site.view.alerts[0]
    said = {"alias": alias_of(alert, alert.severity), "username": "ben@example.com"}
    body = json.dumps({"action": "Acknowledge", "alert": said}).encode()
    status, answer = await post(site, body, {"Authorization": f"Bearer {SECRET}"}, f"{kind}/{kind}")
    assert (status, answer["acknowledged"]) == (200, "ingest-loss-1")
    assert site.view.alerts[0].acknowledged_by.startswith("ben@example.com via ")


async def test_what_comes_again_changes_nothing(site: Site) -> None:
    body = event(site.view.alerts[0], site.view.now)
    await post(site, body, signature(body))
    # It became a page meanwhile, which takes its acknowledgement away.
    site.view.alerts[0] = site.view.alerts[0]._replace(acknowledged_at=None, acknowledged_by="")
    status, answer = await post(site, body, signature(body))
    assert (status, answer["ignored"]) == (200, "it came before")
    assert site.view.alerts[0].acknowledged_at is None
    assert len(site.view.audited) == 1


async def test_who_was_first_stays(site: Site) -> None:
    site.view.alerts[0] = site.view.alerts[0]._replace(acknowledged_at=1.0, acknowledged_by="ben")
    body = event(site.view.alerts[0], site.view.now)
    assert (await post(site, body, signature(body)))[1]["ignored"] == "ingest-loss-1 is acknowledged"
    assert site.view.alerts[0].acknowledged_by == "ben"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"event_type": "incident.resolved"}, "it acknowledges nothing"),
        ({"event_type": "pagey.ping"}, "it acknowledges nothing"),
        ({"data": {"incident_key": "demo/other/loss/1"}}, "no such alert is open"),
        ({"data": {"incident_key": None}}, "no such alert is open"),
        ({"occurred_at": "2020-01-01T00:00:00Z"}, "it is older than the alert"),
    ],
)
async def test_all_else_is_taken_and_changes_nothing(site: Site, changes: Any, why: str) -> None:
    body = event(site.view.alerts[0], site.view.now, **changes)
    status, answer = await post(site, body, signature(body))
    assert (status, answer) == (200, {"acknowledged": "", "ignored": why})
    assert all(alert.acknowledged_at is None for alert in site.view.alerts)
    assert site.view.audited == []


@pytest.mark.parametrize(
    "where", ["pagerduty/duty", "pagerduty/mute", "pagerduty/nobody", "opsgenie/duty", "x/y"]
)
async def test_a_wrong_signature_is_told_the_same_everywhere(site: Site, where: str) -> None:
    body = event(site.view.alerts[0], site.view.now)
    for headers in ({}, signature(body, "another-secret-of-theirs"), signature(body + b" ")):
        status, problem = await post(site, body, headers, where)
        assert status == 401
        assert problem["type"] == "urn:coalmine:problem:unauthorized"
        assert problem["detail"] == "This does not come from the provider of such a receiver."
    assert all(alert.acknowledged_at is None for alert in site.view.alerts)
    assert {entry.action for entry in site.view.audited} == {"hook.refused"}


async def test_a_token_of_ours_is_no_proof_of_a_provider(site: Site) -> None:
    body = event(site.view.alerts[0], site.view.now)
    assert (await post(site, body, {"Authorization": f"Bearer {TOKEN}"}))[0] == 401


async def test_whoever_guesses_waits(site: Site) -> None:
    body = event(site.view.alerts[0], site.view.now)
    statuses = [(await post(site, body, {}))[0] for _ in range(LOGINS + 1)]
    assert statuses == [401] * LOGINS + [429]
    # And so does who knows the secret, from there: the answer tells nobody which it was.
    assert (await post(site, body, signature(body)))[0] == 429
    site.view.boottime += 60.0
    assert (await post(site, body, signature(body)))[0] == 200


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"event": 5}'])
async def test_what_is_signed_and_no_message_is_a_bad_body(site: Site, body: bytes) -> None:
    status, problem = await post(site, body, signature(body))
    assert (status, problem["type"]) == (400, "urn:coalmine:problem:bad-body")


async def test_a_long_message_is_read_and_a_too_long_one_is_not(site: Site) -> None:
    body = event(site.view.alerts[0], site.view.now, client={"name": "x" * 60_000})
    assert (await post(site, body, signature(body)))[0] == 200
    long = b"x" * (MAX_BODY + 1)
    assert (await post(site, long, signature(long)))[0] == 413

    async def chunks() -> Any:
        for _ in range(MAX_BODY // 16_384 + 2):
            yield b"x" * 16_384

    async with site.client.post("/api/v1/hooks/pagerduty/duty", data=chunks()) as response:
        assert response.status == 413


async def test_what_the_store_does_not_keep_is_to_be_sent_again(site: Site) -> None:
    site.view.duty.writes = False
    body = event(site.view.alerts[0], site.view.now)
    async with site.client.post(
        "/api/v1/hooks/pagerduty/duty", data=body, headers=signature(body)
    ) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "5"
    assert site.view.alerts[0].acknowledged_by == "Anna via PagerDuty"
    assert [entry.action for entry in site.view.audited] == ["alert.ack"]
    site.view.duty.writes = True
    assert (await post(site, body, signature(body)))[0] == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_nothing_but_a_post_acknowledges(site: Site, method: str) -> None:
    body = event(site.view.alerts[0], site.view.now)
    url = "/api/v1/hooks/pagerduty/duty"
    async with site.client.request(method, url, data=body, headers=signature(body)) as response:
        assert response.status in (401, 405)
    assert all(alert.acknowledged_at is None for alert in site.view.alerts)
