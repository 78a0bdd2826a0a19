"""Opsgenie and Jira Service Management as people see them: a stand-in that enforces the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.jira.alert_api import AlertApi
from coalmine_aggregator.notify.jira.receiver import Jira
from coalmine_aggregator.notify.jira.settings import JiraSettings
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.opsgenie.receiver import Opsgenie
from coalmine_aggregator.notify.opsgenie.settings import OpsgenieSettings
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_runtime.settings import ConfigError, loads
from tests.aggregator.store.samples import acknowledged, alert, changed, closed, opened
from tests.servers.alert_api import API_KEY, AlertApiServer
from tests.servers.hook import Hook

TEAM = "4513b7ea-3b91-438f-b7e4-e3e54af9147c"


@pytest.fixture
async def server() -> AsyncIterator[AlertApiServer]:
    """The stand-in, running."""
    async with AlertApiServer() as running:
        yield running


def opsgenie(url: str, client: Client, key: str = API_KEY) -> AlertApi:
    text = f"api_key: {key}\nurl: {url}\nresponders: ['team:ops', 'user:anna@example.com']"
    return Opsgenie(loads(OpsgenieSettings, text, {}), client)


def jira(url: str, client: Client, key: str = API_KEY) -> AlertApi:
    text = f"api_key: {key}\nurl: {url}\nresponders: ['team:{TEAM}']\ntags: [edge]"
    return Jira(loads(JiraSettings, text, {}), client)


@pytest.mark.parametrize("kind", [opsgenie, jira])
async def test_an_alert_from_its_beginning_to_its_end(
    kind: Callable[[str, Client], AlertApi], client: Client
) -> None:
    async with AlertApiServer(names=kind is opsgenie) as server:
        sender = kind(server.url, client)
        await sender.deliver(Notice((opened(),)))
        (shown,) = server.open
        assert shown.created["priority"] == "P1"
        await sender.deliver(Notice((changed(),)))
        assert server.open == [shown]
        assert shown.times == 2
        assert "CHANGED" in shown.notes[0]
        await sender.deliver(Notice((acknowledged(),)))
        server.work_off()
        assert shown.acknowledged_by == "anna"
        await sender.deliver(Notice((closed(),)))
        assert server.open == []
        # What is told again, after a crash, opens nothing and closes nothing else.
        await sender.deliver(Notice((closed(),)))
        assert len(server.work_off()) == 1
    assert server.refusals == []


async def test_a_ticket_that_becomes_a_page_is_a_page(server: AlertApiServer, client: Client) -> None:
    sender = opsgenie(server.url, client)
    ticket = alert()._replace(severity=Severity.TICKET)
    await sender.deliver(Notice((opened()._replace(alert=ticket),)))
    assert [each.created["priority"] for each in server.open] == ["P3"]
    await sender.deliver(Notice((changed(),)))
    assert [each.created["priority"] for each in server.open] == ["P1"]
    await sender.deliver(Notice((closed(),)))
    assert server.open == []


async def test_a_wrong_key_is_never_tried_again(server: AlertApiServer, client: Client) -> None:
    with pytest.raises(RefusedError, match="401"):
        await opsgenie(server.url, client, "wrong-key").deliver(Notice((opened(),)))
    assert server.work_off() == []


async def test_422_is_never_tried_again(client: Client) -> None:
    async with AlertApiServer(names=False) as server:
        with pytest.raises(RefusedError, match="422"):
            await opsgenie(server.url, client).deliver(Notice((opened(),)))
        assert server.refusals


async def test_a_limited_rate_says_how_long(client: Client) -> None:
    async with AlertApiServer(per_s=1) as server:
        sender = opsgenie(server.url, client)
        await sender.deliver(Notice((opened(),)))
        with pytest.raises(TryLaterError, match="429") as caught:
            await sender.deliver(Notice((opened(2),)))
    assert caught.value.after_s == 1.0


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_troubles_of_theirs_are_tried_later(
    server: AlertApiServer, client: Client, status: int
) -> None:
    server.answers.append((status, {"Retry-After": "7"}))
    with pytest.raises(TryLaterError, match=str(status)) as caught:
        await opsgenie(server.url, client).deliver(Notice((opened(),)))
    assert caught.value.after_s == 7.0
    await opsgenie(server.url, client).deliver(Notice((opened(),)))
    assert len(server.open) == 1


async def test_a_change_that_got_half_way_is_told_whole(server: AlertApiServer, client: Client) -> None:
    sender = opsgenie(server.url, client)
    await sender.deliver(Notice((opened(),)))
    for after in range(3):
        server.answers.append((503, {}))
        with pytest.raises(TryLaterError):
            await sender.deliver(Notice((changed(at=float(after)),)))
    await sender.deliver(Notice((changed(),)))
    (shown,) = server.open
    assert len(shown.notes) == 1


@pytest.mark.parametrize("body", [b"", b'{"x":' + b"[" * 100_000])
async def test_a_202_of_somebody_else_is_no_yes(hook: Hook, client: Client, body: bytes) -> None:
    hook.status, hook.body = 202, body
    with pytest.raises(TryLaterError, match="requestId"):
        await opsgenie(hook.url, client).deliver(Notice((opened(),)))


async def test_no_server_is_tried_later(client: Client) -> None:
    async with AlertApiServer() as gone:
        sender = opsgenie(gone.url, client)
    with pytest.raises(TryLaterError):
        await sender.deliver(Notice((opened(),)))


def test_where_alerts_go() -> None:
    settings = loads(OpsgenieSettings, f"api_key: {API_KEY}", {})
    assert settings.url.text == "https://api.opsgenie.com/v2/alerts"
    assert API_KEY not in repr(settings)
    found = loads(JiraSettings, f"api_key: {API_KEY}", {})
    assert found.url.text == "https://api.atlassian.com/jsm/ops/integration/v2/alerts"


@pytest.mark.parametrize("kind", [JiraSettings, OpsgenieSettings])
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("api_key: ''", "api_key"),
        ("api_key: 'two words'", "api_key"),
        ("api_key: k\nurl: http://api.example/v2/alerts", "unencrypted"),
        ("api_key: k\nurl: https://api.example/v2/alerts/", "alerts"),
        ("api_key: k\nresponders: [ops]", "team:ops"),
        ("api_key: k\nresponders: ['robot:ops']", "escalation"),
        ("api_key: k\nresponders: ['team:']", "name"),
        (f"api_key: k\ntags: [{'x' * 51}]", "tags"),
        (f"api_key: k\ntags: [{', '.join('abcdefghijklmnopq')}]", "16"),
        ("api_key: k\nhook_secret: short", "hook_secret"),
    ],
)
def test_bad_settings_are_told(kind: type, text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loads(kind, text, {})
    assert "short" not in str(caught.value)


def test_jira_knows_responders_by_id_alone() -> None:
    with pytest.raises(ConfigError, match="id"):
        loads(JiraSettings, f"api_key: {API_KEY}\nresponders: ['team:ops']", {})
