"""SMS and calls: through Twilio as it is documented, and through any other gateway."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from coalmine_aggregator.notify.gateway.gsm import segments_of
from coalmine_aggregator.notify.gateway.receiver import Gateway
from coalmine_aggregator.notify.gateway.settings import GatewaySettings
from coalmine_aggregator.notify.http import Client
from coalmine_aggregator.notify.message_id import message_id
from coalmine_aggregator.notify.notice import Notice
from coalmine_aggregator.notify.receiver import RefusedError, TryLaterError
from coalmine_runtime.settings import loads
from tests.aggregator.notify.gateway.examples import TWILIO_SMS, TWILIO_VOICE
from tests.aggregator.store.samples import opened
from tests.servers.hook import Hook
from tests.servers.twilio import TOKEN, Twilio

ANNA = "+353861234567"
NOTICE = Notice((opened(),), contact=ANNA)


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    """The stand-in, running."""
    async with Twilio() as running:
        yield running


def gateway(text: str, client: Client) -> Gateway:
    return Gateway(loads(GatewaySettings, text, {}), client)


async def test_twilio_sends_an_sms(twilio: Twilio, client: Client) -> None:
    sender = gateway(TWILIO_SMS.format(url=twilio.url, token=TOKEN), client)
    assert sender.address == "phone"
    await sender.deliver(NOTICE)
    (sms,) = twilio.messages
    assert sms.to == ANNA
    assert sms.body.startswith("Restore ingest UDP: 100% lost, all regions\n")
    assert segments_of(sms.body) <= 2


async def test_twilio_calls(twilio: Twilio, client: Client) -> None:
    await gateway(TWILIO_VOICE.format(url=twilio.url, token=TOKEN), client).deliver(NOTICE)
    (call,) = twilio.calls
    assert call.to == ANNA
    assert call.said == "Restore ingest UDP: 100% lost, all regions"


async def test_twilio_s_refusals(twilio: Twilio, client: Client) -> None:
    with pytest.raises(RefusedError, match="20003"):
        await gateway(TWILIO_SMS.format(url=twilio.url, token="wrong"), client).deliver(NOTICE)
    sender = gateway(TWILIO_SMS.format(url=twilio.url, token=TOKEN), client)
    with pytest.raises(RefusedError, match="country code"):
        await sender.deliver(Notice((opened(),), contact="+1&To=+353861234567"))
    twilio.answers += [(429, {"Retry-After": "7"}), (503, {})]
    with pytest.raises(TryLaterError, match="20429") as caught:
        await sender.deliver(NOTICE)
    assert caught.value.after_s == 7
    with pytest.raises(TryLaterError, match="503"):
        await sender.deliver(NOTICE)
    await sender.deliver(NOTICE)
    assert len(twilio.messages) == 1


async def test_json_headers_and_a_fixed_number(hook: Hook, client: Client) -> None:
    hook.status = 200
    text = f"""
url: {hook.url}
method: PUT
to: "{ANNA}"
headers: [{{name: X-Api-Key, value: k3y}}]
json: '{{"messages": [{{"to": ["{{to}}"], "text": "{{text}}", "key": "{{id}}", "n": 1}}]}}'
"""
    sender = gateway(text, client)
    assert sender.address == ""
    await sender.deliver(Notice((opened(),)))
    (message,) = hook.messages
    assert message.headers["Content-Type"] == "application/json"
    assert message.headers["X-Api-Key"] == "k3y"
    (sent,) = json.loads(message.body)["messages"]
    assert sent["to"] == [ANNA]
    assert sent["text"].startswith("Restore ingest UDP")
    assert sent["key"] == message_id(Notice((opened(),)))
    assert sent["n"] == 1


async def test_each_try_has_the_same_id_and_each_repeat_another(hook: Hook, client: Client) -> None:
    hook.status = 200
    hook.answers.append((500, {}))
    sender = gateway(
        f"url: {hook.url}\nform: {{to: '{{to}}', text: '{{subject}}', id: '{{id}}'}}", client
    )
    with pytest.raises(TryLaterError):
        await sender.deliver(NOTICE)
    await sender.deliver(NOTICE)
    await sender.deliver(NOTICE._replace(step=1, repeat=1))
    first, again, repeat = [parse_qs(message.body.decode())["id"] for message in hook.messages]
    assert first == again != repeat


class Answering:
    """A gateway that answers as told, and keeps the query it was asked with."""

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = status, body
        self.asked: list[dict[str, str]] = []
        self.url = ""

    async def __aenter__(self) -> Answering:
        app = web.Application()
        app.router.add_route("*", "/send", self._take)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/send"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        status, body = self._answer
        return web.Response(status=status, body=body)


async def test_get_puts_the_form_into_the_query(client: Client) -> None:
    async with Answering(200, b"") as other:
        text = f"url: {other.url}?key=k%2B1\nmethod: GET\nform: {{to: '{{to}}', text: '{{text}}&x=y'}}"
        await gateway(text, client).deliver(NOTICE)
    (asked,) = other.asked
    assert asked.keys() == {"key", "to", "text"}
    assert asked["key"] == "k+1"
    assert asked["to"] == ANNA
    assert asked["text"].startswith("Restore ingest UDP: 100% lost, all regions\n")
    assert asked["text"].endswith("&x=y")


TAKEN = "taken: {status: [200], pointer: /messages/0/status, equals: '0'}"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b'{"messages": [{"status": "0"}]}', None),
        (200, b'{"messages": [{"status": 0}]}', None),
        (200, b'{"messages": [{"status": "4"}]}', "is '4', not '0'"),
        (200, b'{"messages": []}', "is None"),
        (200, b"<html>welcome</html>", "no JSON: <html>"),
        (200, b'{"messages": ["\xff"]}', "no JSON"),
        (200, b"[" * 100_000, "no JSON"),
        (201, b'{"messages": [{"status": "0"}]}', "201"),
        (302, b"", "302"),
        (403, b"no", "403 no"),
    ],
)
async def test_what_counts_as_taken(
    client: Client, status: int, body: bytes, error: str | None
) -> None:
    async with Answering(status, body) as other:
        sender = gateway(f"url: {other.url}\nform: {{to: '{{to}}', m: '{{text}}'}}\n{TAKEN}", client)
        if error is None:
            await sender.deliver(NOTICE)
        else:
            with pytest.raises(RefusedError, match=error):
                await sender.deliver(NOTICE)
    assert len(other.asked) == 1


async def test_the_login_is_basic(hook: Hook, client: Client) -> None:
    text = f"url: {hook.url}\nform: {{m: '{{text}}'}}\nuser: me\npassword: pä\ntaken: {{status: [204]}}"
    sender = gateway(text, client)
    assert sender.address == ""
    await sender.deliver(Notice((opened(),)))
    scheme, _, login = hook.messages[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(login).decode()) == ("Basic", "me:pä")
