"""The bodies that incident.io and Grafana IRM take, and those of somebody's own."""

from __future__ import annotations

import base64
import json

import pytest
from standardwebhooks import Webhook as Verifier

from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.webhook.bodies import PLACES
from coalmine_aggregator.notify.webhook.receiver import Webhook
from coalmine_aggregator.notify.webhook.settings import WebhookSettings
from coalmine_runtime.settings import ConfigError, loads
from tests.aggregator.store.samples import acknowledged, alert, changed, closed, opened
from tests.servers.hook import Hook

LINKS = Links("https://coalmine.example")
SECRET = "whsec_" + base64.b64encode(b"n" * 32).decode()
KEY = "prod/ingest/loss/1"
SUBJECT = "Restore ingest UDP: 100% lost, all regions"


def webhook(hook: Hook, client: Client, text: str) -> Webhook:
    return Webhook(loads(WebhookSettings, f"url: {hook.url}\n{text}", {}), client)


async def test_incident_io(hook: Hook, client: Client) -> None:
    sender = webhook(hook, client, "body: incident.io\ntoken: sesame")
    for transition in (opened(), changed(), acknowledged(), closed()):
        await sender.deliver(Notice((transition,), links=LINKS))
    bodies = [json.loads(message.body) for message in hook.messages]
    assert {message.headers["Authorization"] for message in hook.messages} == {"Bearer sesame"}
    assert "webhook-signature" not in hook.messages[0].headers
    assert [body["status"] for body in bodies] == ["firing", "firing", "firing", "resolved"]
    assert {body["deduplication_key"] for body in bodies} == {KEY}
    first = bodies[0]
    known = {"title", "description", "status", "deduplication_key", "source_url", "metadata"}
    assert first.keys() == known
    assert first["title"] == SUBJECT
    assert first["description"].startswith("```\nASSESS        44 of 44 udp datapoints lost")
    assert first["source_url"] == LINKS.view(alert())
    assert first["metadata"]["owner"] == "ingest-oncall"
    assert first["metadata"]["severity"] == "page"


async def test_grafana_irm(hook: Hook, client: Client) -> None:
    sender = webhook(hook, client, "body: grafana_irm")
    for transition in (opened(), closed()):
        await sender.deliver(Notice((transition,), links=LINKS))
    first, last = (json.loads(message.body) for message in hook.messages)
    assert first.keys() == {"alert_uid", "title", "state", "link_to_upstream_details", "message"}
    assert (first["alert_uid"], first["title"], first["state"]) == (KEY, SUBJECT, "alerting")
    assert (last["alert_uid"], last["state"]) == (KEY, "ok")
    assert "Authorization" not in hook.messages[0].headers


async def test_without_a_public_address_there_is_no_link(hook: Hook, client: Client) -> None:
    await webhook(hook, client, "body: grafana_irm").deliver(Notice((opened(),)))
    assert "link_to_upstream_details" not in json.loads(hook.messages[0].body)


async def test_a_body_of_ones_own_has_every_place_and_is_signed_if_wished(
    hook: Hook, client: Client
) -> None:
    document = json.dumps({"all": {place: f"<{{{place}:xml}}>" for place in PLACES}, "n": [1, None]})
    text = f"body: template\nsecret: {SECRET}\ntemplate: '{document}'"
    notice = Notice((opened(),), links=LINKS)
    await webhook(hook, client, text).deliver(notice)
    (message,) = hook.messages
    Verifier(SECRET).verify(message.body, {k.lower(): v for k, v in message.headers.items()})
    body = json.loads(message.body)
    assert body["n"] == [1, None]
    assert body["all"]["subject"] == f"<{SUBJECT}>"
    assert body["all"]["id"] == f"<{message_id(notice)}>"
    assert body["all"]["key"] == f"<{KEY}>"
    assert body["all"]["status"] == "<firing>"
    assert body["all"]["scope"] == "<protocol=udp>"
    assert body["all"].keys() == set(PLACES)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("body: incident.io", "token"),
        ("body: standard", "secret"),
        ("body: template", "template"),
        ("body: grafana_irm\ntemplate: '{}'", "template"),
        ("body: template\ntemplate: '{'", "JSON"),
        ("""body: template\ntemplate: '{"x": "{nothing}"}'""", "nothing"),
        ("body: incident.io\ntoken: 'two words'", "token"),
        ("body: pigeon", "body"),
        ("body: grafana_irm\nca_file: /nowhere.pem", "ca_file"),
    ],
)
def test_bad_settings_are_told(text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        loads(WebhookSettings, f"url: https://hooks.example/x\n{text}", {})
    assert "two words" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://10.1.2.3/x", "https://169.254.169.254/x", "https://[::]/x"])
def test_targets_are_public_unless_otherwise_said(url: str) -> None:
    with pytest.raises(ConfigError, match="url"):
        loads(WebhookSettings, f"url: '{url}'\nbody: grafana_irm", {})


def test_private_targets_can_be_allowed_and_metadata_cannot() -> None:
    text = "body: grafana_irm\nallow_private: true\nurl: 'https://{}/x'"
    assert loads(WebhookSettings, text.format("10.1.2.3"), {}).allow_private
    with pytest.raises(ConfigError, match="metadata"):
        loads(WebhookSettings, text.format("169.254.169.254"), {})
