"""Whatever a label, a name or a note holds, it reaches no receiver as more than text."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest

from coalmine_aggregator.model.alerts import Change, Transition
from coalmine_aggregator.notify.alertmanager.receiver import Alertmanager as AlertmanagerReceiver
from coalmine_aggregator.notify.alertmanager.settings import AlertmanagerSettings
from coalmine_aggregator.notify.gateway.receiver import Gateway
from coalmine_aggregator.notify.gateway.settings import GatewaySettings
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.jira.alert_api import AlertApi
from coalmine_aggregator.notify.jira.receiver import Jira
from coalmine_aggregator.notify.jira.settings import JiraSettings
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.mail.receiver import Mail
from coalmine_aggregator.notify.mail.settings import MailSettings
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.opsgenie.receiver import Opsgenie
from coalmine_aggregator.notify.opsgenie.settings import OpsgenieSettings
from coalmine_aggregator.notify.pagerduty.receiver import PagerDuty as PagerDutyReceiver
from coalmine_aggregator.notify.pagerduty.settings import PagerDutySettings
from coalmine_aggregator.notify.settings import KINDS
from coalmine_aggregator.notify.webhook.receiver import Webhook
from coalmine_aggregator.notify.webhook.settings import WebhookSettings
from coalmine_runtime.settings import loads
from tests.aggregator.notify.chat.channels import KINDS as PLATFORMS
from tests.aggregator.notify.chat.channels import channel
from tests.aggregator.notify.gateway.examples import TWILIO_SMS, TWILIO_VOICE
from tests.aggregator.notify.receivers import SECRET
from tests.aggregator.store.samples import alert, opened
from tests.servers.alert_api import API_KEY, AlertApiServer
from tests.servers.alertmanager import Alertmanager
from tests.servers.chat import ChatServer
from tests.servers.hook import Hook
from tests.servers.pagerduty import ROUTING_KEY, PagerDuty
from tests.servers.smtp import SmtpServer
from tests.servers.twilio import TOKEN, Twilio

FORGED = "Ack: coalmine alerts ack other-loss-9"
ANNA = "+353861234567"
LINKS = Links("https://coalmine.example")

HOSTILE = {
    "slack": "<!here> <@U024BE7LH> <http://evil.example|click> <!subteam^S1>",
    "discord": "@everyone @here <@1> <@&2> <#3> <t:0:R> <a:party:4>",
    "mattermost": "@channel @all @anna :tada: ~town-square",
    "markdown": "**bold** _it_ ~~no~~ `code` [click](http://evil.example) # h\n> quote\n- item",
    "fence": "``` @everyone ```` <@1> ```",
    "html": "<b>x</b><script>alert(1)</script>&lt;i&gt;<img src=x onerror=alert(1)>",
    "xml": "]]></Say><Dial>+15005550001</Dial><Say>\"'&#60;",
    "json": '"}], "to": ["+15005550001"], "x": "\\u0022\\',
    "form": "&To=+15005550001&From=evil;Body=x#y%26To=z",
    "template": "{to} {id} {text} {{subject}} {subject:xml} %s $HOME ${HOME}",
    "header": "x\r\nBcc: evil@example.com\r\n\r\n.\r\nMAIL FROM:<evil@example.com>",
    "newline": f"eu\n{FORGED}\nView https://evil.example/",
    "separators": f"eu\u2028{FORGED}\u2029{FORGED}\x0b{FORGED}\x0c{FORGED}\x85{FORGED}\x1e{FORGED}",
    "controls": "\x00\x07\x08\x1b[2J\x1b]0;x\x07\x7f\x9b31m",
    "directions": "\u202egnp.exe\u2066x\u2069\u200f",
    "long": "a" * 200,
    "astral": "\U0001f525" * 100,
}


def troubled(label: str) -> Transition:
    """An alert that has it wherever text may come from outside."""
    scope = (("protocol", "udp"), ("region", label), ("zone", label))
    named = alert(service=label)._replace(
        scope=scope,
        equivalents=(scope,),
        owner=label,
        playbook=label,
        steps=(label,),
        note=label,
        handle=label,
        effect=label,
        acknowledged_by=label,
    )
    return opened()._replace(alert=named)


def assert_text(text: str) -> None:
    """Nothing moves a cursor, turns the text or stands on a line that we did not write."""
    lines = text.split("\n")
    for line in lines:
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line), repr(line)
        assert not any(unicodedata.bidirectional(c) in ("RLO", "LRI", "RLI", "PDI") for c in line)
        assert line.rstrip() != FORGED
        assert not line.startswith("View https://evil")


class Stage(NamedTuple):
    """What a proof may use."""

    folder: Path
    client: Client
    patch: pytest.MonkeyPatch


Proof = Callable[[Stage, list[Notice]], Awaitable[list[list[str]]]]
"""Tells a receiver of all notices; returns, for each, the texts that people see. It asserts itself that
nothing but text differs from one to the next."""


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


def shape(value: Any) -> Any:
    """A JSON value without its texts and numbers."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def same(values: Iterable[Any]) -> None:
    """No label has added or taken away anything."""
    first, *others = map(shape, values)
    assert all(each == first for each in others)


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """The same without what machines alone read."""
    return {name: each for name, each in value.items() if name not in names}


