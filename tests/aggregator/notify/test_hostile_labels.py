"""Whatever a label, a name or a note holds, it reaches no receiver as more than text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from coalmine_aggregator.model.alerts import Transition
from coalmine_aggregator.notify.gateway.receiver import Gateway
from coalmine_aggregator.notify.gateway.settings import GatewaySettings
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.links import Links
from coalmine_aggregator.notify.mail.receiver import Mail
from coalmine_aggregator.notify.mail.settings import MailSettings
from coalmine_aggregator.notify.notice import Notice
from coalmine_runtime.settings import loads
from tests.aggregator.notify.chat.channels import KINDS, channel
from tests.aggregator.notify.gateway.examples import TWILIO_SMS, TWILIO_VOICE
from tests.aggregator.store.samples import alert, opened
from tests.servers.chat import ChatServer
from tests.servers.hook import Hook
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

hostile = pytest.mark.parametrize("label", HOSTILE.values(), ids=HOSTILE.keys())


def troubled(label: str) -> Transition:
    """An alert that has it wherever text may come from outside."""
    scope = (("protocol", "udp"), ("region", label), ("zone", label))
    named = alert(service=label)._replace(
        scope=scope, equivalents=(scope,), owner=label, note=label, handle=label, effect=label
    )
    return opened()._replace(alert=named)


def assert_text(text: str) -> None:
    """Nothing moves a cursor, turns the text or stands on a line that we did not write."""
    lines = text.split("\n")
    for line in lines:
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line), repr(line)
        assert not any(unicodedata.bidirectional(c) in ("RLO", "LRI", "RLI", "PDI") for c in line)
        assert line.strip() != FORGED
        assert not line.startswith("View https://evil")


@pytest.fixture
async def chats() -> AsyncIterator[ChatServer]:
    """The stand-in, running."""
    async with ChatServer() as running:
        yield running


@hostile
@pytest.mark.parametrize("kind", KINDS)
async def test_chats(chats: ChatServer, monkeypatch: pytest.MonkeyPatch, kind: str, label: str) -> None:
    transition = troubled(label)
    await channel(kind, chats, monkeypatch).deliver(Notice((transition,), links=LINKS))
    (shown,) = chats.shown
    assert set(shown.syntax) <= {LINKS.view(transition.alert)}
    assert_text(shown.text)


async def test_mail(tmp_path: Path) -> None:
    async with SmtpServer(tmp_path) as server:
        text = (
            f"server: 127.0.0.1:{server.port}\nfrom: c@example.com\nto: [a@example.com]\nsecurity: none"
        )
        sender = Mail(loads(MailSettings, text, {}))
        for label in HOSTILE.values():
            await sender.deliver(Notice((troubled(label),), links=LINKS))
        taken = server.taken()
    assert len(taken) == len(HOSTILE)
    headers = {tuple(each.mail.keys()) for each in taken}
    assert len(headers) == 1
    for each in taken:
        assert each.to == ["a@example.com"]
        mail: EmailMessage = each.mail
        assert not mail.defects
        assert mail.get_content_type() == "text/plain"
        assert_text(str(mail["Subject"]))
        assert "\n" not in mail["Subject"]
        assert_text(mail.get_content().replace("\r\n", "\n"))


@hostile
async def test_sms_and_voice(client: Client, label: str) -> None:
    async with Twilio() as twilio:
        for text in (TWILIO_SMS, TWILIO_VOICE):
            settings = loads(GatewaySettings, text.format(url=twilio.url, token=TOKEN), {})
            notice = Notice((troubled(label),), contact=ANNA, links=LINKS)
            await Gateway(settings, client).deliver(notice)
        (sms,), (call,) = twilio.messages, twilio.calls
    assert sms.to == call.to == ANNA
    assert_text(sms.body)
    assert_text(call.said)
    assert "\n" not in call.said


@hostile
async def test_other_gateways(hook: Hook, client: Client, label: str) -> None:
    hook.status = 200
    form = "form: {to: '{to}', text: '{text}', subject: '{subject}', n: '1'}"
    document = """json: '{"to": ["{to}"], "text": "{text}", "subject": "{subject}", "n": 1}'"""
    for body in (form, document):
        settings = loads(GatewaySettings, f"url: {hook.url}\n{body}", {})
        notice = Notice((troubled(label),), contact=ANNA, links=LINKS)
        await Gateway(settings, client).deliver(notice)
    sent, told = hook.messages
    fields = parse_qsl(sent.body.decode(), strict_parsing=True)
    assert [name for name, _ in fields] == ["to", "text", "subject", "n"]
    found = json.loads(told.body)
    assert (found["to"], found["n"]) == ([ANNA], 1)
    assert dict(fields) == {**found, "to": ANNA, "n": "1"}
    assert_text(found["text"])