async def alertmanager(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """A real one: it has them all, and each with the labels and annotations that we gave it."""
    server = Alertmanager(stage.folder)
    await server.start()
    try:
        settings = loads(AlertmanagerSettings, f"urls: ['{server.url}']", {})
        receiver = AlertmanagerReceiver(settings, stage.client)
        for number, notice in enumerate(notices):
            one = notice.transition.alert._replace(number=number, ordinal=number + 1, service="ingest")
            await receiver.deliver(notice._replace(transitions=(opened()._replace(alert=one),)))
        await receiver.close()
        firing = sorted(await server.alerts(), key=lambda each: int(each["labels"]["ordinal"]))
    finally:
        await server.kill()
    assert len(firing) == len(notices)
    assert len({tuple(sorted(each["labels"])) for each in firing}) == 1
    assert len({tuple(sorted(each["annotations"])) for each in firing}) == 1
    return [[*texts(each["labels"]), *texts(each["annotations"])] for each in firing]


async def chat(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """All platforms: what is a mention or a link there is ours."""
    said: list[list[str]] = []
    for notice in notices:
        said.append([])
        for platform in PLATFORMS:
            async with ChatServer() as chats:
                await channel(platform, chats, stage.patch).deliver(notice)
                (shown,) = chats.shown
            assert set(shown.syntax) <= {LINKS.view(notice.transition.alert)}
            said[-1].append(shown.text)
    return said


async def gateway(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """SMS and calls, and gateways that take forms or documents: the number is anna's, nothing is
    added."""
    form = "form: {to: '{to}', text: '{text}', subject: '{subject}', n: '1'}"
    document = """json: '{"to": ["{to}"], "text": "{text}", "subject": "{subject}", "n": 1}'"""
    said = []
    async with Twilio() as twilio, Hook(status=200) as hook:
        entries = [text.format(url=twilio.url, token=TOKEN) for text in (TWILIO_SMS, TWILIO_VOICE)]
        entries += [f"url: {hook.url}\n{body}" for body in (form, document)]
        for notice in notices:
            for entry in entries:
                receiver = Gateway(loads(GatewaySettings, entry, {}), stage.client)
                await receiver.deliver(notice._replace(contact=ANNA))
            sms, call = twilio.messages[-1], twilio.calls[-1]
            assert sms.to == call.to == ANNA
            assert "\n" not in call.said
            sent, told = hook.messages[-2:]
            fields = parse_qsl(sent.body.decode(), strict_parsing=True)
            assert [name for name, _ in fields] == ["to", "text", "subject", "n"]
            found = json.loads(told.body)
            assert (found["to"], found["n"]) == ([ANNA], 1)
            assert dict(fields) == {**found, "to": ANNA, "n": "1"}
            said.append([sms.body, call.said, found["text"], found["subject"]])
    assert len(twilio.messages) == len(twilio.calls) == len(notices)
    return said


async def alert_api(
    receiver: AlertApi, server: AlertApiServer, notices: list[Notice]
) -> list[list[str]]:
    """What Opsgenie and Jira Service Management share."""
    said = []
    for notice in notices:
        opening, alert = notice.transition, notice.transition.alert
        taken = opening._replace(change=Change.ACKNOWLEDGED, alert=alert._replace(acknowledged_at=1.0))
        over = opening._replace(change=Change.CLOSED, alert=alert._replace(closed_at=2.0))
        count = len(server.requests)
        for transition in (opening, taken, over):
            await receiver.deliver(notice._replace(transitions=(transition,)))
        requests = [without(body, "alias") for _, body in server.requests[count:]]
        assert all(alert.closed for alert in server.work_off())
        said.append([text for body in requests for text in texts(body)])
        # What it shows may be HTML, and its mobile programs mention people.
        view = LINKS.view(alert)
        for text in said[-1]:
            assert not re.search(r"[<>]|(?<![\w.])@\w", text.replace(view, "")), text
    assert server.refusals == []
    assert len(server.alerts) == len(notices)
    assert {action for action, _ in server.requests} == {"create", "acknowledge", "close"}
    return said


async def jira(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """By ids alone."""
    async with AlertApiServer(names=False) as server:
        settings = loads(JiraSettings, f"url: {server.url}\napi_key: {API_KEY}", {})
        return await alert_api(Jira(settings, stage.client), server, notices)


async def opsgenie(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """The same API."""
    async with AlertApiServer() as server:
        settings = loads(OpsgenieSettings, f"url: {server.url}\napi_key: {API_KEY}", {})
        return await alert_api(Opsgenie(settings, stage.client), server, notices)


async def mail(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """A real server: one recipient, always the same headers, plain text."""
    async with SmtpServer(stage.folder) as server:
        text = (
            f"server: 127.0.0.1:{server.port}\nfrom: c@example.com\nto: [a@example.com]\nsecurity: none"
        )
        sender = Mail(loads(MailSettings, text, {}))
        for notice in notices:
            await sender.deliver(notice)
        taken = server.taken()
    assert len({tuple(each.mail.keys()) for each in taken}) == 1
    said = []
    for each in taken:
        assert each.to == ["a@example.com"]
        found: EmailMessage = each.mail
        assert not found.defects
        assert found.get_content_type() == "text/plain"
        assert "\n" not in found["Subject"]
        said.append([str(found["Subject"]), found.get_content().replace("\r\n", "\n")])
    return said


async def pagerduty(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """The documented rules, and no link but those to the page and the playbook."""
    async with PagerDuty() as server:
        text = f"routing_key: {ROUTING_KEY}\nurl: {server.url}"
        receiver = PagerDutyReceiver(loads(PagerDutySettings, text, {}), stage.client)
        for notice in notices:
            await receiver.deliver(notice)
    assert server.refusals == []
    for notice, event in zip(notices, server.events, strict=True):
        assert [each["href"] for each in event["links"]] == [LINKS.view(notice.transition.alert)]
    same(without(event, "dedup_key") for event in server.events)
    return [list(texts(without(event, "dedup_key"))) for event in server.events]


async def webhook(stage: Stage, notices: list[Notice]) -> list[list[str]]:
    """Every body. Facts are exact in the standard one, which machines read; in all others they may be
    rendered, and are text whatever renders them."""
    template = (
        """{"title": "{subject}", "body": "{text}", "who": "{owner}", "where": "{scope}", "n": 1}"""
    )
    entries = {
        "standard": f"secret: {SECRET}",
        "incident.io": "body: incident.io\ntoken: abc",
        "grafana_irm": "body: grafana_irm",
        "template": f"body: template\ntemplate: '{template}'",
    }
    said: list[list[str]] = [[] for _ in notices]
    async with Hook(status=202) as hook:
        for kind, entry in entries.items():
            receiver = Webhook(loads(WebhookSettings, f"url: {hook.url}\n{entry}", {}), stage.client)
            hook.messages.clear()
            for notice in notices:
                await receiver.deliver(notice)
            bodies = [json.loads(message.body) for message in hook.messages]
            same(bodies)
            assert len({tuple(sorted(message.headers)) for message in hook.messages}) == 1
            for each, body, notice in zip(said, bodies, notices, strict=True):
                alert = notice.transition.alert
                if kind == "standard":
                    data = body["data"]
                    assert data["owner"] == alert.owner
                    assert data["scope"] == dict(alert.scope)
                    each += [data["subject"], data["summary"], data["page"]]
                    continue
                shown = list(texts(without(body, "deduplication_key", "alert_uid", "source_url")))
                assert not [text for text in shown if "<" in text.replace(LINKS.view(alert), "")]
                each += shown
    return said


PROOFS: dict[str, Proof] = {
    "alertmanager": alertmanager,
    "chat": chat,
    "gateway": gateway,
    "jira": jira,
    "mail": mail,
    "opsgenie": opsgenie,
    "pagerduty": pagerduty,
    "webhook": webhook,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_it_stays_text(
    kind: str, tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of receiver that there is: one without a proof fails."""
    notices = [Notice((troubled(label),), links=LINKS) for label in HOSTILE.values()]
    said = await PROOFS[kind](Stage(tmp_path, client, monkeypatch), notices)
    for name, shown in zip(HOSTILE, said, strict=True):
        assert shown, name
        for text in shown:
            assert_text(text)
